/**
 * TCP options: MSS (RFC 9293, 3.7.1), window scale and timestamps (RFC 7323), selective acknowledgments (RFC 2018) and
 * fast open (RFC 7413). Others are skipped, as RFC 9293, 3.1 asks; a malformed option ends the list, as in Linux.
 */
const END_OF_OPTIONS = 0
const NO_OPERATION = 1
const MAXIMUM_SEGMENT_SIZE = 2
const WINDOW_SCALE = 3
const SACK_PERMITTED = 4
const SACK = 5
const TIMESTAMPS = 8
const FAST_OPEN = 34

/** RFC 7323, 2.3: a larger shift count must be taken as this one. */
export const LARGEST_WINDOW_SCALE = 14

/** Timestamps, aligned with two no-operations as RFC 7323, appendix A, recommends. */
export const TIMESTAMPS_LENGTH = 12
const ALIGNED_TIMESTAMPS = (NO_OPERATION << 24) | (NO_OPERATION << 16) | (TIMESTAMPS << 8) | 10
/** In a SYN, SACK-permitted takes the place of the two no-operations; as Linux. */
const SACK_PERMITTED_AND_TIMESTAMPS = (SACK_PERMITTED << 24) | (2 << 16) | (TIMESTAMPS << 8) | 10
const ALIGNED_SACK_PERMITTED = (NO_OPERATION << 24) | (NO_OPERATION << 16) | (SACK_PERMITTED << 8) | 2

/** RFC 2018, 3: so many blocks fit the 40 bytes of options. */
export const MOST_SACK_BLOCKS = 4
export const SACK_BLOCK_LENGTH = 8
/** What stands before the blocks: two no-operations, kind and length; as Linux. */
export const SACK_HEADER_LENGTH = 4
const ALIGNED_SACK = (NO_OPERATION << 24) | (NO_OPERATION << 16) | (SACK << 8)

/** RFC 7413, 4.1.1. */
const LEAST_COOKIE = 4
const LONGEST_COOKIE = 16
/** The options of a SYN: as many as we ever send, with a fast open cookie. */
export const LONGEST_SYN_OPTIONS = 40

/** What a segment's options said; one object is reused for all segments. */
export class SegmentOptions {
  /** 0: not there. */
  maximumSegmentSize = 0
  /** -1: not there. */
  windowScale = -1
  hasTimestamps = false
  timestampValue = 0
  timestampEcho = 0
  sackPermitted = false
  /** Blocks in `sackEdges`, 0 to 4. */
  sackCount = 0
  /** Left edge, right edge (the number behind the last byte), left edge, ... as they came; unused ones are old. */
  readonly sackEdges = new Int32Array(2 * MOST_SACK_BLOCKS)
  fastOpen = false
  /** Where in memory the fast open cookie begins; -1: not there. */
  fastOpenPosition = -1
  /** Bytes of the cookie, even, 4 to 16; 0: the peer asks for one; -1: not there. */
  fastOpenLength = -1

  /** Reads the options in [position, end). */
  parse(view: DataView, position: number, end: number): void {
    this.maximumSegmentSize = 0
    this.windowScale = -1
    this.hasTimestamps = false
    this.sackPermitted = false
    this.sackCount = 0
    this.fastOpen = false
    this.fastOpenPosition = -1
    this.fastOpenLength = -1
    // Nearly every segment of an open connection begins with exactly this, and mostly it is all.
    if (end - position >= TIMESTAMPS_LENGTH && view.getInt32(position) === ALIGNED_TIMESTAMPS) {
      this.hasTimestamps = true
      this.timestampValue = view.getInt32(position + 4)
      this.timestampEcho = view.getInt32(position + 8)
      position += TIMESTAMPS_LENGTH
    }
    if (position === end) return
    // What follows is mostly SACK as all the world aligns it.
    const blocks = end - position - SACK_HEADER_LENGTH
    if (
      blocks >= SACK_BLOCK_LENGTH &&
      blocks % SACK_BLOCK_LENGTH === 0 &&
      view.getInt32(position) === (ALIGNED_SACK | (2 + blocks))
    ) {
      this.#readBlocks(view, position + SACK_HEADER_LENGTH, end)
      return
    }
    this.#parseList(view, position, end)
  }

  #parseList(view: DataView, position: number, end: number): void {
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
      } else if (kind === SACK_PERMITTED && length === 2) {
        this.sackPermitted = true
      } else if (kind === SACK && length >= 2 + SACK_BLOCK_LENGTH && (length - 2) % SACK_BLOCK_LENGTH === 0) {
        this.#readBlocks(view, position + 2, position + length)
      } else if (kind === FAST_OPEN && isCookieLength(length - 2)) {
        this.fastOpen = true
        this.fastOpenPosition = position + 2
        this.fastOpenLength = length - 2
      }
      position += length
    }
  }

  #readBlocks(view: DataView, position: number, end: number): void {
    let edges = 0
    for (; position < end; position += 4) this.sackEdges[edges++] = view.getInt32(position)
    this.sackCount = edges >> 1
  }
}

/** RFC 7413, 4.1.1: even, 4 to 16 bytes, or none in a request. */
function isCookieLength(length: number): boolean {
  return length === 0 || (length >= LEAST_COOKIE && length <= LONGEST_COOKIE && length % 2 === 0)
}

export function writeTimestamps(view: DataView, position: number, value: number, echo: number): void {
  view.setInt32(position, ALIGNED_TIMESTAMPS)
  view.setInt32(position + 4, value)
  view.setInt32(position + 8, echo)
}

/**
 * Writes the SACK option of RFC 2018, section 3, aligned with two no-operations, and returns its length.
 * @param edges left edge, right edge, left edge, ...
 * @param count blocks, 1 to 4
 */
export function writeSack(view: DataView, position: number, edges: Int32Array, count: number): number {
  view.setInt32(position, ALIGNED_SACK | (2 + count * SACK_BLOCK_LENGTH))
  let at = position + SACK_HEADER_LENGTH
  for (let i = 0; i < 2 * count; i++, at += 4) view.setInt32(at, edges[i])
  return at - position
}

/** The length of what `writeSynOptions` writes. */
export function synOptionsLength(
  windowScale: number,
  timestamps: boolean,
  sackPermitted: boolean,
  cookie: Uint8Array | null,
): number {
  const sack = timestamps ? TIMESTAMPS_LENGTH : sackPermitted ? 4 : 0
  return 4 + sack + (windowScale >= 0 ? 4 : 0) + (cookie === null ? 0 : (2 + cookie.length + 3) & ~3)
}

/**
 * Writes the options of a SYN, in the order and with the padding of Linux, and returns their length, a multiple of 4 and
 * at most `LONGEST_SYN_OPTIONS`.
 * @param windowScale -1 to leave it out
 * @param cookie the fast open cookie, 4 to 16 bytes and even; empty to ask for one; null to leave the option out
 */
export function writeSynOptions(
  view: DataView,
  position: number,
  maximumSegmentSize: number,
  windowScale: number,
  timestamps: boolean,
  timestampValue: number,
  timestampEcho: number,
  sackPermitted: boolean,
  cookie: Uint8Array | null = null,
): number {
  let at = position
  view.setUint8(at, MAXIMUM_SEGMENT_SIZE)
  view.setUint8(at + 1, 4)
  view.setUint16(at + 2, maximumSegmentSize)
  at += 4
  if (timestamps) {
    writeTimestamps(view, at, timestampValue, timestampEcho)
    if (sackPermitted) view.setInt32(at, SACK_PERMITTED_AND_TIMESTAMPS)
    at += TIMESTAMPS_LENGTH
  } else if (sackPermitted) {
    view.setInt32(at, ALIGNED_SACK_PERMITTED)
    at += 4
  }
  if (windowScale >= 0) {
    view.setUint8(at, NO_OPERATION)
    view.setUint8(at + 1, WINDOW_SCALE)
    view.setUint8(at + 2, 3)
    view.setUint8(at + 3, windowScale)
    at += 4
  }
  if (cookie !== null) {
    view.setUint8(at, FAST_OPEN)
    view.setUint8(at + 1, 2 + cookie.length)
    at += 2
    for (let i = 0; i < cookie.length; i++) view.setUint8(at++, cookie[i])
    while ((at - position) % 4 !== 0) view.setUint8(at++, NO_OPERATION)
  }
  return at - position
}
