/**
 * What a burst of segments, a call of the application or a timer leads to for one connection: events to its user, data
 * that can be sent, and an acknowledgment. Once per burst, not per segment.
 */
import type { Connection } from './connection.ts'
import { decideAcknowledgment, noteSent } from './delayed-acknowledgment.ts'
import { State } from './state.ts'
import { transmit } from './transmit.ts'

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
  const next = connection.sendNext
  transmit(connection)
  if (connection.sendNext !== next) noteSent(connection)
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
