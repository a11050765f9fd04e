import type { IpAddress } from '../address/index.ts'
import { addressSum6 } from '../checksum/index.ts'
import type { Ip, Path } from '../ip/index.ts'
import type { NextHop } from './neighbor-resolver.ts'
import type { PathMtu } from './path-mtus.ts'
import { HEADER_LENGTH, MAX_PAYLOAD } from './wire.ts'

/** Counts changes of routes and addresses. */
export interface Generation {
  readonly generation: number
}

/**
 * Everything that the sending of a packet to one destination needs, found once. Fields change only in the one path that is
 * used for all passing strangers.
 */
export class Ipv6Path implements Path {
  readonly ip: Ip
  readonly headerLength = HEADER_LENGTH
  readonly isBroadcast = false
  readonly largestPacket = HEADER_LENGTH + MAX_PAYLOAD
  source: IpAddress
  destination: IpAddress
  addressSum = 0
  /** What the first link takes, whatever is known of the path behind it. */
  readonly linkMtu: number
  /** What was learnt about the path behind it, if anything was. */
  learnt: PathMtu | null = null
  /** Hop limit unless the transport asks for another. */
  readonly defaultHopLimit: number
  /** Address of the next hop; for a local destination the destination. */
  nextHopAddress: IpAddress
  /** Null for a local destination. */
  nextHop: NextHop | null
  /** Its source address is the one chosen when none is asked for. */
  readonly hasDefaultSource: boolean
  /** Asked for again since it was made or since the path cache last looked. */
  referenced = false
  /** Another with the same hash, in the path cache. */
  sibling: Ipv6Path | null = null
  /** What the flow label was last computed from, ports and protocol, and the label. */
  flowPorts = 0
  flowProtocol = -1
  flowLabel = 0

  readonly #current: Generation
  #generation: number

  constructor(
    ip: Ip,
    current: Generation,
    source: IpAddress,
    destination: IpAddress,
    nextHopAddress: IpAddress,
    nextHop: NextHop | null,
    mtu: number,
    hopLimit: number,
    hasDefaultSource: boolean,
  ) {
    this.ip = ip
    this.source = source
    this.destination = destination
    this.nextHopAddress = nextHopAddress
    this.nextHop = nextHop
    this.hasDefaultSource = hasDefaultSource
    this.linkMtu = mtu
    this.defaultHopLimit = hopLimit
    this.#current = current
    this.#generation = current.generation
    this.#sum()
  }

  get mtu(): number {
    const { learnt, linkMtu } = this
    return learnt === null || learnt.mtu > linkMtu ? linkMtu : learnt.mtu
  }

  get isLocal(): boolean {
    return this.nextHop === null
  }

  get isStale(): boolean {
    return this.#generation !== this.#current.generation
  }

  leadsTo(word0: number, word1: number, word2: number, word3: number): boolean {
    const { destination } = this
    return (
      destination.word3 === word3 &&
      destination.word2 === word2 &&
      destination.word1 === word1 &&
      destination.word0 === word0
    )
  }

  comesFrom(word0: number, word1: number, word2: number, word3: number): boolean {
    const { source } = this
    return source.word3 === word3 && source.word2 === word2 && source.word1 === word1 && source.word0 === word0
  }

  /** Makes it the path to another host. Only for a path that nobody keeps. */
  redirect(source: IpAddress, destination: IpAddress, nextHopAddress: IpAddress, nextHop: NextHop): void {
    this.#generation = this.#current.generation
    this.source = source
    this.destination = destination
    this.nextHopAddress = nextHopAddress
    this.nextHop = nextHop
    this.flowProtocol = -1
    this.#sum()
  }

  #sum(): void {
    const { source, destination } = this
    this.addressSum = addressSum6(
      source.word0,
      source.word1,
      source.word2,
      source.word3,
      destination.word0,
      destination.word1,
      destination.word2,
      destination.word3,
    )
  }
}
