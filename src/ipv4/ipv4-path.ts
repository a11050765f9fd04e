import { IpAddress } from '../address/index.ts'
import type { Neighbor } from '../arp/index.ts'
import { addressSum4 } from '../checksum/index.ts'
import type { Ip, Path } from '../ip/index.ts'
import type { PathMtus } from './path-mtus.ts'
import { baseSum, HEADER_LENGTH } from './wire.ts'

/** Counts changes of routes and addresses. */
export interface Generation {
  readonly generation: number
}

/**
 * Everything that the sending of a packet to one destination needs, found once. Fields change only in the one path that is
 * used for all passing strangers, and with what is learnt of the MTU.
 */
export class Ipv4Path implements Path {
  readonly ip: Ip
  readonly headerLength = HEADER_LENGTH
  /** The total length field has 16 bits; what is larger than `mtu` goes in fragments. */
  readonly largestPacket = 65_535
  addressSum = 0
  readonly isBroadcast: boolean
  /** What the first link takes, whatever is known of the path behind it. */
  readonly linkMtu: number
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
  readonly #mtus: PathMtus
  /** Of `#mtus`, when this path looked there last; -1: never. */
  #mtuVersion = -1
  #mtu: number
  #mayBeCut = false
  #generation: number
  // Made when they are asked for: most strangers are answered without.
  #source: IpAddress | null = null
  #destination: IpAddress | null = null

  constructor(
    ip: Ip,
    current: Generation,
    mtus: PathMtus,
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
    this.#mtus = mtus
    this.#mtu = mtu
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

  get mtu(): number {
    if (this.#mtuVersion !== this.#mtus.version) this.#lookForMtu()
    return this.#mtu
  }

  /** Routers may cut packets: less was claimed than what we go down to (as Linux, "lock"). */
  get mayBeCut(): boolean {
    if (this.#mtuVersion !== this.#mtus.version) this.#lookForMtu()
    return this.#mayBeCut
  }

  #lookForMtu(): void {
    this.#mtuVersion = this.#mtus.version
    // Nothing limits what we send to ourselves.
    const known = this.isLocal ? null : this.#mtus.find(this.destinationAddress)
    this.#mtu = known === null ? this.linkMtu : Math.min(known.mtu, this.linkMtu)
    this.#mayBeCut = known?.mayBeCut ?? false
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
    this.#mtuVersion = -1
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
