import type { IpAddress } from '../../address/index.ts'
import { type Microseconds, Timer, type TimerHandler } from '../../clock/index.ts'
import { PacketQueue } from '../../packet/index.ts'
import type { AddressEntry } from '../address-map.ts'
import type { NextHop } from '../neighbor-resolver.ts'

/** What is known about a neighbour's reachability, RFC 4861, section 7.3.2, and what surrounds that. */
export const NeighborState = {
  /** Solicitations are out and packets wait; no link-layer address is known. */
  Incomplete: 0,
  /** The address was confirmed within the reachable time. */
  Reachable: 1,
  /** The address may be out of date: the next packet uses it and starts the check. */
  Stale: 2,
  /** In use without confirmation; transports get a chance to confirm before we ask. */
  Delay: 3,
  /** Being asked by unicast, still in use. */
  Probe: 4,
  /** RFC 7048: did not answer the probes; still used for want of better, and asked for by multicast ever less often. */
  Unreachable: 5,
  /** Nothing is known: new, or nobody answered. The next packet asks. RFC 4861 has no entry then. */
  Failed: 6,
  /** Entered by a person: never asked, never expires, not changed by traffic. */
  Permanent: 7,
  /** No longer in the cache: whoever holds it looks the address up again. */
  Dead: 8,
} as const
export type NeighborState = (typeof NeighborState)[keyof typeof NeighborState]

/** Whose timers these are. */
export interface NeighborOwner {
  neighborTimer(neighbor: Neighbor): void
}

/** A station on our link; RFC 4861, 5.1. Paths hold it, so that a packet on its way out needs no table. */
export class Neighbor implements NextHop, AddressEntry<Neighbor>, TimerHandler {
  readonly address: IpAddress
  state: NeighborState = NeighborState.Failed
  /** `macHigh` and `macLow` may be used without telling anybody: Reachable, Delay, Probe or Permanent. */
  ready = false
  macHigh = 0
  macLow = 0
  /** RFC 4861, 5.1: it says that it is a router. */
  isRouter = false
  /** It was asked in vain and has not been heard of since: other routers are better (RFC 4861, 6.3.6). */
  isSilent = false
  /** An upper layer heard from it since the reachable timer was armed. */
  confirmed = false
  /** Somebody here wanted it since it was last confirmed or made; what nobody wants is evicted first. */
  asked = false
  /** Solicitations sent in this round. */
  solicitations = 0
  /** RFC 7048: time between solicitations while Unreachable, and when the next may go out. */
  backoff: Microseconds = 0
  nextSolicitation: Microseconds = 0
  readonly timer: Timer

  /** Packets that wait for the address. */
  readonly waiting = new PacketQueue()

  sameHash: Neighbor | null = null
  /** The cache's list in order of use. */
  older: Neighbor | null = null
  newer: Neighbor | null = null

  readonly #owner: NeighborOwner

  constructor(owner: NeighborOwner, address: IpAddress) {
    this.#owner = owner
    this.address = address
    this.timer = new Timer(this)
  }

  get isDead(): boolean {
    return this.state === NeighborState.Dead
  }

  /** A link-layer address is known. */
  get hasLinkLayer(): boolean {
    return (this.state >= NeighborState.Reachable && this.state <= NeighborState.Unreachable) || this.isPermanent
  }

  get isPermanent(): boolean {
    return this.state === NeighborState.Permanent
  }

  onTimer(): void {
    this.#owner.neighborTimer(this)
  }
}
