/**
 * One connection: the transmission control block of RFC 9293, section 3.3.1, and what an application does with it. The
 * algorithms stand in files of their own (`segment-arrives`, `acknowledgment`, `receive-data`, `transmit`, `timers`)
 * and work on this record.
 */
import type { IpAddress } from '../address/index.ts'
import { type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import { integerInRange, type SystemErrorCode } from '../errors/index.ts'
import type { Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { sendReset } from './bare-segments.ts'
import { type CongestionControlName, newCongestionControl } from './congestion/index.ts'
import type { FastOpen } from './fast-open.ts'
import { type IdleTimers, limitFinWait, setKeepAlive } from './idle-timers.ts'
import { type TcpInfo, tcpInfo } from './info.ts'
import type { Listener } from './listener.ts'
import { beginMtuProbing } from './mtu-probing.ts'
import { TIMESTAMPS_LENGTH } from './options.ts'
import type { OutOfOrderQueue } from './out-of-order-queue.ts'
import { PackedState } from './packed-state.ts'
import { NOTHING_RECEIVED, type ReceiveSink } from './receive-queue.ts'
import { adaptWindow, offerableWindow, type RightSizing } from './receive-window.ts'
import { LossRecovery } from './recovery/index.ts'
import { RetransmissionTimeout } from './retransmission-timeout.ts'
import type { SackBlocks } from './sack-blocks.ts'
import { NOTHING_TO_SEND, SendBuffer } from './send-buffer.ts'
import { advance, distance, type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { LARGEST_SEGMENT, LEAST_SEGMENT } from './settings.ts'
import { State } from './state.ts'
import type { TcpContext } from './tcp-context.ts'
import { runTimers } from './timers.ts'
import { HEADER_LENGTH } from './wire.ts'

/** Whoever uses a connection: called at the end of a burst, never per segment. */
export interface ConnectionUser {
  /** The handshake is complete: the first call, for both kinds of opening. */
  onEstablished(connection: Connection): void
  /** Data, or the end of the stream, can be read. */
  onReadable(connection: Connection): void
  /** After `wantsWritable` was set: the send buffer has room again. */
  onWritable(connection: Connection): void
  /** The peer has acknowledged our FIN, and with it everything that was written. */
  onFinished(connection: Connection): void
  /** The connection is gone: null after a clean close of both sides. The last call. */
  onClosed(connection: Connection, error: SystemErrorCode | null): void
}

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

export class Connection extends PackedState implements TimerHandler {
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
  bytesAcknowledged = 0
  bytesReceived = 0
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

  /** The sender's state, made when it is needed first. */
  startSending(): LossRecovery {
    if (this.recovery !== null) return this.recovery
    const { context } = this
    const congestion = newCongestionControl(this.congestionControl, this.segmentSize, context.random)
    if (this.windowRestart) congestion.timedOut(0, true, context.time())
    const recovery = new LossRecovery(context.sentSegments, congestion, this.sendNext)
    // The handshake's round trip is the first of all.
    if (this.timeout.smoothed > 0) recovery.noteRoundTrip(this.timeout.smoothed, context.time())
    recovery.deliveredSegments = this.deliveredBefore
    this.recovery = recovery
    if (context.settings.mtuProbing === 'always') {
      beginMtuProbing(this, recovery, context.time())
      this.updateSegmentSize()
    }
    return recovery
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

  /** Everything that is known about it now, in the way of Linux's TCP_INFO. */
  info(): TcpInfo {
    return tcpInfo(this)
  }

  /** Has the user told again that there is something to read: it takes data now, and did not before. */
  notifyReadable(): void {
    this.readableEvent = true
    this.context.settle(this)
  }

  /** Takes the segment size from the peer's option, the path and the options that every segment will carry. */
  updateSegmentSize(): void {
    this.pathMtu = this.path.mtu
    const largest = this.largestPacket
    const passes = this.recovery?.mtuProbing?.limit(largest) ?? largest
    // A path MTU so small that nothing fits would divide by zero further down.
    this.segmentSize = Math.max(passes - this.segmentOverhead, 16)
    this.recovery?.congestion.setSegmentSize(this.segmentSize)
  }

  /**
   * Lowers the bound of the MSS that we announce and use; before the handshake.
   * @throws RangeError unless it is 88 to 65,495
   */
  limitSegmentSize(most: number): void {
    integerInRange('maximumSegmentSize', most, LEAST_SEGMENT, LARGEST_SEGMENT)
    this.maximumSegmentSize = Math.min(this.maximumSegmentSize, most)
    this.updateSegmentSize()
  }

  /**
   * Queues bytes for sending. `chunk` is kept by reference until acknowledged.
   * @param packet the packet in whose slot `chunk` lies (its reference passes on), or null
   * @returns whether the send buffer has room for more; otherwise wait for `onWritable`. What is written while
   * `canWrite` is false is dropped
   */
  write(chunk: Uint8Array, packet: PacketBuffer | null): boolean {
    if (!this.canWrite) {
      packet?.release()
      return false
    }
    this.#append(chunk, packet)
    this.context.settle(this)
    return this.hasRoom
  }

  /** Queues bytes without sending yet: more follows, ended by `write` or `push`. */
  enqueue(chunk: Uint8Array): void {
    if (!this.canWrite) return
    this.#append(chunk, null)
  }

  #append(chunk: Uint8Array, packet: PacketBuffer | null): void {
    if (this.sendBuffer === NOTHING_TO_SEND) this.sendBuffer = new SendBuffer()
    this.sendBuffer.append(chunk, packet)
  }

  /** Sends what is queued, as far as windows allow. */
  push(): void {
    this.context.settle(this)
  }

  get hasRoom(): boolean {
    return this.sendBuffer.length < this.sendBufferLimit
  }

  /** No more data will be written: FIN follows what is queued. RFC 9293, 3.10.4. */
  shutdownWrite(): void {
    if (this.finQueued || this.state === State.Closed) return
    this.finQueued = true
    if (this.state === State.SynSent && !this.#hasEarlyUse) {
      // 3.10.4: nothing was exchanged yet.
      this.destroy(null)
    } else if (this.state === State.Established) this.state = State.FinWait1
    else if (this.state === State.CloseWait) this.state = State.LastAck
    // In SYN-RECEIVED, and in SYN-SENT after fast open, the FIN waits until the handshake is complete (3.10.4).
    this.countOrphan()
    this.context.settle(this)
  }

  /** The application holds it, or has given it data, before the handshake is complete: RFC 7413. */
  get #hasEarlyUse(): boolean {
    return this.fastOpen !== null && (!this.isAbandoned || this.sendBuffer.length > 0)
  }

  /** Reads no more: what is queued and what arrives is dropped, and acknowledged so that the peer can finish. */
  discardReceived(): void {
    this.discarding = true
    this.receiveQueue.clear()
    this.uncount(this.countedBytes)
    this.hasRead = true
    this.countOrphan()
    this.limitFinWait()
    this.context.settle(this)
  }

  /**
   * From the moment on at which nobody holds it, a peer alone decides how long it stays. Of such there are only so many
   * (Linux tcp_max_orphans): one more is reset.
   */
  countOrphan(): void {
    if (this.countedOrphan || !this.isAbandoned || this.state === State.Closed) return
    const { context } = this
    if (context.orphans >= context.settings.maximumOrphans) {
      context.counters.TCPAbortOnMemory++
      this.abort()
      return
    }
    this.countedOrphan = true
    context.orphans++
  }

  /** Once it is only the peer's FIN that is missing, and nobody is interested in it. */
  limitFinWait(): void {
    if (this.state === State.FinWait2 && this.isAbandoned) limitFinWait(this)
  }

  /**
   * The application lets go. Unread data means that the peer must learn that it was lost: reset (RFC 9293, 3.10.4 and
   * RFC 2525, 2.17); otherwise FIN, and a bounded wait for the peer's.
   */
  release(): void {
    if (this.state === State.Closed) return
    this.orphaned = true
    if (this.receiveQueue.length > 0 && !this.discarding) {
      this.context.counters.TCPAbortOnClose++
      this.abort()
      return
    }
    this.shutdownWrite()
    this.limitFinWait()
  }

  /** Resets the connection: RFC 9293, 3.10.5. */
  abort(error: SystemErrorCode | null = 'ECONNABORTED'): void {
    if (this.state === State.Closed) return
    if (this.state !== State.SynSent) {
      sendReset(this.context, this.path, this.outgoingPorts, this.sendNext, this.receiveNext, true)
    }
    this.destroy(error)
    this.context.settle(this)
  }

  /** Ends the connection without a word to the peer; the user hears of it at the end of the burst. */
  destroy(error: SystemErrorCode | null): void {
    if (this.state === State.Closed) return
    this.state = State.Closed
    this.error = error
    this.closedEvent = true
    this.readableEvent = true
    this.releaseMemory()
    this.context.remove(this)
    this.context.touch(this)
  }

  /**
   * Gives back what only an open connection needs. Data received in order stays readable, but no longer counts: nobody
   * may ever read it.
   */
  releaseMemory(): void {
    if (this.countedOrphan) {
      this.countedOrphan = false
      this.context.orphans--
    }
    if (this.fastOpen !== null) {
      this.fastOpen.leaveListener(null)
      this.context.fastOpen.ended(this.fastOpen, this.error === null)
    }
    this.context.disarm(this.timer)
    this.uncount(this.countedBytes)
    this.sendBuffer.clear()
    this.recovery?.board.clear()
    this.outOfOrder?.clear()
    this.outOfOrder = null
    this.sackBlocks = null
  }

  /** Takes up to `most` received bytes, as memory of the caller's own; null when there are none. */
  read(most: number): Buffer | null {
    const data = this.receiveQueue.read(most)
    if (data !== null) this.consumed(data.length)
    return data
  }

  /** Hands received bytes to `sink` until none is left or it takes no more. */
  drain(sink: ReceiveSink): void {
    const before = this.receiveQueue.length
    if (before === 0) return
    // Also if the sink fails: whoever throws has taken the data.
    try {
      this.receiveQueue.drain(sink)
    } finally {
      this.consumed(before - this.receiveQueue.length)
    }
  }

  /** The application has taken `count` bytes: the window opens, and grows while it keeps up. */
  consumed(count: number): void {
    this.uncount(Math.min(count, this.countedBytes))
    this.hasRead = true
    adaptWindow(this, count)
    this.context.settle(this)
  }

  /** @param count bytes that this connection holds no longer */
  uncount(count: number): void {
    this.countedBytes -= count
    this.context.receiveBytes -= count
  }

  /** Makes sure that the timer fires at `deadline` or before. */
  schedule(deadline: Microseconds): void {
    if (!this.timer.armed || deadline < this.timer.expiry) this.context.arm(this.timer, deadline)
  }

  onTimer(): void {
    runTimers(this)
  }

  /** The receive window that we can offer now, in bytes from RCV.NXT; never less than what was offered before. */
  offerableWindow(): number {
    return offerableWindow(this)
  }

  /**
   * RFC 9293, 3.8.4.
   * @param idle silence before the first probe; Linux TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT
   * @param interval between probes; default the stack's, as for the next
   * @param probes how many without an answer are the end
   */
  setKeepAlive(on: boolean, idle: Microseconds, interval?: Microseconds, probes?: number): void {
    if (this.state === State.Closed) return
    const { keepAliveInterval, keepAliveProbes } = this.context.settings
    setKeepAlive(this, on, idle, interval ?? keepAliveInterval, probes ?? keepAliveProbes)
  }

  /** Turns Nagle's rule off, RFC 9293, 3.7.4; what it held back goes out at once. */
  setNoDelay(on: boolean): void {
    this.noDelay = on
    if (on) this.context.settle(this)
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
