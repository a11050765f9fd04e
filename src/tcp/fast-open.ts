/** TCP Fast Open, RFC 7413: what a connection keeps that was opened with it, or tried to be. */
import type { Microseconds } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import type { Listener } from './listener.ts'
import { advance, isAfter, type SequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'

/** What is kept of the handshake, for either side. Most connections have none. */
export class FastOpen {
  /** We are the side that listens. */
  readonly isPassive: boolean
  /** What our SYN or SYN-ACK carries: a cookie; empty to ask for one; null for no option. */
  cookie: Uint8Array | null
  /** Passive: the peer's cookie was good, and the connection is the application's before its handshake is complete. */
  isOpen = false
  /** Passive: the listener whose bound of such connections this one counts against, until the handshake is over. */
  listener: Listener | null = null
  /** Active: the SYN waits for the first data. */
  isDeferred = false
  /** Active: the peer's MSS as it was last time (RFC 7413, 4.1.3). */
  readonly segmentSize: number
  /** Active: bytes of the send buffer that went with the SYN. */
  sentInSyn = 0
  /** Data of the SYN was taken by the side that listens. */
  wasTaken = false

  constructor(isPassive: boolean, cookie: Uint8Array | null, segmentSize: number) {
    this.isPassive = isPassive
    this.cookie = cookie
    this.segmentSize = segmentSize
  }

  /**
   * Passive: the handshake is over, whichever way.
   * @param now of a reset: RFC 7413, 5.1, its place stays taken for a while, or an attacker could free it at will
   */
  leaveListener(now: Microseconds | null): void {
    const { listener } = this
    if (listener === null) return
    this.listener = null
    listener.fastOpenPending--
    if (now !== null) listener.fastOpenResets.push(now)
  }
}

/** The option of the next SYN or SYN-ACK; null for none. A SYN that is sent again goes without (RFC 7413, 4.2.1). */
export function cookieToSend(connection: Connection): Uint8Array | null {
  const { fastOpen } = connection
  if (fastOpen === null) return null
  if (fastOpen.isPassive) return fastOpen.cookie
  return connection.state === State.SynSent && connection.retransmissions === 0 ? fastOpen.cookie : null
}

/**
 * How many bytes of the send buffer go with the SYN: RFC 7413, 4.2.1. It has to fit a segment of the size that the peer
 * announced last time.
 * @param optionsLength of the SYN
 */
export function dataForSyn(connection: Connection, optionsLength: number): number {
  const cookie = cookieToSend(connection)
  if (cookie === null || cookie.length === 0 || connection.fastOpen!.isPassive) return 0
  const room = Math.min(connection.fastOpen!.segmentSize, connection.offeredSegmentSize) - optionsLength
  return Math.max(Math.min(connection.sendBuffer.length, room), 0)
}

/** Whether it acknowledges more than was ever sent: what went with the SYN is not part of SND.NXT. */
export function isBeyondSent(connection: Connection, acknowledgment: SequenceNumber): boolean {
  const { fastOpen, sendNext } = connection
  return isAfter(acknowledgment, fastOpen === null ? sendNext : advance(sendNext, fastOpen.sentInSyn))
}

/** Before the acknowledgment of our SYN is processed: what it covers of the SYN's data was sent; the rest goes anew. */
export function countSynData(connection: Connection, acknowledgment: SequenceNumber): void {
  const { fastOpen } = connection
  if (fastOpen === null || fastOpen.sentInSyn === 0) return
  if (isAfter(acknowledgment, connection.sendNext)) {
    connection.sendNext = acknowledgment
    fastOpen.wasTaken = true
  }
  fastOpen.sentInSyn = 0
}
