/** Initial sequence numbers, RFC 6528, and timestamp offsets, RFC 7323, 5.4. */
import { KeyedHash, type Microseconds, type Random } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** RFC 6528, section 3: M is a timer that ticks every 4 microseconds. */
const TICK: Microseconds = 4

/** Keys of its own, so that numbers which everyone can see say nothing about the tables' keys. */
export class InitialSequenceNumbers {
  // Two independent keys of 64 bits: one could be searched for by whoever collects enough numbers.
  readonly #first: KeyedHash
  readonly #second: KeyedHash

  constructor(random: Random) {
    this.#first = new KeyedHash(random)
    this.#second = new KeyedHash(random)
  }

  /** ISN = M + F(localip, localport, remoteip, remoteport, secretkey). */
  next(path: Path, ports: number, now: Microseconds): SequenceNumber {
    return sequenceNumber((Math.floor(now / TICK) % 2 ** 32) + this.#hash(path, ports))
  }

  /** Per pair of hosts, not ports: a reused port then never sees time going backwards (as Linux). */
  timestampOffset(path: Path): number {
    return this.#hash(path, 0)
  }

  /** `timestampOffset` of the way back to whoever sent `packet`. */
  timestampOffsetBack(packet: PacketBuffer): number {
    return hashBack(this.#first, packet) ^ hashBack(this.#second, packet)
  }

  #hash({ source, destination }: Path, ports: number): number {
    return hash(this.#first, source, destination, ports) ^ hash(this.#second, source, destination, ports)
  }
}

function hash(key: KeyedHash, source: Path['source'], destination: Path['destination'], ports: number): number {
  return key.hash9(
    source.word0,
    source.word1,
    source.word2,
    source.word3,
    destination.word0,
    destination.word1,
    destination.word2,
    destination.word3,
    ports,
  )
}

function hashBack(key: KeyedHash, packet: PacketBuffer): number {
  return key.hash9(
    packet.destination0,
    packet.destination1,
    packet.destination2,
    packet.destination3,
    packet.source0,
    packet.source1,
    packet.source2,
    packet.source3,
    0,
  )
}
