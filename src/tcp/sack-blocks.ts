/**
 * What our acknowledgments say besides the number: which data ahead of a gap is there (RFC 2018, section 4), and what came
 * twice (D-SACK, RFC 2883). Kept only while there is something to say.
 */
import type { Connection } from './connection.ts'
import { MOST_SACK_BLOCKS, SACK_BLOCK_LENGTH, SACK_HEADER_LENGTH, TIMESTAMPS_LENGTH } from './options.ts'
import { type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** RFC 9293, 3.1: the data offset allows no more. */
const LONGEST_OPTIONS = 40
/** Islands may grow together: some more than fit are remembered, so that there is always something to repeat. */
const MOST_RECENT = 2 * MOST_SACK_BLOCKS

/** The blocks that `collectSackBlocks` found last, as `writeSack` takes them. */
export const collectedEdges = new Int32Array(2 * MOST_SACK_BLOCKS)

export class SackBlocks {
  hasDuplicate = false
  duplicateStart: SequenceNumber = sequenceNumber(0)
  duplicateEnd: SequenceNumber = sequenceNumber(0)
  /** A number in each of the islands that were reported last, the newest first. */
  readonly recent = new Int32Array(MOST_RECENT)
  recentCount = 0
}

/** Data ahead of a gap has come: its island is the first block from now on (RFC 2018, section 4). */
export function reportIsland(connection: Connection, sequence: SequenceNumber): void {
  const queue = connection.outOfOrder!
  const island = queue.find(sequence)
  if (island < 0 || !connection.selectiveAcknowledgments) return
  connection.sackBlocks ??= new SackBlocks()
  const blocks = connection.sackBlocks
  const { recent } = blocks
  const start = queue.starts[island]
  const end = queue.ends[island]
  let count = 0
  for (let i = 0; i < blocks.recentCount; i++) {
    // Others that have become part of this island are no longer one.
    if (((recent[i] - start) | 0) < 0 || ((recent[i] - end) | 0) >= 0) recent[count++] = recent[i]
  }
  if (count === MOST_RECENT) count--
  recent.copyWithin(1, 0, count)
  recent[0] = sequence
  blocks.recentCount = count + 1
}

/**
 * [start, end) came once more: the next acknowledgment says so, once (RFC 2883, section 4).
 * @returns false if another duplicate still waits to be told of
 */
export function reportDuplicate(connection: Connection, start: SequenceNumber, end: SequenceNumber): boolean {
  if (!connection.selectiveAcknowledgments) return true
  connection.sackBlocks ??= new SackBlocks()
  const blocks = connection.sackBlocks
  if (blocks.hasDuplicate) {
    // "Each duplicate contiguous sequence of data" is one block.
    if (blocks.duplicateEnd !== start) return false
  } else {
    blocks.hasDuplicate = true
    blocks.duplicateStart = start
  }
  blocks.duplicateEnd = end
  return true
}

/**
 * Puts the blocks for a segment into `collectedEdges`.
 * @param room bytes that the segment has left for options
 * @returns how many there are, 0 to 4
 */
export function collectSackBlocks(connection: Connection, room: number): number {
  const blocks = connection.sackBlocks
  if (blocks === null) return 0
  const options = LONGEST_OPTIONS - (connection.timestamps ? TIMESTAMPS_LENGTH : 0)
  const most = Math.floor((Math.min(room, options) - SACK_HEADER_LENGTH) / SACK_BLOCK_LENGTH)
  if (most <= 0) return 0
  let count = 0
  if (blocks.hasDuplicate) {
    blocks.hasDuplicate = false
    count = addBlock(count, blocks.duplicateStart, blocks.duplicateEnd)
  }
  const queue = connection.outOfOrder
  let kept = 0
  for (let i = 0; i < blocks.recentCount; i++) {
    const sequence = blocks.recent[i]
    const island = queue === null ? -1 : queue.find(sequence)
    // Delivered meanwhile, or given up.
    if (island < 0) continue
    blocks.recent[kept++] = sequence
    if (count < most) count = addBlock(count, queue!.starts[island], queue!.ends[island])
  }
  blocks.recentCount = kept
  if (kept === 0) connection.sackBlocks = null
  return count
}

function addBlock(count: number, start: number, end: number): number {
  collectedEdges[2 * count] = start
  collectedEdges[2 * count + 1] = end
  return count + 1
}
