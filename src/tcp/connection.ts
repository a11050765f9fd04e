/**
 * One connection: its transmission control block, what an application does with it, and how it ends. The algorithms stand
 * in files of their own (`segment-arrives`, `acknowledgment`, `receive-data`, `transmit`, `timers`) and work on it.
 */
import type { Microseconds } from '../clock/index.ts'
import { integerInRange, type SystemErrorCode } from '../errors/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { sendReset } from './bare-segments.ts'
import { newCongestionControl } from './congestion/index.ts'
import { limitFinWait, setKeepAlive } from './idle-timers.ts'
import { type TcpInfo, tcpInfo } from './info.ts'
import { beginMtuProbing } from './mtu-probing.ts'
import type { ReceiveSink } from './receive-queue.ts'
import { adaptWindow, offerableWindow } from './receive-window.ts'
import { LossRecovery } from './recovery/index.ts'
import { NOTHING_TO_SEND, SendBuffer } from './send-buffer.ts'
import { LARGEST_SEGMENT, LEAST_SEGMENT } from './settings.ts'
import { State } from './state.ts'
import { runTimers } from './timers.ts'
import { TransmissionControlBlock } from './transmission-control-block.ts'
import { LARGEST_PAYLOAD } from './wire.ts'

/** Bytes of a buffer that a part of a large write is copied into: about what goes into one packet. */
const COPIED_PIECE = 65_536

/** One TCP connection, as the layer below `Flow` has it: its record, and the calls of RFC 9293, section 3.10. */
export class Connection extends TransmissionControlBlock {
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

  /**
   * Queues bytes without sending yet: more follows, ended by `write` or `push`.
   * @param isOurs nobody else will look at `chunk`: its memory is given back as soon as it is acknowledged
   */
  enqueue(chunk: Uint8Array, isOurs = false): void {
    if (!this.canWrite) return
    this.#append(chunk, null, isOurs)
  }

  /** Whether what is written in bulk is sent from where it lies: a copy of it would be for nothing. */
  get gathers(): boolean {
    return this.path.ip.gathers && !this.path.isLocal
  }

  /**
   * As `enqueue`, but copies into packets that can be sent as they lie there, while there is memory for that.
   * @returns how many of `bytes` are the caller's again; the others are not queued
   */
  enqueueCopy(bytes: Uint8Array): number {
    if (!this.canWrite) return bytes.length
    if (this.sendBuffer === NOTHING_TO_SEND) this.sendBuffer = new SendBuffer()
    const { segmentSize } = this
    // On loopback one segment is longer than what a device is given to cut.
    const most = segmentSize > LARGEST_PAYLOAD ? segmentSize : LARGEST_PAYLOAD - (LARGEST_PAYLOAD % segmentSize)
    return this.sendBuffer.appendCopy(bytes, most, segmentSize, Math.max(this.unsent, 0), this.context.memory)
  }

  /**
   * Queues a copy of much data without sending yet, so that the caller may use `bytes` again: in packets while there is memory for
   * that, otherwise in buffers whose memory is given back as soon as they are acknowledged, and so found warm by the next.
   */
  enqueueCopyOf(bytes: Uint8Array): void {
    if (!this.canWrite) return
    for (let from = this.enqueueCopy(bytes); from < bytes.length; from += COPIED_PIECE) {
      const piece = bytes.subarray(from, from + COPIED_PIECE)
      const copy = Buffer.allocUnsafeSlow(piece.length)
      copy.set(piece)
      this.#append(copy, null, true)
    }
  }

  #append(chunk: Uint8Array, packet: PacketBuffer | null, isOurs = false): void {
    if (this.sendBuffer === NOTHING_TO_SEND) this.sendBuffer = new SendBuffer()
    this.sendBuffer.append(chunk, packet, isOurs)
  }

  /** Sends what is queued, as far as windows allow. */
  push(): void {
    this.context.settle(this)
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
}
