/**
 * When an acknowledgment goes out: RFC 9293, 3.8.6.3 and RFC 5681, 4.2, once per burst and not per segment. As Linux, at
 * once while the peer's window is likely to be small: at the start, after a pause, after something came twice; held back
 * on connections on which we answer, where it goes along with the answer.
 */
import type { Microseconds } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { sendAcknowledgment } from './send-segment.ts'
import { distance } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'

/** Linux TCP_ATO_MIN: data of ours that goes out so soon after the peer's is taken for an answer. */
const ANSWER_TIME: Microseconds = 40_000

/** Data has come, in order or not. */
export function noteData(connection: Connection, now: Microseconds): void {
  // At the start; and as Linux: after so long a pause the peer begins with a small window (RFC 5681, 4.1).
  if (now - connection.dataReceivedAt > connection.timeout.current) acknowledgeQuickly(connection)
  connection.dataReceivedAt = now
}

/**
 * Acknowledges the next bursts at once: for what makes a peer lower its window, as data that came twice, and, with ECN, a
 * mark that is new.
 */
export function acknowledgeQuickly(connection: Connection): void {
  connection.quickAcknowledgments = connection.context.settings.quickAcknowledgments
  connection.answering = false
}

/** Data of ours was sent. */
export function noteSent(connection: Connection): void {
  if (connection.context.time() - connection.dataReceivedAt < ANSWER_TIME) connection.answering = true
}

/** The timer of a delayed acknowledgment has expired: there was no answer that it could go with. */
export function acknowledgeLate(connection: Connection): void {
  connection.acknowledgeAt = NEVER
  connection.answering = false
  connection.context.counters.DelayedACKs++
  sendAcknowledgment(connection)
}

/** At the end of a burst, after everything that could be sent was sent. */
export function decideAcknowledgment(connection: Connection): void {
  if (connection.state < State.Established) {
    connection.acknowledgeNow = false
    return
  }
  if (connection.acknowledgeNow) {
    sendAcknowledgment(connection)
    return
  }
  const received = connection.receivedUnacknowledged
  if (received > 0) {
    // At least every second full segment. A 64 KiB frame stands for many.
    if (received >= 2 * connection.receiveSegmentSize || isQuick(connection)) {
      if (connection.quickAcknowledgments > 0) connection.quickAcknowledgments--
      sendAcknowledgment(connection)
      return
    }
    if (connection.acknowledgeAt === NEVER) {
      connection.acknowledgeAt = connection.context.time() + connection.context.settings.delayedAcknowledgment
      connection.schedule(connection.acknowledgeAt)
    }
  }
  updateWindow(connection)
}

function isQuick(connection: Connection): boolean {
  return connection.quickAcknowledgments > 0 && !connection.answering
}

/**
 * A window update when the window that the peer knows of could double; as Linux, only after the application has read:
 * nothing else opens a window.
 */
function updateWindow(connection: Connection): void {
  if (!connection.hasRead) return
  connection.hasRead = false
  const offered = distance(connection.receiveEdge, connection.receiveNext)
  const offerable = connection.offerableWindow()
  if (offerable > offered && offerable >= 2 * offered && !connection.finReceived) sendAcknowledgment(connection)
}
