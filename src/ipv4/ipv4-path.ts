import type { IpAddress } from '../address/index.ts'
import type { Neighbor } from '../arp/index.ts'
import { addressSum4 } from '../checksum/index.ts'
import type { Ip, Path } from '../ip/index.ts'
import { baseSum, HEADER_LENGTH } from './wire.ts'

/** Counts changes of routes and addresses. */
export interface Generation {
  readonly generation: number
}

/** Everything that the sending of a packet to one destination needs, found once. */
export class Ipv4Path implements Path {
  readonly ip: Ip
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly headerLength = HEADER_LENGTH
  readonly addressSum: number
  readonly isLocal: boolean
  readonly isBroadcast: boolean
  mtu: number
  /** What the first link takes, whatever is known of the path behind it. */
  readonly linkMtu: number
  /** Until when `mtu` is one that was learnt, microseconds; 0 if it is the link's. */
  mtuExpiry = 0

  readonly sourceAddress: number
  readonly destinationAddress: number
  /** Sum over the header's words that are the same for every packet. */
  readonly headerSum: number
  /** TTL unless the transport asks for another. */
  readonly defaultHopLimit: number
  /** Next hop; null for a local destination. */
  readonly nextHop: number
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
  readonly #generation: number

  constructor(
    ip: Ip,
    current: Generation,
    source: IpAddress,
    destination: IpAddress,
    nextHop: number,
    neighbor: Neighbor | null,
    mtu: number,
    hopLimit: number,
    hasDefaultSource: boolean,
    isBroadcast: boolean,
    identification: number,
  ) {
    this.ip = ip
    this.source = source
    this.destination = destination
    this.sourceAddress = source.word3
    this.destinationAddress = destination.word3
    this.addressSum = addressSum4(source.word3, destination.word3)
    this.headerSum = baseSum(source.word3, destination.word3)
    this.nextHop = nextHop
    this.neighbor = neighbor
    this.isLocal = neighbor === null
    this.hasDefaultSource = hasDefaultSource
    this.isBroadcast = isBroadcast
    this.mtu = mtu
    this.linkMtu = mtu
    this.defaultHopLimit = hopLimit
    this.identification = identification
    this.#current = current
    this.#generation = current.generation
  }

  get isStale(): boolean {
    return this.#generation !== this.#current.generation
  }
}
