/** Datagrams that wait for a socket's turn, bounded as the kernel bounds its receive buffers. */
import { IpAddress } from '../address/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Linux net.core.rmem_default and rmem_max. */
export const DEFAULT_BUFFER = 212_992
/** What the kernel counts for a datagram beside its data (the least `truesize` of a small packet). */
const OVERHEAD = 768

/** One datagram. */
export interface Waiting {
  readonly data: Buffer
  readonly from: IpAddress
  readonly port: number
}

export class DatagramQueue {
  /** Bytes that may wait, `OVERHEAD` for each datagram included. */
  limit = DEFAULT_BUFFER
  /** How many found no room. */
  dropped = 0
  /** The number of the latest error that nobody has been told of, 0 for none: Linux keeps one (`sk_err`). */
  error = 0
  #waiting: Waiting[] = []
  #next = 0
  #bytes = 0
  /** Most come from where the one before came from. */
  #lastFrom: IpAddress | null = null

  get isEmpty(): boolean {
    return this.#next === this.#waiting.length
  }

  /** Copies the data of a packet. */
  addPacket(packet: PacketBuffer, port: number): void {
    const length = packet.payloadEnd - packet.payload
    // As Linux: one that finds any room at all is taken.
    if (this.#bytes >= this.limit) {
      this.dropped++
      return
    }
    this.#bytes += length + OVERHEAD
    const data = Buffer.from(packet.memory.bytes.subarray(packet.payload, packet.payloadEnd))
    this.#waiting.push({ data, from: this.#source(packet), port })
  }

  /** Tells of an error once. */
  takeError(): number {
    const { error } = this
    this.error = 0
    return error
  }

  shift(): Waiting | null {
    if (this.isEmpty) return null
    const first = this.#waiting[this.#next++]
    this.#bytes -= first.data.length + OVERHEAD
    if (this.isEmpty) {
      this.#waiting = []
      this.#next = 0
    }
    return first
  }

  clear(): void {
    this.#waiting = []
    this.#next = this.#bytes = this.error = 0
  }

  #source(packet: PacketBuffer): IpAddress {
    const known = this.#lastFrom
    if (
      known !== null &&
      known.word3 === packet.source3 &&
      known.word2 === packet.source2 &&
      known.word1 === packet.source1 &&
      known.word0 === packet.source0
    ) {
      return known
    }
    this.#lastFrom = IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
    return this.#lastFrom
  }
}
