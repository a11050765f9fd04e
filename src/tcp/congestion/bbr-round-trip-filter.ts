import { type Microseconds, SECOND } from '../../clock/index.ts'

/** BBR.MinRTTFilterLen */
const FILTER_LENGTH: Microseconds = 10 * SECOND
/** BBR.ProbeRTTInterval */
const PROBE_INTERVAL: Microseconds = 5 * SECOND

const NONE: Microseconds = -1

/** BBR.min_rtt and when it is time to measure it anew: draft-ietf-ccwg-bbr, 5.3.4.3 and 5.5.7. */
export class RoundTripFilter {
  /** Microseconds; negative: none yet. */
  minimum: Microseconds = NONE
  #minimumAt: Microseconds = 0
  /** BBR.probe_rtt_min_delay: the same over the shorter time between two probes. */
  #recent: Microseconds = NONE
  #recentAt: Microseconds = 0
  /** BBR.probe_rtt_expired: nothing as short was seen for so long that there may be a standing queue. */
  hasExpired = false

  /** UpdateMinRTT(). @param roundTrip negative: none was measured */
  update(roundTrip: Microseconds, now: Microseconds): void {
    this.hasExpired = this.#recent !== NONE && now > this.#recentAt + PROBE_INTERVAL
    if (roundTrip >= 0 && (this.#recent === NONE || roundTrip < this.#recent || this.hasExpired)) {
      this.#recent = roundTrip
      this.#recentAt = now
    }
    if (this.#recent === NONE) return
    if (this.minimum === NONE || this.#recent < this.minimum || now > this.#minimumAt + FILTER_LENGTH) {
      this.minimum = this.#recent
      this.#minimumAt = this.#recentAt
    }
  }

  /** The queue was drained just now: the next probe is due an interval later. */
  noteProbed(now: Microseconds): void {
    this.#recentAt = now
  }
}
