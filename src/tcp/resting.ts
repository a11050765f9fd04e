/**
 * What a connection lets go of when nothing has happened on it for a while, so that very many that are used now and then
 * cost little more than those that never were: buffers that are empty, and what the sender knows, where it is no more
 * than it would begin with again. All of it is made anew at the next use.
 */
import { type Microseconds, SECOND } from '../clock/index.ts'
import { initialWindow, LARGEST_WINDOW } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import { NOTHING_RECEIVED } from './receive-queue.ts'
import { hasLearntNothing } from './recovery/index.ts'
import { NOTHING_TO_SEND } from './send-buffer.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'

/** Long enough for the window to have shrunk, by RFC 2861, to the initial one on most paths. */
export const REST_AFTER: Microseconds = 5 * SECOND

/**
 * The connection waits for nothing: lets it rest if it is time to.
 * @returns when it will be, or NEVER
 */
export function rest(connection: Connection, now: Microseconds): Microseconds {
  if (connection.state !== State.Established && connection.state !== State.CloseWait) return NEVER
  if (isResting(connection)) return NEVER
  const since = Math.max(connection.lastSentAt, connection.lastReceivedAt)
  if (now - since < REST_AFTER) return since + REST_AFTER
  if (connection.sendBuffer.length === 0) connection.sendBuffer = NOTHING_TO_SEND
  if (connection.receiveQueue.length === 0) connection.receiveQueue = NOTHING_RECEIVED
  // Its result, the size of the window, stays.
  connection.rightSizing = null
  if (connection.outOfOrder === null) connection.sackBlocks = null
  return forgetSender(connection, now)
}

function isResting(connection: Connection): boolean {
  return (
    connection.recovery === null &&
    connection.rightSizing === null &&
    connection.sendBuffer === NOTHING_TO_SEND &&
    connection.receiveQueue === NOTHING_RECEIVED
  )
}

/**
 * Only what `startSending` will bring back: after any loss the connection remembers.
 * @returns when the window will be small enough, or NEVER
 */
function forgetSender(connection: Connection, now: Microseconds): Microseconds {
  const { recovery } = connection
  if (recovery === null || connection.sendBuffer !== NOTHING_TO_SEND || !hasLearntNothing(recovery)) return NEVER
  const { congestion } = recovery
  const initial = initialWindow(connection.segmentSize)
  if (congestion.window < initial || congestion.slowStartThreshold < LARGEST_WINDOW || congestion.pacingRate > 0) {
    return NEVER
  }
  // RFC 5681, 4.1 and RFC 2861, 3.1: with every timeout that passes, half of it is forgotten anyway.
  const timeouts = Math.ceil(Math.log2(congestion.window / initial))
  const forgottenAt = connection.lastSentAt + (timeouts + 1) * connection.timeout.current
  if (forgottenAt > now) return forgottenAt
  connection.recovery = null
  connection.windowRestart = false
  return NEVER
}
