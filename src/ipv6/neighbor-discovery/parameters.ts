import { MILLISECOND, type Microseconds, SECOND } from '../../clock/index.ts'
import { LEAST_MTU } from '../wire.ts'

/** RFC 4861, section 10: REACHABLE_TIME and RETRANS_TIMER. */
const REACHABLE_TIME: Microseconds = 30 * SECOND
const RETRANS_TIMER: Microseconds = SECOND
/** Linux, ndisc_router_discovery: nothing below a tenth of a second is taken from an advertisement. */
const LEAST_TIME: Microseconds = 100 * MILLISECOND
/** RFC 4861, 6.2.1: AdvReachableTime is an hour at most. */
const LONGEST_REACHABLE_TIME: Microseconds = 3600 * SECOND
/**
 * The RFC has no limit for this one. With more, one forged message would put resolution and the check of new addresses to
 * sleep, for good, as no field of 0 takes it back.
 */
const LONGEST_RETRANSMIT_TIME: Microseconds = 10 * SECOND
/** Linux, and the default that IANA recommends. */
const HOP_LIMIT = 64

/** What routers say about the link, RFC 4861, section 6.3.2. */
export class LinkParameters {
  /** Of unicast packets that we send, 1 to 255. */
  hopLimit = HOP_LIMIT
  /** The mean of the randomised reachable time. */
  baseReachableTime: Microseconds = REACHABLE_TIME
  /** Between solicitations. */
  retransmitTime: Microseconds = RETRANS_TIMER
  /** Largest packet on the link: what the interface carries, or less if a router says so. Bytes. */
  mtu: number

  readonly #interfaceMtu: number

  constructor(mtu: number) {
    this.#interfaceMtu = mtu
    this.mtu = mtu
  }

  /** RFC 4861, 6.3.4: fields that are 0 say nothing. Times in milliseconds. */
  learn(hopLimit: number, reachableTime: number, retransTimer: number): void {
    if (hopLimit !== 0) this.hopLimit = hopLimit
    if (reachableTime !== 0) this.baseReachableTime = withinBounds(reachableTime, LONGEST_REACHABLE_TIME)
    if (retransTimer !== 0) this.retransmitTime = withinBounds(retransTimer, LONGEST_RETRANSMIT_TIME)
  }

  /** RFC 4861, 6.3.4. @returns whether it is one that the link may have */
  learnMtu(mtu: number): boolean {
    if (mtu < LEAST_MTU || mtu > this.#interfaceMtu) return false
    this.mtu = mtu
    return true
  }
}

function withinBounds(milliseconds: number, longest: Microseconds): Microseconds {
  return Math.min(Math.max(milliseconds * MILLISECOND, LEAST_TIME), longest)
}
