/**
 * The transmission control block, RFC 9293, section 3.3.1: all that is known of one connection, and what follows from it
 * at once. What happens to it is the matter of `connection.ts` and of the algorithms.
 */
import type { IpAddress } from '../address/index.ts'
import { type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { Path } from '../ip/index.ts'
import type { CongestionControlName } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import type { ConnectionUser } from './connection-user.ts'
import type { FastOpen } from './fast-open.ts'
import type { IdleTimers } from './idle-timers.ts'
import type { Listener } from './listener.ts'
import { TIMESTAMPS_LENGTH } from './options.ts'
import type { OutOfOrderQueue } from './out-of-order-queue.ts'
import { PackedState } from './packed-state.ts'
import { NOTHING_RECEIVED } from './receive-queue.ts'
import type { RightSizing } from './receive-window.ts'
import type { LossRecovery } from './recovery/index.ts'
import { RetransmissionTimeout } from './retransmission-timeout.ts'
import type { SackBlocks } from './sack-blocks.ts'
import { NOTHING_TO_SEND } from './send-buffer.ts'
import { advance, distance, type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'
import type { TcpContext } from './tcp-context.ts'
import { HEADER_LENGTH } from './wire.ts'

/** RFC 9293, 3.7.1: what a peer that sends no MSS option can take, for either family. */
const DEFAULT_MSS_V4 = 536
const DEFAULT_MSS_V6 = 1220

/**
 * So many retransmissions, or probes of a closed window, fit the user timeout however far the timeout has backed off: an
 * unlucky one or two must not end a connection whose peer is there.
 */
const TRIES_PER_USER_TIMEOUT = 4

export const NEVER: Microseconds = Number.POSITIVE_INFINITY

/**
 * Linux TCP_MIN_SND_MSS, the options included: however small the peer says that its segments must be, no smaller ones are
 * made, since each costs a header, and work on both sides (CVE-2019-11479).
 */
const LEAST_SEND_SIZE = 48

export abstract class TransmissionControlBlock extends PackedState implements TimerHandler {
  readonly context: TcpContext
  user: ConnectionUser | null = null
  /** The listener that began it, until it is accepted. */
  listener: Listener | null = null
  state: State = State.Closed

  // Identity: what the connection table compares. `incomingPorts` is as the peer's header has them.
  readonly incomingPorts: number
  path: Path

  // Send sequence variables, RFC 9293, figure 3.
  initialSendSequence: SequenceNumber = sequenceNumber(0)
  /** SND.UNA */
  unacknowledged: SequenceNumber = sequenceNumber(0)
  /** SND.NXT: it never moves back; what is sent again is the scoreboard's. */
  sendNext: SequenceNumber = sequenceNumber(0)
  /** Where the last segment shorter than full ended: for Nagle's rule. */
  shortSequence: SequenceNumber = sequenceNumber(0)
  /** The number of the first byte in the send buffer. */
  sendBase: SequenceNumber = sequenceNumber(0)
  /** SND.WND, SND.WL1, SND.WL2 */
  sendWindow = 0
  windowUpdateSequence: SequenceNumber = sequenceNumber(0)
  windowUpdateAcknowledgment: SequenceNumber = sequenceNumber(0)
  /** The largest window that the peer ever offered; RFC 9293, 3.8.6.2.1 and RFC 5961, 5.2. */
  largestSendWindow = 0
  sendWindowScale = 0
  /** Explicit congestion notification: bits of `Ecn`. */
  ecn = 0
  /** One of its own from the first byte on. */
  sendBuffer = NOTHING_TO_SEND
  sendBufferLimit: number
  /** Payload bytes of a full segment, options already taken off: Eff.snd.MSS of RFC 9293, 3.7.1. */
  segmentSize = DEFAULT_MSS_V4
  /** The path's MTU that `segmentSize` was made for: the path may learn of another from any of its users. */
  pathMtu = 0
  /** What the peer's MSS option allows. */
  peerSegmentSize = DEFAULT_MSS_V4
  /** What we neither announce nor exceed, whatever path and peer allow. */
  maximumSegmentSize: number
  /** What is made when sending starts. */
  congestionControl: CongestionControlName

  // Receive sequence variables.
  initialReceiveSequence: SequenceNumber = sequenceNumber(0)
  /** RCV.NXT */
  receiveNext: SequenceNumber = sequenceNumber(0)
  /** The right edge of the window that we have offered: it never moves back (RFC 9293, 3.8.6). */
  receiveEdge: SequenceNumber = sequenceNumber(0)
  receiveWindowScale = 0
  receiveLimit: number
  /** What `receiveLimit` follows; null until the application has read a little. */
  rightSizing: RightSizing | null = null
  /** One of its own from the first byte on. */
  receiveQueue = NOTHING_RECEIVED
  /** Its part of `TcpContext.receiveBytes`: what is unread while the connection is open. */
  countedBytes = 0
  outOfOrder: OutOfOrderQueue | null = null
  sackBlocks: SackBlocks | null = null
  /** ACKs sent at once for segments out of order, since RCV.NXT was `duplicatesAt`. */
  duplicatesSent = 0
  duplicatesAt: SequenceNumber = sequenceNumber(0)

  // Acknowledging.
  /** Bytes received since our last ACK. */
  receivedUnacknowledged = 0
  /** The largest segment received so far: what "every second segment" is measured by (Linux rcv_mss). */
  receiveSegmentSize = DEFAULT_MSS_V4
  /** So many bursts are acknowledged at once, whatever they bring. */
  quickAcknowledgments = 0
  /** Last.ACK.sent of RFC 7323. */
  lastAcknowledgmentSent: SequenceNumber = sequenceNumber(0)

  // Timestamps, RFC 7323.
  timestampOffset = 0
  recentTimestamp = 0

  // Loss recovery.
  readonly timeout = new RetransmissionTimeout()
  /** Scoreboard and congestion control: there from the first data that is sent until it rests (`resting.ts`). */
  recovery: LossRecovery | null = null
  /** When the SYN was sent whose round trip is being timed. */
  timedAt: Microseconds = NEVER
  /** When the peer last acknowledged something new, or when something was first outstanding since. */
  progressAt: Microseconds = 0
  retransmissions = 0
  /** An ICMP error that is only a hint (RFC 1122, 4.2.3.9): reported if the connection times out. */
  softError: SystemErrorCode | null = null

  // For the snapshot only. Segments are counted as the wire has them.
  segmentsSent = 0
  segmentsReceived = 0
  dataSegmentsSent = 0
  dataSegmentsReceived = 0

  // Timers: one node in the wheel, several deadlines. A deadline that moves back does not touch the wheel.
  readonly timer: Timer
  /** Retransmission of data or SYN, or the next window probe. */
  retransmitAt: Microseconds = NEVER
  acknowledgeAt: Microseconds = NEVER
  idleTimers: IdleTimers | null = null

  // Options of the application.
  userTimeout: Microseconds
  /** What is left of opening with RFC 7413; null for most. */
  fastOpen: FastOpen | null = null

  // Events for the end of the burst.
  nextTouched: Connection | null = null
  error: SystemErrorCode | null = null

  constructor(context: TcpContext, path: Path, localPort: number, remotePort: number) {
    super()
    this.context = context
    this.path = path
    this.incomingPorts = (remotePort << 16) | localPort
    const settings = context.settings
    this.maximumSegmentSize = settings.maximumSegmentSize
    this.congestionControl = settings.congestionControl
    this.sendBufferLimit = settings.sendBuffer
    this.receiveLimit = settings.receiveBuffer
    this.userTimeout = settings.userTimeout
    this.peerSegmentSize = path.ip.family === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6
    this.timer = new Timer(this)
    this.timeout.base = settings.initialTimeout
  }

  abstract onTimer(): void

  get localAddress(): IpAddress {
    return this.path.source
  }

  get remoteAddress(): IpAddress {
    return this.path.destination
  }

  get localPort(): number {
    return this.incomingPorts & 0xffff
  }

  get remotePort(): number {
    return this.incomingPorts >>> 16
  }

  /** Local port in the upper half, remote port in the lower: as our header has them. */
  get outgoingPorts(): number {
    return (this.incomingPorts << 16) | (this.incomingPorts >>> 16)
  }

  /** Bytes that were never sent. */
  get unsent(): number {
    return this.sendBuffer.length - distance(this.sendNext, this.sendBase)
  }

  /** FIN is queued and was never sent. */
  get finUnsent(): boolean {
    return this.finQueued && distance(this.sendNext, this.sendEnd) <= 0
  }

  /** While there is no sender's state, and when it begins, all that was ever sent has arrived. */
  get deliveredBefore(): number {
    return this.bytesAcknowledged > 0 ? this.dataSegmentsSent : 0
  }

  /** The MSS option that we send: what our end of the path can take (RFC 9293, 3.7.1; options are not taken off). */
  get offeredSegmentSize(): number {
    return Math.min(this.path.mtu - this.path.headerLength - HEADER_LENGTH, this.maximumSegmentSize)
  }

  /** Bytes of headers before the payload of a segment: IP, TCP and the options that every segment has. */
  get segmentOverhead(): number {
    return this.path.headerLength + HEADER_LENGTH + (this.timestamps ? TIMESTAMPS_LENGTH : 0)
  }

  /** The largest packet that the path's MTU, the peer and we allow. */
  get largestPacket(): number {
    const most = Math.max(Math.min(this.peerSegmentSize, this.maximumSegmentSize), LEAST_SEND_SIZE)
    return Math.min(this.path.mtu, most + this.path.headerLength + HEADER_LENGTH)
  }

  /** Whether the application may still write. */
  get canWrite(): boolean {
    return !this.finQueued && (this.state === State.Established || this.state === State.CloseWait || this.isOpening)
  }

  get isOpening(): boolean {
    return this.state === State.SynSent || this.state === State.SynReceived
  }

  /** The peer has begun, and its handshake is not complete. */
  get isAnswering(): boolean {
    return this.state === State.SynReceived && (this.listener !== null || this.isFastOpened)
  }

  /** It was the application's before the peer's handshake was complete: RFC 7413. */
  get isFastOpened(): boolean {
    return this.fastOpen?.isOpen === true
  }

  /** All data has been read, and the peer has sent FIN. */
  get atEndOfStream(): boolean {
    return this.finReceived && this.receiveQueue.length === 0
  }

  /** How long the peer has for its next acknowledgment. */
  get retransmissionInterval(): Microseconds {
    const { timeout } = this
    if (this.isOpening) return timeout.current
    return Math.min(timeout.current, Math.max(timeout.base, this.userTimeout / TRIES_PER_USER_TIMEOUT))
  }

  /** The application has let go of both directions: nobody waits for what becomes of the connection. */
  get isAbandoned(): boolean {
    return this.orphaned || (this.discarding && this.finQueued)
  }

  /** Whether the send buffer wants more; what is written although it does not is kept all the same. */
  get hasRoom(): boolean {
    return this.sendBuffer.length < this.sendBufferLimit
  }

  /** The peer has acknowledged our FIN. */
  get isFinished(): boolean {
    return this.finQueued && distance(this.unacknowledged, this.sendEnd) > 0
  }

  /** The end of the data in the send buffer: where FIN stands once it is queued. */
  get sendEnd(): SequenceNumber {
    return advance(this.sendBase, this.sendBuffer.length)
  }
}
