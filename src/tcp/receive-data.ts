/**
 * Text and FIN of a segment: RFC 9293, 3.10.7.4, seventh and eighth check. The segment is known to touch the window.
 */
import type { PacketBuffer } from '../packet/index.ts'
import { type Connection, NEVER } from './connection.ts'
import { OutOfOrderQueue } from './out-of-order-queue.ts'
import type { Segment } from './segment.ts'
import { advance, distance, isAfter, sequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'

/** Segments ahead of a gap are kept only while more than one in this many packets is free. */
const FREE_MEMORY_SHARE = 4
/** What every connection may hold unread when the budget of all is spent; Linux tcp_rmem[0]. */
const LEAST_UNREAD = 4096

/** Processes [payload, payloadEnd) of the packet and the FIN flag of the segment. */
export function receiveData(connection: Connection, segment: Segment, packet: PacketBuffer): void {
  let start = segment.sequence
  let fin = segment.hasFin
  // The part before RCV.NXT is there already.
  const old = distance(connection.receiveNext, start)
  if (old > 0) {
    connection.acknowledgeNow = true
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
  if (start !== connection.receiveNext) {
    if (length > 0 || fin) queueOutOfOrder(connection, packet, start, length, fin)
    return
  }
  if (length > 0) deliver(connection, packet, length, false)
  const queue = connection.outOfOrder
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
  const left = context.settings.receiveBudget - context.receiveBytes
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

/** Appends the next bytes in order. @param adopt whether the queue takes over a reference that we own */
function deliver(connection: Connection, packet: PacketBuffer, length: number, adopt: boolean): void {
  connection.receiveNext = advance(connection.receiveNext, length)
  connection.receivedUnacknowledged += length
  if (connection.discarding) {
    if (adopt) packet.release()
    return
  }
  if (adopt) connection.receiveQueue.adopt(packet)
  else connection.receiveQueue.append(packet)
  connection.countedBytes += length
  connection.context.receiveBytes += length
  connection.readableEvent = true
}

function queueOutOfOrder(
  connection: Connection,
  packet: PacketBuffer,
  start: number,
  length: number,
  fin: boolean,
): void {
  // RFC 5681, 4.2: at once, so that the sender sees duplicate acknowledgments.
  connection.acknowledgeNow = true
  const counters = connection.context.counters
  const memory = packet.memory
  const scarce = packet.large
    ? memory.freeLarge * FREE_MEMORY_SHARE < memory.largeSlots
    : memory.freeSmall * FREE_MEMORY_SHARE < memory.smallSlots
  connection.outOfOrder ??= new OutOfOrderQueue()
  const queue = connection.outOfOrder
  const end = advance(sequenceNumber(start), length)
  if (length > 0) {
    packet.sequence = start
    if (scarce || !queue.insert(packet)) {
      counters.TCPOFODrop++
      return
    }
    counters.TCPOFOQueue++
  }
  if (fin) {
    queue.hasFin = true
    queue.fin = end
  }
}

/** Delivers what the segment that filled a gap has made contiguous. */
function drainOutOfOrder(connection: Connection, queue: OutOfOrderQueue): void {
  while (queue.first !== null) {
    const gap = distance(sequenceNumber(queue.first.sequence), connection.receiveNext)
    if (gap > 0) {
      // A gap is left: RFC 5681, 4.2, at once.
      connection.acknowledgeNow = true
      return
    }
    const packet = queue.shift()
    packet.payload -= gap
    const length = packet.payloadEnd - packet.payload
    connection.acknowledgeNow = true
    if (length <= 0) packet.release()
    else deliver(connection, packet, length, true)
  }
  if (!queue.hasFin) connection.outOfOrder = null
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
      connection.finWaitAt = NEVER
      connection.state = State.TimeWait
      break
  }
}
