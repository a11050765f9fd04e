/**
 * The deadlines of a connection on which nothing happens: keep-alive, RFC 9293, 3.8.4, and the end of FIN-WAIT-2. A
 * record of its own, because nearly all connections have neither.
 */
import type { Microseconds } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { sendAcknowledgment } from './send-segment.ts'
import { advance } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'

export class IdleTimers {
  keepAliveAt: Microseconds = NEVER
  /** Silence before the first probe. */
  keepAliveIdle: Microseconds = 0
  keepAliveInterval: Microseconds = 0
  /** Unanswered probes after which the peer is given up. */
  keepAliveProbes = 0
  /** Probes that nobody has answered yet. */
  probesSent = 0
  finWaitAt: Microseconds = NEVER

  get next(): Microseconds {
    return Math.min(this.keepAliveAt, this.finWaitAt)
  }
}

/**
 * Turns keep-alive on or off.
 * @param idle silence before the first probe
 * @param interval between probes
 * @param probes how many without an answer are the end
 */
export function setKeepAlive(
  connection: Connection,
  on: boolean,
  idle: Microseconds,
  interval: Microseconds,
  probes: number,
): void {
  if (!on && connection.idleTimers === null) return
  connection.idleTimers ??= new IdleTimers()
  const timers = connection.idleTimers
  timers.keepAliveIdle = idle
  timers.keepAliveInterval = interval
  timers.keepAliveProbes = probes
  timers.probesSent = 0
  timers.keepAliveAt = on ? connection.context.time() + idle : NEVER
  if (on) connection.schedule(timers.keepAliveAt)
}

/** Nobody waits for the peer's data any more: then not for its FIN for ever either. As Linux (tcp_fin_timeout). */
export function limitFinWait(connection: Connection): void {
  connection.idleTimers ??= new IdleTimers()
  const timers = connection.idleTimers
  if (timers.finWaitAt !== NEVER) return
  timers.finWaitAt = connection.context.time() + connection.context.settings.finWait2Timeout
  connection.schedule(timers.finWaitAt)
}

/** Runs those that have passed. */
export function runIdleTimers(connection: Connection, timers: IdleTimers, now: Microseconds): void {
  if (timers.keepAliveAt <= now) keepAlive(connection, timers, now)
  if (timers.finWaitAt > now) return
  timers.finWaitAt = NEVER
  // As Linux: gone without TIME-WAIT; a late FIN is answered with a reset.
  if (connection.state === State.FinWait2) connection.destroy(null)
}

function keepAlive(connection: Connection, timers: IdleTimers, now: Microseconds): void {
  timers.keepAliveAt = NEVER
  if (connection.isOpening) {
    // The SYN has its own retransmissions; silence counts from when there is a connection.
    timers.keepAliveAt = now + timers.keepAliveIdle
    return
  }
  const { counters } = connection.context
  const idle = now - Math.max(connection.lastReceivedAt, connection.lastSentAt)
  if (timers.probesSent === 0 && idle < timers.keepAliveIdle) {
    timers.keepAliveAt = now + timers.keepAliveIdle - idle
  } else if (timers.probesSent >= timers.keepAliveProbes) {
    // As Linux and FreeBSD: should the peer be there after all, it learns that nobody is here any more.
    counters.TCPAbortOnTimeout++
    connection.abort(connection.softError ?? 'ETIMEDOUT')
  } else {
    counters.TCPKeepAlive++
    timers.probesSent++
    sendAcknowledgment(connection, advance(connection.unacknowledged, -1))
    timers.keepAliveAt = now + timers.keepAliveInterval
  }
}
