/**
 * What a burst of segments, a call of the application or a timer leads to for one connection: events to its user,
 * data, and the decision about an acknowledgment (RFC 9293, 3.8.6.3; RFC 5681, 4.2). Once per burst, not per segment.
 */
import { type Connection, NEVER } from './connection.ts'
import { distance } from './sequence-number.ts'
import { State } from './state.ts'
import { sendAcknowledgment, transmit } from './transmit.ts'

export function finishBurst(connection: Connection): void {
  const user = connection.user
  // While nobody has accepted it, what happens to it waits.
  if (connection.establishedEvent && user !== null) {
    connection.establishedEvent = false
    if (connection.context.log.debugEnabled) connection.context.log.debug('established', ends(connection))
    user.onEstablished(connection)
  }
  if (connection.readableEvent && connection.listener === null && connection.user !== null) {
    connection.readableEvent = false
    if (!connection.discarding || connection.finReceived) connection.user.onReadable(connection)
  }
  connection.receiveQueue.settle()
  if (connection.wantsWritable && connection.state !== State.Closed && connection.hasRoom) {
    connection.wantsWritable = false
    connection.user?.onWritable(connection)
  }
  if (connection.finishedEvent) {
    connection.finishedEvent = false
    connection.user?.onFinished(connection)
  }
  transmit(connection)
  decideAcknowledgment(connection)
  if (connection.state === State.TimeWait) connection.context.enterTimeWait(connection)
  if (connection.closedEvent && !connection.readableEvent) {
    connection.closedEvent = false
    if (connection.context.log.debugEnabled) {
      const { error, retransmissions } = connection
      connection.context.log.debug('closed', {
        ...ends(connection),
        retransmissions,
        ...(error === null ? {} : { error }),
      })
    }
    const closing = connection.user
    connection.user = null
    closing?.onClosed(connection, connection.error)
  }
}

/** For log lines. */
function ends(connection: Connection): Record<string, unknown> {
  return {
    local: `${connection.localAddress} port ${connection.localPort}`,
    remote: `${connection.remoteAddress} port ${connection.remotePort}`,
  }
}

function decideAcknowledgment(connection: Connection): void {
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
    // RFC 5681, 4.2: at least every second full segment. A 64 KiB frame stands for many.
    if (received >= 2 * connection.receiveSegmentSize) {
      sendAcknowledgment(connection)
      return
    }
    if (connection.quickAcknowledgments > 0) {
      connection.quickAcknowledgments--
      sendAcknowledgment(connection)
      return
    }
    if (connection.acknowledgeAt === NEVER) {
      connection.acknowledgeAt = connection.context.time() + connection.context.settings.delayedAcknowledgment
      connection.schedule(connection.acknowledgeAt)
    }
  }
  // A window update when the window that the peer knows of could double; as Linux, only after the application has read:
  // nothing else opens a window.
  if (!connection.hasRead) return
  connection.hasRead = false
  const offered = distance(connection.receiveEdge, connection.receiveNext)
  const offerable = connection.offerableWindow()
  if (offerable > offered && offerable >= 2 * offered && !connection.finReceived) sendAcknowledgment(connection)
}
