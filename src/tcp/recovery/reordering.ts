/** How far segments overtake each other on the path: RFC 8985, 6.2 step 3; Linux tcp_check_sack_reordering. */
import type { TcpCounters } from '../counters.ts'
import { distance, type SequenceNumber } from '../sequence-number.ts'
import type { Delivery } from './delivery.ts'
import type { LossRecovery } from './loss-recovery.ts'

/** Linux tcp_max_reordering, in segments. */
const LARGEST_REORDERING = 300

/**
 * A segment that was sent only once arrived after something that was sent later.
 * @param lowest where it begins
 * @param highestSacked where the highest SACKed byte before it ends
 * @returns whether that is reordering
 */
export function noteReordering(
  recovery: LossRecovery,
  lowest: SequenceNumber,
  highestSacked: SequenceNumber,
  segmentSize: number,
): boolean {
  const overtaken = distance(highestSacked, lowest)
  if (overtaken <= 0) return false
  const segments = Math.ceil(overtaken / segmentSize)
  if (segments > recovery.reordering) recovery.reordering = Math.min(segments, LARGEST_REORDERING)
  recovery.reorderingSeen++
  return true
}

export function noteReorderingOf(
  recovery: LossRecovery,
  delivery: Delivery,
  highestSacked: SequenceNumber,
  segmentSize: number,
  counters: TcpCounters,
): void {
  if (noteReordering(recovery, delivery.lowestReordered, highestSacked, segmentSize)) counters.TCPSACKReorder++
}
