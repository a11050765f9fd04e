import { IpAddress } from '../address/index.ts'
import type { Neighbor } from '../arp/index.ts'
import { addressSum4 } from '../checksum/index.ts'
import type { Ip, Path } from '../ip/index.ts'
import { baseSum, HEADER_LENGTH } from './wire.ts'

/** Counts changes of routes and addresses. */
export interface Generation {
  readonly generation: number
}

/**
 * Everything that the sending of a packet to one destination needs, found once. Fields change only in the one path that is
 * used for all passing strangers.
 */
export class Ipv4Path implements Path {
  readonly ip: Ip
  readonly headerLength = HEADER_LENGTH
  /** The total length field has 16 bits; what is larger than `mtu` goes in fragments. */
  readonly largestPacket = 65_535
  addressSum = 0
  readonly isBroadcast: boolean
  mtu: number
  /** What the first link takes, whatever is known of the path behind it. */
  readonly linkMtu: number
  /** Until when `mtu` is one that was learnt, microseconds; 0 if it is the link's. */
  mtuExpiry = 0
  /** Routers may cut packets: less was claimed than what we go down to (as Linux, "lock"). */
  mayBeCut = false

  sourceAddress = 0
  destinationAddress = 0
  /** Sum over the header's words that are the same for every packet. */
  headerSum = 0
  /** TTL unless the transport asks for another. */
  readonly defaultHopLimit: number
  /** Next hop; for a local destination the destination. */
  nextHop: number
  /** Null for a local destination. */
  neighbor: Neighbor | null
  /** Identification of the next packet, 0 to 65,535. */
  identification: number
  /** Its source address is the one chosen when none is asked for. */
  readonly hasDefaultSource: boolean
  /** Asked for again since it was made or since the path cache last looked. */
  referenced = false
  /** The same destination from another source address, in the path cache. */
  sibling: Ipv4Path | null = null

  readonly #current: Generation
  #generation: number
  // Made when they are asked for: most strangers are answered without.
  #source: IpAddress | null = null
  #destination: IpAddress | null = null

  constructor(
    ip: Ip,
    current: Generation,
    source: number,
    destination: number,
    nextHop: number,
    neighbor: Neighbor | null,
    mtu: number,
    hopLimit: number,
    hasDefaultSource: boolean,
    isBroadcast: boolean,
    identification: number,
  ) {
    this.ip = ip
    this.nextHop = nextHop
    this.neighbor = neighbor
    this.hasDefaultSource = hasDefaultSource
    this.isBroadcast = isBroadcast
    this.mtu = mtu
    this.linkMtu = mtu
    this.defaultHopLimit = hopLimit
    this.identification = identification
    this.#current = current
    this.#generation = current.generation
    this.#setEnds(source, destination)
  }

  get source(): IpAddress {
    this.#source ??= IpAddress.v4(this.sourceAddress)
    return this.#source
  }

  get destination(): IpAddress {
    this.#destination ??= IpAddress.v4(this.destinationAddress)
    return this.#destination
  }

  get isLocal(): boolean {
    return this.neighbor === null
  }

  get isStale(): boolean {
    return this.#generation !== this.#current.generation
  }

  /** Makes it the path to another host. Only for a path that nobody keeps. */
  redirect(source: number, destination: number, nextHop: number, neighbor: Neighbor): void {
    this.#generation = this.#current.generation
    this.nextHop = nextHop
    this.neighbor = neighbor
    this.#source = this.#destination = null
    this.#setEnds(source, destination)
  }

  #setEnds(source: number, destination: number): void {
    this.sourceAddress = source
    this.destinationAddress = destination
    this.addressSum = addressSum4(source, destination)
    this.headerSum = baseSum(source, destination)
  }
}
