/** When a message that was not answered is sent again, RFC 2131, sections 4.1 and 4.4.5. */

import { type Microseconds, type Random, SECOND } from '../../clock/index.ts'

/** Section 4.1: 4 seconds, doubled up to 64, each with up to a second more or less. */
const FIRST_DELAY: Microseconds = 4 * SECOND
const LONGEST_DELAY: Microseconds = 64 * SECOND
const SPREAD: Microseconds = 1 * SECOND

/**
 * Section 4.4.5: half of what is left until T2, or until the end, and not less than a minute; but of a time so short that this
 * would leave a single attempt, not less than a quarter, and four seconds.
 */
const LEAST_RENEWAL_DELAY: Microseconds = 60 * SECOND
const LEAST_PART = 1 / 4

/** @param transmissions so far, 1 or more */
export function delayAfter(transmissions: number, random: Random): Microseconds {
  const delay = Math.min(FIRST_DELAY * 2 ** Math.min(transmissions - 1, 10), LONGEST_DELAY)
  return delay + Math.floor((2 * random.fraction() - 1) * SPREAD)
}

/**
 * @param left until T2 while renewing, until the end of the lease while rebinding
 * @param whole from T1 to T2, or from T2 to the end
 */
export function renewalDelay(left: Microseconds, whole: Microseconds): Microseconds {
  const least = Math.min(LEAST_RENEWAL_DELAY, Math.max(whole * LEAST_PART, FIRST_DELAY))
  return Math.floor(Math.max(left / 2, least))
}
