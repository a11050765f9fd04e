/** Transmission and retransmission parameters, RFC 8415, section 7.6, as section 18.2 puts them together by message. */

import { type Microseconds, SECOND } from '../../clock/index.ts'

/** How one kind of message is sent again, RFC 8415, section 15. Zero means no limit. */
export interface RetransmissionParameters {
  /** Most of the random delay before the first message. */
  readonly maximumDelay: Microseconds
  /** IRT. */
  readonly initialTimeout: Microseconds
  /** MRT. */
  readonly maximumTimeout: Microseconds
  /** MRC: transmissions, the first one included. */
  readonly maximumCount: number
  /** MRD: counted from the first transmission. */
  readonly maximumDuration: Microseconds
}

const parameters = (
  maximumDelay: Microseconds,
  initialTimeout: Microseconds,
  maximumTimeout: Microseconds,
  maximumCount = 0,
  maximumDuration: Microseconds = 0,
): RetransmissionParameters => ({ maximumDelay, initialTimeout, maximumTimeout, maximumCount, maximumDuration })

/** SOL_MAX_DELAY, SOL_TIMEOUT, SOL_MAX_RT; a server may set the last one, RFC 8415, section 21.24. */
export const SOLICIT = parameters(1 * SECOND, 1 * SECOND, 3600 * SECOND)
/** REQ_TIMEOUT, REQ_MAX_RT, REQ_MAX_RC. */
export const REQUEST = parameters(0, 1 * SECOND, 30 * SECOND, 10)
/** CNF_MAX_DELAY, CNF_TIMEOUT, CNF_MAX_RT, CNF_MAX_RD. */
export const CONFIRM = parameters(1 * SECOND, 1 * SECOND, 4 * SECOND, 0, 10 * SECOND)
/** REN_TIMEOUT, REN_MAX_RT; ends at T2. */
export const RENEW = parameters(0, 10 * SECOND, 600 * SECOND)
/** REB_TIMEOUT, REB_MAX_RT; ends with the last lease. */
export const REBIND = parameters(0, 10 * SECOND, 600 * SECOND)
/** INF_MAX_DELAY, INF_TIMEOUT, INF_MAX_RT; a server may set the last one, RFC 8415, section 21.25. */
export const INFORMATION_REQUEST = parameters(1 * SECOND, 1 * SECOND, 3600 * SECOND)
/** REL_TIMEOUT, REL_MAX_RC. */
export const RELEASE = parameters(0, 1 * SECOND, 0, 4)
/** DEC_TIMEOUT, DEC_MAX_RC. */
export const DECLINE = parameters(0, 1 * SECOND, 0, 4)

/** What SOL_MAX_RT and INF_MAX_RT may be set to, in seconds, RFC 8415, sections 21.24 and 21.25; else they are ignored. */
export const LEAST_MAXIMUM_SECONDS = 60
export const GREATEST_MAXIMUM_SECONDS = 86_400

/** IRT_DEFAULT and IRT_MINIMUM: when information is asked for again, RFC 8415, section 21.23. */
export const DEFAULT_REFRESH: Microseconds = 86_400 * SECOND
export const LEAST_REFRESH: Microseconds = 600 * SECOND

/** The same with another MRT. */
export function withMaximumTimeout(of: RetransmissionParameters, maximumTimeout: Microseconds) {
  return { ...of, maximumTimeout }
}

/** What a server said to SOL_MAX_RT or INF_MAX_RT, or `current` where it said nothing that is allowed. */
export function maximumTimeoutFrom(seconds: number | null, current: Microseconds): Microseconds {
  if (seconds === null || seconds < LEAST_MAXIMUM_SECONDS || seconds > GREATEST_MAXIMUM_SECONDS) return current
  return seconds * SECOND
}
