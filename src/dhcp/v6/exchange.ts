/** Reliability of exchanges that a client begins, RFC 8415, section 15. */

import { type Clock, MILLISECOND, type Microseconds, type Random, Timer, type TimerHandler } from '../../clock/index.ts'
import type { TransmitLimit } from '../transmit-limit.ts'
import type { Dhcpv6Counters } from './counters.ts'
import type { RetransmissionParameters } from './parameters.ts'

/** RAND is within this of zero. */
const RANDOMIZATION = 0.1
const TRANSACTION_ID_BITS = 24
/** The elapsed time option counts these, and stays at its largest value, RFC 8415, section 21.9. */
const HUNDREDTH: Microseconds = 10 * MILLISECOND
const LONGEST_ELAPSED = 0xffff

/** Who runs an exchange. */
export interface ExchangeOwner {
  /** Sends the message. @param elapsed hundredths of a second since the first time, 0 to 65,535 */
  transmit(elapsed: number): void
  /** A timeout: @returns whether to go on and send again; false where the owner did something else instead */
  mayRetransmit(): boolean
  /** The message has been sent as often, or for as long, as it may be; nothing runs any more. */
  exchangeFailed(): void
}

/** One message that is sent until it is answered. At most one at a time. */
export class Exchange implements TimerHandler {
  /** Of this exchange, RFC 8415, section 16.1: new for each, the same for each transmission. */
  transactionId = -1
  /** Transmissions so far. */
  transmissions = 0
  readonly #clock: Clock
  readonly #random: Random
  readonly #limit: TransmitLimit
  readonly #counters: Dhcpv6Counters
  readonly #owner: ExchangeOwner
  readonly #timer = new Timer(this)
  #parameters: RetransmissionParameters | null = null
  /** RAND of the first timeout has to be positive, RFC 8415, section 18.2.1. */
  #firstTimeoutPositive = false
  #timeout: Microseconds = 0
  #firstSentAt: Microseconds = 0

  constructor(clock: Clock, random: Random, limit: TransmitLimit, counters: Dhcpv6Counters, owner: ExchangeOwner) {
    this.#clock = clock
    this.#random = random
    this.#limit = limit
    this.#counters = counters
    this.#owner = owner
  }

  get running(): boolean {
    return this.#parameters !== null
  }

  /**
   * Begins anew, whatever ran before. Nothing is sent from inside this call.
   * @param additionalDelay before the first transmission, besides the random one of the parameters
   * @param collectsAnswers answers are collected for the first timeout, which then must not be shorter than its nominal value
   */
  start(parameters: RetransmissionParameters, additionalDelay: Microseconds = 0, collectsAnswers = false): void {
    this.#parameters = parameters
    this.#firstTimeoutPositive = collectsAnswers
    this.transactionId = this.#random.int32() >>> (32 - TRANSACTION_ID_BITS)
    this.transmissions = 0
    const delay = additionalDelay + Math.floor(this.#random.fraction() * parameters.maximumDelay)
    this.#clock.arm(this.#timer, this.#clock.now() + delay)
  }

  /** Answered, or of no interest any more. */
  stop(): void {
    this.#parameters = null
    this.transactionId = -1
    this.#clock.disarm(this.#timer)
  }

  /** A server has set SOL_MAX_RT or INF_MAX_RT: holds from the next timeout on. */
  setMaximumTimeout(maximumTimeout: Microseconds): void {
    if (this.#parameters !== null) this.#parameters = { ...this.#parameters, maximumTimeout }
  }

  onTimer(): void {
    const parameters = this.#parameters
    if (parameters === null) return
    if (this.transmissions > 0) {
      const { maximumCount, maximumDuration } = parameters
      const elapsed = this.#clock.now() - this.#firstSentAt
      const over =
        (maximumCount > 0 && this.transmissions >= maximumCount) || (maximumDuration > 0 && elapsed >= maximumDuration)
      if (over) {
        this.stop()
        this.#owner.exchangeFailed()
        return
      }
      if (!this.#owner.mayRetransmit()) return
    }
    const wait = this.#limit.take()
    if (wait > 0) {
      this.#counters.rateLimited++
      this.#clock.arm(this.#timer, this.#clock.now() + wait)
      return
    }
    this.#transmit(parameters)
  }

  #transmit(parameters: RetransmissionParameters): void {
    const now = this.#clock.now()
    if (this.transmissions === 0) this.#firstSentAt = now
    else this.#counters.retransmitted++
    this.#timeout = this.#nextTimeout(parameters)
    this.transmissions++
    this.#counters.sent++
    const { maximumDuration } = parameters
    const end = maximumDuration > 0 ? this.#firstSentAt + maximumDuration : Number.POSITIVE_INFINITY
    this.#clock.arm(this.#timer, Math.min(now + this.#timeout, end))
    // Last, because a transport may bring the answer from inside the call.
    this.#owner.transmit(Math.min(Math.floor((now - this.#firstSentAt) / HUNDREDTH), LONGEST_ELAPSED))
  }

  /** RT, RFC 8415, section 15. */
  #nextTimeout({ initialTimeout, maximumTimeout }: RetransmissionParameters): Microseconds {
    const first = this.transmissions === 0
    const fraction = this.#random.fraction()
    const rand = RANDOMIZATION * (first && this.#firstTimeoutPositive ? 1 - fraction : 2 * fraction - 1)
    const timeout = first ? initialTimeout * (1 + rand) : this.#timeout * (2 + rand)
    if (maximumTimeout > 0 && timeout > maximumTimeout) return Math.floor(maximumTimeout * (1 + rand))
    return Math.floor(timeout)
  }
}
