import { Timer, type TimerHandler } from '../clock/index.ts'
import { PacketQueue } from '../packet/index.ts'

/**
 * What is known about a neighbour's reachability. RFC 1122, 2.3.2.1 asks that ARP entries are validated; as Linux does,
 * the states are those of IPv6 neighbour discovery, RFC 4861, section 7.3.2.
 */
export const NeighborState = {
  /** Requests are out and packets wait; no address is known. */
  Incomplete: 0,
  /** The address was confirmed lately. */
  Reachable: 1,
  /** The address may be out of date: the next packet uses it and starts the check. */
  Stale: 2,
  /** In use without confirmation; transports get a chance to confirm before we ask. */
  Delay: 3,
  /** Being asked by unicast, still in use. */
  Probe: 4,
  /** Nobody answered; the next packet asks again. */
  Failed: 5,
  /** Entered by a person, or a group address: never asked, never expires, not changed by traffic. */
  Permanent: 6,
  /** No longer in the cache: whoever holds it looks the address up again. */
  Dead: 7,
} as const
export type NeighborState = (typeof NeighborState)[keyof typeof NeighborState]

/** Whose timers these are. */
export interface NeighborOwner {
  neighborTimer(neighbor: Neighbor): void
}

/** A station on our link. Paths hold it, so that a packet on its way out needs no table: `ready` and the address. */
export class Neighbor implements TimerHandler {
  /** IPv4 address, signed. */
  readonly address: number
  state: NeighborState = NeighborState.Incomplete
  /** `macHigh` and `macLow` may be used without telling ARP: Reachable, Delay, Probe or Permanent. */
  ready = false
  macHigh = 0
  macLow = 0
  /** An upper layer heard from the peer since the reachable timer was armed. */
  confirmed = false
  /** We have sent through it since it was last confirmed or made; what nobody sends through is evicted first. */
  asked = false
  /** Requests sent in this round. */
  requests = 0
  /** When the MAC address last changed, microseconds; see `LOCK_TIME` in arp.ts. */
  changedAt = 0
  readonly timer: Timer

  /** Packets that wait for the address. */
  readonly waiting = new PacketQueue()

  readonly #owner: NeighborOwner

  constructor(owner: NeighborOwner, address: number) {
    this.#owner = owner
    this.address = address
    this.timer = new Timer(this)
  }

  onTimer(): void {
    this.#owner.neighborTimer(this)
  }
}
