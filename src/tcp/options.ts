/**
 * TCP options: MSS (RFC 9293, 3.7.1), window scale and timestamps (RFC 7323). Others are skipped, as RFC 9293, 3.1
 * asks; a malformed option ends the list, as in Linux.
 */
const END_OF_OPTIONS = 0
const NO_OPERATION = 1
const MAXIMUM_SEGMENT_SIZE = 2
const WINDOW_SCALE = 3
const TIMESTAMPS = 8

/** RFC 7323, 2.3: a larger shift count must be taken as this one. */
export const LARGEST_WINDOW_SCALE = 14

/** Timestamps, aligned with two no-operations as RFC 7323, appendix A, recommends. */
export const TIMESTAMPS_LENGTH = 12
const ALIGNED_TIMESTAMPS = (NO_OPERATION << 24) | (NO_OPERATION << 16) | (TIMESTAMPS << 8) | 10

/** What a segment's options said; one object is reused for all segments. */
export class SegmentOptions {
  /** 0: not there. */
  maximumSegmentSize = 0
  /** -1: not there. */
  windowScale = -1
  hasTimestamps = false
  timestampValue = 0
  timestampEcho = 0

  /** Reads the options in [position, end). */
  parse(view: DataView, position: number, end: number): void {
    this.maximumSegmentSize = 0
    this.windowScale = -1
    this.hasTimestamps = false
    // Nearly every segment of an open connection carries exactly this.
    if (end - position === TIMESTAMPS_LENGTH && view.getInt32(position) === ALIGNED_TIMESTAMPS) {
      this.hasTimestamps = true
      this.timestampValue = view.getInt32(position + 4)
      this.timestampEcho = view.getInt32(position + 8)
      return
    }
    while (position < end) {
      const kind = view.getUint8(position)
      if (kind === END_OF_OPTIONS) return
      if (kind === NO_OPERATION) {
        position++
        continue
      }
      if (position + 1 >= end) return
      const length = view.getUint8(position + 1)
      if (length < 2 || position + length > end) return
      if (kind === MAXIMUM_SEGMENT_SIZE && length === 4) {
        this.maximumSegmentSize = view.getUint16(position + 2)
      } else if (kind === WINDOW_SCALE && length === 3) {
        this.windowScale = Math.min(view.getUint8(position + 2), LARGEST_WINDOW_SCALE)
      } else if (kind === TIMESTAMPS && length === 10) {
        this.hasTimestamps = true
        this.timestampValue = view.getInt32(position + 2)
        this.timestampEcho = view.getInt32(position + 6)
      }
      position += length
    }
  }
}

export function writeTimestamps(view: DataView, position: number, value: number, echo: number): void {
  view.setInt32(position, ALIGNED_TIMESTAMPS)
  view.setInt32(position + 4, value)
  view.setInt32(position + 8, echo)
}

/**
 * Writes the options of a SYN and returns their length, a multiple of 4.
 * @param windowScale -1 to leave it out
 */
export function writeSynOptions(
  view: DataView,
  position: number,
  maximumSegmentSize: number,
  windowScale: number,
  timestamps: boolean,
  timestampValue: number,
  timestampEcho: number,
): number {
  let at = position
  view.setUint8(at, MAXIMUM_SEGMENT_SIZE)
  view.setUint8(at + 1, 4)
  view.setUint16(at + 2, maximumSegmentSize)
  at += 4
  if (timestamps) {
    writeTimestamps(view, at, timestampValue, timestampEcho)
    at += TIMESTAMPS_LENGTH
  }
  if (windowScale >= 0) {
    view.setUint8(at, NO_OPERATION)
    view.setUint8(at + 1, WINDOW_SCALE)
    view.setUint8(at + 2, 3)
    view.setUint8(at + 3, windowScale)
    at += 4
  }
  return at - position
}
