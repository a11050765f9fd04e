import type { IpAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'
import type { LinkParameters } from './parameters.ts'

/** RFC 4861, section 10: MAX_RTR_SOLICITATION_DELAY. */
const MAX_DELAY: Microseconds = SECOND
/** RFC 7527, 4.1: as many solicitations more (MAX_MULTICAST_SOLICIT) while the link sends ours back. */
const LOOPED_BACK_SOLICITATIONS = 3

/** All that it may touch of the world. */
export interface DuplicateAddressDetectionContext {
  readonly clock: Clock
  readonly random: Random
  readonly parameters: LinkParameters
  /** Asks for `address` from the unspecified address, with this nonce. */
  sendDetection(address: IpAddress, nonceHigh: number, nonceLow: number): void
  /** Nobody answered. */
  detectionPassed(detection: DuplicateAddressDetection): void
}

/**
 * Whether somebody has an address already: duplicate address detection, RFC 4862, section 5.4, enhanced with a nonce (RFC
 * 7527), by which it knows its own solicitations when they come back.
 */
export class DuplicateAddressDetection implements TimerHandler {
  readonly address: IpAddress
  readonly #context: DuplicateAddressDetectionContext
  readonly #timer = new Timer(this)
  /** RFC 7527, 4.1: one for all solicitations of an address, as Linux. */
  readonly #nonceHigh: number
  readonly #nonceLow: number
  #remaining: number
  #loopedBack = false

  /** @param transmits solicitations, DupAddrDetectTransmits of RFC 4862, 5.1: 1 or more */
  constructor(context: DuplicateAddressDetectionContext, address: IpAddress, transmits: number) {
    this.#context = context
    this.address = address
    this.#remaining = transmits
    this.#nonceHigh = context.random.below(0x10000)
    this.#nonceLow = context.random.int32()
  }

  /**
   * RFC 4862, 5.4.2: the first waits for up to a second, so that hosts that a router's message woke do not speak at once.
   * @param delay before that, for a second attempt
   */
  start(delay: Microseconds): void {
    const { clock, random } = this.#context
    clock.arm(this.#timer, clock.now() + delay + random.below(MAX_DELAY))
  }

  stop(): void {
    this.#context.clock.disarm(this.#timer)
  }

  onTimer(): void {
    if (this.#remaining === 0) {
      this.#context.detectionPassed(this)
      return
    }
    this.#remaining--
    const { clock, parameters } = this.#context
    clock.arm(this.#timer, clock.now() + parameters.retransmitTime)
    this.#context.sendDetection(this.address, this.#nonceHigh, this.#nonceLow)
  }

  /** A solicitation for the address has our nonce: it is ours, and no evidence against the address. RFC 7527, 4.2. */
  isOwn(nonceHigh: number, nonceLow: number): boolean {
    return nonceHigh === this.#nonceHigh && nonceLow === this.#nonceLow
  }

  /** RFC 7527, 4.1: what came back may have drowned an answer, so it asks on, once. */
  noteLoopedBack(): void {
    if (this.#loopedBack) return
    this.#loopedBack = true
    this.#remaining += LOOPED_BACK_SOLICITATIONS
  }
}
