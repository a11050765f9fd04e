import { LARGEST_WINDOW } from './congestion-control.ts'

/** BBR.Headroom: the part that is left to others while cruising. */
const HEADROOM = 0.15
/** Doubling the growth more often makes no difference any more. */
const MOST_DOUBLINGS = 30

/**
 * BBR.inflight_longterm, draft-ietf-ccwg-bbr, 5.3.3.5 and 5.5.10.2: how much may be in flight before too much is lost. A
 * probe raises it by 1, 2, 4, 8 ... segments a round trip.
 */
export class LongTermModel {
  /** Bytes; LARGEST_WINDOW: no bound was met yet. */
  inflight = LARGEST_WINDOW
  /** BBR.probe_up_acked_per_inc, BBR.bw_probe_up_acked, BBR.bw_probe_up_rounds */
  #perSegment = LARGEST_WINDOW
  #acknowledged = 0
  #rounds = 0

  get isKnown(): boolean {
    return this.inflight !== LARGEST_WINDOW
  }

  /** InflightWithHeadroom() */
  withHeadroom(segmentSize: number): number {
    if (!this.isKnown) return LARGEST_WINDOW
    return this.inflight - Math.max(segmentSize, Math.floor(HEADROOM * this.inflight))
  }

  /** A probe begins. */
  restartGrowth(): void {
    this.#acknowledged = 0
    this.#rounds = 0
  }

  /** No probe: no growth. */
  stopGrowth(): void {
    this.#perSegment = LARGEST_WINDOW
  }

  /** RaiseInflightLongtermSlope() */
  steepen(window: number, segmentSize: number): void {
    this.#perSegment = Math.max(window / 2 ** this.#rounds, segmentSize)
    this.#rounds = Math.min(this.#rounds + 1, MOST_DOUBLINGS)
  }

  /** ProbeInflightLongtermUpward(), while the window is full and this bound is what keeps it small. */
  grow(delivered: number, segmentSize: number): void {
    this.#acknowledged += delivered
    if (this.#acknowledged < this.#perSegment) return
    const segments = Math.floor(this.#acknowledged / this.#perSegment)
    this.#acknowledged -= segments * this.#perSegment
    this.inflight = Math.min(this.inflight + segments * segmentSize, LARGEST_WINDOW)
  }
}
