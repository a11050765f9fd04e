/**
 * Where to begin looking for a record: a list of thousands must not be walked for each block of each acknowledgment.
 * Honest blocks are near the last ones, or near an end of the list; what is far from all of these is not looked for to the
 * end, for a peer could make that expensive.
 */
import { distance, isAfter, type SequenceNumber } from '../sequence-number.ts'
import type { SentSegment } from './sent-segment.ts'

/** An acknowledgment has up to four blocks, and most of them are those of the one before. */
const LANDMARKS = 4
/** Records that are passed by for one block. */
const MOST_STEPS = 256
/** What is found farther away than this is another place: the mark stays, and the one that has not moved longest goes. */
const NEAR_STEPS = 64

export class Landmarks {
  readonly #marks: (SentSegment | null)[] = new Array(LANDMARKS).fill(null)
  /** In which order marks were set anew. */
  #oldest = 0
  /** The mark that is on its way to something far, or -1. */
  #moving = -1

  /**
   * @param first and @param last the ends of the list
   * @returns the record that holds `at`, or the first behind it; null if there is none, or if it is too far from anything
   * that was asked for lately: then it is nearer the next time
   */
  find(first: SentSegment | null, last: SentSegment | null, at: SequenceNumber): SentSegment | null {
    if (first === null || last === null) return null
    const marks = this.#marks
    let mark = -1
    let segment: SentSegment = first
    let nearest = Math.abs(distance(first.start, at))
    const fromLast = Math.abs(distance(last.start, at))
    if (fromLast < nearest) {
      segment = last
      nearest = fromLast
    }
    for (let i = 0; i < LANDMARKS; i++) {
      const candidate = marks[i]
      if (candidate === null) continue
      const far = Math.abs(distance(candidate.start, at))
      if (far > nearest) continue
      nearest = far
      segment = candidate
      mark = i
    }
    let steps = MOST_STEPS
    while (isAfter(segment.start, at) && segment.previous !== null && steps > 0) {
      segment = segment.previous
      steps--
    }
    while (!isAfter(segment.end, at) && segment.next !== null && steps > 0) {
      segment = segment.next
      steps--
    }
    const isBehind = isAfter(segment.start, at) && segment.previous !== null && isAfter(segment.previous.end, at)
    const isFound = isAfter(segment.end, at) && !isBehind
    if (mark < 0 || (mark !== this.#moving && steps < MOST_STEPS - NEAR_STEPS)) {
      mark = this.#oldest
      this.#oldest = (mark + 1) % LANDMARKS
    }
    marks[mark] = segment
    this.#moving = isFound ? -1 : mark
    return isFound ? segment : null
  }

  /** `segment` leaves the list; `instead` stands beside it. */
  forget(segment: SentSegment, instead: SentSegment | null): void {
    const marks = this.#marks
    for (let i = 0; i < LANDMARKS; i++) {
      if (marks[i] === segment) marks[i] = instead
    }
  }

  clear(): void {
    this.#marks.fill(null)
    this.#moving = -1
  }
}
