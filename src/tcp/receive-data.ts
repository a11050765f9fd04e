/**
 * Text and FIN of a segment: RFC 9293, 3.10.7.4, seventh and eighth check. The segment is known to touch the window.
 */
import type { PacketBuffer } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import { acknowledgeQuickly, noteData } from './delayed-acknowledgment.ts'
import { takeMark, takeReduction } from './explicit-congestion-notification.ts'
import { OutOfOrderQueue } from './out-of-order-queue.ts'
import { NOTHING_RECEIVED, ReceiveQueue } from './receive-queue.ts'
import { measureRoundTrip } from './receive-window.ts'
import { reportDuplicate, reportIsland } from './sack-blocks.ts'
import type { Segment } from './segment.ts'
import { sendAcknowledgment } from './send-segment.ts'
import { advance, distance, isAfter, type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'

/** RFC 5681, 3.2: what a sender counts before it takes a segment for lost. */
const DUPLICATE_THRESHOLD = 3
/** What every connection may hold unread when the budget of all is spent; Linux tcp_rmem[0]. */
const LEAST_UNREAD = 4096

/** Processes [payload, payloadEnd) of the packet and the FIN flag of the segment. */
export function receiveData(connection: Connection, segment: Segment, packet: PacketBuffer): void {
  const now = connection.context.time()
  noteData(connection, now)
  let start = segment.sequence
  let fin = segment.hasFin
  if (connection.ecn !== 0) takeReduction(connection, segment)
  // The part before RCV.NXT is there already.
  const old = distance(connection.receiveNext, start)
  if (old > 0) {
    answerDuplicate(connection, segment)
    if (old >= segment.length + (fin ? 1 : 0)) return
    packet.payload += Math.min(old, segment.length)
    start = connection.receiveNext
  }
  // What lies beyond the window is cut off, and the FIN with it.
  const beyond = distance(advance(start, packet.payloadEnd - packet.payload), connection.receiveEdge)
  if (beyond > 0) {
    packet.payloadEnd -= Math.min(beyond, packet.payloadEnd - packet.payload)
    connection.context.counters.TCPRcvQDrop++
    connection.acknowledgeNow = true
    fin = false
  }
  if (isOverBudget(connection, packet, start)) fin = false
  const length = packet.payloadEnd - packet.payload
  if (length > connection.receiveSegmentSize) {
    connection.receiveSegmentSize = Math.min(length, connection.offeredSegmentSize)
  }
  if (connection.ecn !== 0 && length > 0) takeMark(connection, packet)
  if (start !== connection.receiveNext) {
    if (length > 0 || fin) queueOutOfOrder(connection, packet, start, length, fin)
    return
  }
  const queue = connection.outOfOrder
  // What was told of already is enough for one segment.
  if (queue !== null && old <= 0) reportOverlap(connection, queue, advance(start, length))
  if (length > 0) {
    measureRoundTrip(connection, segment, length, now)
    deliver(connection, packet, length)
  }
  if (queue !== null) {
    drainOutOfOrder(connection, queue)
    if (queue.hasFin && queue.fin === connection.receiveNext) fin = true
  }
  if (fin) receiveFin(connection)
}

/**
 * Windows that were offered cannot be taken back, and all of them together may be more than the budget: what does not fit
 * is cut off as if it lay beyond the window, and the peer sends it again. A little is left to everyone, so that
 * connections whose applications do not read keep nobody else from going on.
 * @returns whether something was cut off
 */
function isOverBudget(connection: Connection, packet: PacketBuffer, start: number): boolean {
  const { context } = connection
  const left = context.settings.receiveBudget - context.receiveBytes - context.outOfOrderMemory.bytes
  const length = packet.payloadEnd - packet.payload
  if (length <= left || connection.discarding) return false
  // Ahead of a gap nothing is needed yet.
  const room = start === connection.receiveNext ? Math.max(left, LEAST_UNREAD - connection.receiveQueue.length, 0) : 0
  if (length <= room) return false
  packet.payloadEnd = packet.payload + room
  context.counters.TCPRcvQDrop++
  connection.acknowledgeNow = true
  return true
}

function queueOf(connection: Connection): ReceiveQueue {
  if (connection.receiveQueue === NOTHING_RECEIVED) connection.receiveQueue = new ReceiveQueue()
  return connection.receiveQueue
}

/** Appends the next bytes in order. */
function deliver(connection: Connection, packet: PacketBuffer, length: number): void {
  if (!connection.discarding) queueOf(connection).append(packet)
  delivered(connection, length)
}

function delivered(connection: Connection, length: number): void {
  connection.receiveNext = advance(connection.receiveNext, length)
  connection.receivedUnacknowledged += length
  connection.countReceived(length)
  if (connection.discarding) return
  connection.countedBytes += length
  connection.context.receiveBytes += length
  connection.readableEvent = true
}

function queueOutOfOrder(
  connection: Connection,
  packet: PacketBuffer,
  start: SequenceNumber,
  length: number,
  fin: boolean,
): void {
  const { context } = connection
  const { counters } = context
  connection.outOfOrder ??= new OutOfOrderQueue(context.outOfOrderMemory)
  const queue = connection.outOfOrder
  if (length > 0) {
    if (queue.insert(packet.memory.bytes, packet.payload, start, length, context.time())) {
      counters.TCPOFOQueue++
      if (queue.hasDuplicate) {
        if (connection.selectiveAcknowledgments) counters.TCPDSACKOfoSent++
        reportDuplicateAtOnce(connection, queue.duplicateStart, queue.duplicateEnd)
      }
      reportIsland(connection, start)
    } else {
      counters.TCPOFODrop++
    }
  }
  if (fin) {
    queue.hasFin = true
    queue.fin = advance(start, length)
  }
  answerOutOfOrder(connection)
}

/**
 * RFC 5681, 4.2: a segment out of order is acknowledged at once, each of a burst, since a sender without SACK counts how
 * many there are. One that has SACK reads everything from one acknowledgment, and three tell it that something is
 * missing: after these the burst has one; as Linux (tcp_comp_sack_nr).
 */
function answerOutOfOrder(connection: Connection): void {
  if (connection.selectiveAcknowledgments) {
    if (connection.duplicatesAt !== connection.receiveNext) {
      connection.duplicatesAt = connection.receiveNext
      connection.duplicatesSent = 0
    }
    if (connection.duplicatesSent >= DUPLICATE_THRESHOLD) {
      connection.acknowledgeNow = true
      return
    }
    connection.duplicatesSent++
  }
  sendAcknowledgment(connection)
}

/** Tells the peer, with the acknowledgment at the end of the burst, that what the segment brought was there already. */
export function answerDuplicate(connection: Connection, segment: Segment): void {
  const before = distance(connection.receiveNext, segment.sequence)
  if (before > 0 && connection.selectiveAcknowledgments) {
    connection.context.counters.TCPDSACKOldSent++
    const end = advance(segment.sequence, Math.min(before, segment.sequenceLength))
    reportDuplicateAtOnce(connection, segment.sequence, end)
  }
  // As Linux: one that repeats itself may have missed acknowledgments, and has lowered its window.
  acknowledgeQuickly(connection)
  connection.acknowledgeNow = true
}

/** RFC 2883, 4.2: the first part of a segment that fills a gap and goes on, up to `end`, in what is behind the gap. */
function reportOverlap(connection: Connection, queue: OutOfOrderQueue, end: SequenceNumber): void {
  if (!connection.selectiveAcknowledgments || queue.count === 0) return
  const first = sequenceNumber(queue.starts[0])
  if (distance(end, first) <= 0) return
  connection.context.counters.TCPDSACKOfoSent++
  const last = sequenceNumber(queue.ends[0])
  reportDuplicateAtOnce(connection, first, distance(end, last) < 0 ? end : last)
}

/** An acknowledgment has room for one duplicate: another that waits goes out before. */
function reportDuplicateAtOnce(connection: Connection, start: SequenceNumber, end: SequenceNumber): void {
  if (reportDuplicate(connection, start, end)) return
  sendAcknowledgment(connection)
  reportDuplicate(connection, start, end)
}

/**
 * RFC 9293, 3.10.7.3: text in the SYN of a simultaneous open waits until the connection is established. It is not
 * acknowledged before: if there is no room for it, it comes again, as a FIN has to.
 */
export function holdText(connection: Connection, packet: PacketBuffer): void {
  const { context } = connection
  const window = distance(connection.receiveEdge, connection.receiveNext)
  const length = Math.min(packet.payloadEnd - packet.payload, window)
  const queue = new OutOfOrderQueue(context.outOfOrderMemory)
  if (queue.insert(packet.memory.bytes, packet.payload, connection.receiveNext, length, context.time())) {
    connection.outOfOrder = queue
  }
}

/** The connection is established: delivers what `holdText` has held. */
export function deliverHeldText(connection: Connection): void {
  if (connection.outOfOrder === null) return
  const { acknowledgeNow } = connection
  drainOutOfOrder(connection, connection.outOfOrder)
  // There was no gap: it may be acknowledged like any other data.
  connection.acknowledgeNow = acknowledgeNow
}

/** Delivers what the segment that filled a gap has made contiguous. */
function drainOutOfOrder(connection: Connection, queue: OutOfOrderQueue): void {
  const target = connection.discarding ? null : queueOf(connection)
  while (queue.isReady(connection.receiveNext)) {
    const length = queue.shift(connection.receiveNext, target)
    if (length > 0) delivered(connection, length)
  }
  // RFC 5681, 4.2: at once when a segment fills in all or part of a gap.
  connection.acknowledgeNow = true
  if (queue.count === 0 && !queue.hasFin) connection.outOfOrder = null
}

function receiveFin(connection: Connection): void {
  if (connection.finReceived) return
  connection.finReceived = true
  connection.receiveNext = advance(connection.receiveNext, 1)
  if (isAfter(connection.receiveNext, connection.receiveEdge)) connection.receiveEdge = connection.receiveNext
  connection.readableEvent = true
  connection.acknowledgeNow = true
  connection.outOfOrder?.clear()
  connection.outOfOrder = null
  switch (connection.state) {
    case State.SynReceived:
    case State.Established:
      connection.state = State.CloseWait
      break
    case State.FinWait1:
      // Our FIN is not acknowledged yet, or the state would have changed before.
      connection.state = State.Closing
      break
    case State.FinWait2:
      if (connection.idleTimers !== null) connection.idleTimers.finWaitAt = NEVER
      connection.state = State.TimeWait
      break
  }
}
