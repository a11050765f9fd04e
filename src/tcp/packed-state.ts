/**
 * What a connection remembers of yes and no, a bit each, of times that need be no finer than a millisecond, and of bytes. As fields
 * of their own the former would take eight bytes each, and a time or a large count, which is a double, twenty-four: a kilobyte more
 * than this for each of a hundred thousand connections that do nothing.
 */
import type { Microseconds } from '../clock/index.ts'

const WINDOW_SCALING = 1 << 0
const SELECTIVE_ACKNOWLEDGMENTS = 1 << 1
const TIMESTAMPS = 1 << 2
const FIN_QUEUED = 1 << 3
const FIN_RECEIVED = 1 << 4
const HAS_READ = 1 << 5
const ACKNOWLEDGE_NOW = 1 << 6
const WINDOW_RESTART = 1 << 7
const PERSISTING = 1 << 8
const PROBING = 1 << 9
const NO_DELAY = 1 << 10
const WANTS_WRITABLE = 1 << 11
const DISCARDING = 1 << 12
const ORPHANED = 1 << 13
const COUNTED_ORPHAN = 1 << 14
const TOUCHED = 1 << 15
const ESTABLISHED_EVENT = 1 << 16
const READABLE_EVENT = 1 << 17
const FINISHED_EVENT = 1 << 18
const CLOSED_EVENT = 1 << 19
const ANSWERING = 1 << 20
/** Six bits from here are the differentiated services codepoint. */
const CODEPOINT_SHIFT = 21
const CODEPOINT = 0x3f << CODEPOINT_SHIFT

/** So long ago that no interval reaches back to it, and still a small integer in milliseconds. */
const LONG_AGO = -1_000_000_000

/** Bytes in a unit of counting: what a small integer has room for with any one segment or write behind it. */
const GIBIBYTE = 2 ** 30

export abstract class PackedState {
  #flags = 0
  // Whole milliseconds: a small integer for the first 24 days, and right, if larger, after that.
  #answered = LONG_AGO
  #timestamped = 0
  #sent = 0
  #received = 0
  #receivedData = LONG_AGO
  #retransmitted = 0
  // In two small integers each: connections keep one shape, however much goes over them (see `withLargeCounts`).
  #acknowledgedGibibytes = 0
  #acknowledgedBytes = 0
  #receivedGibibytes = 0
  #receivedBytes = 0

  /** Bytes of ours that the peer has acknowledged. */
  get bytesAcknowledged(): number {
    return this.#acknowledgedGibibytes * GIBIBYTE + this.#acknowledgedBytes
  }

  countAcknowledged(bytes: number): void {
    this.#acknowledgedBytes += bytes
    if (this.#acknowledgedBytes < GIBIBYTE) return
    this.#acknowledgedBytes -= GIBIBYTE
    this.#acknowledgedGibibytes++
  }

  /** Bytes of the peer's that came in order. */
  get bytesReceived(): number {
    return this.#receivedGibibytes * GIBIBYTE + this.#receivedBytes
  }

  countReceived(bytes: number): void {
    this.#receivedBytes += bytes
    if (this.#receivedBytes < GIBIBYTE) return
    this.#receivedBytes -= GIBIBYTE
    this.#receivedGibibytes++
  }

  /** When a segment that cannot be right was last answered. */
  get lastAnswer(): Microseconds {
    return this.#answered * 1000
  }

  set lastAnswer(time: Microseconds) {
    this.#answered = Math.floor(time / 1000)
  }

  /** When `recentTimestamp` came. */
  get recentTimestampAt(): Microseconds {
    return this.#timestamped * 1000
  }

  set recentTimestampAt(time: Microseconds) {
    this.#timestamped = Math.floor(time / 1000)
  }

  /** When anything but a bare acknowledgment was last sent. */
  get lastSentAt(): Microseconds {
    return this.#sent * 1000
  }

  set lastSentAt(time: Microseconds) {
    this.#sent = Math.floor(time / 1000)
  }

  /** When anything that was acceptable last came. */
  get lastReceivedAt(): Microseconds {
    return this.#received * 1000
  }

  set lastReceivedAt(time: Microseconds) {
    this.#received = Math.floor(time / 1000)
  }

  /** When data last came. */
  get dataReceivedAt(): Microseconds {
    return this.#receivedData * 1000
  }

  set dataReceivedAt(time: Microseconds) {
    this.#receivedData = Math.floor(time / 1000)
  }

  /** When something was last sent again. */
  get retransmittedAt(): Microseconds {
    return this.#retransmitted * 1000
  }

  set retransmittedAt(time: Microseconds) {
    this.#retransmitted = Math.floor(time / 1000)
  }

  /** The DS field that packets are sent with, without its ECN bits: RFC 2474, section 3. Linux IP_TOS. A multiple of 4. */
  get differentiatedServices(): number {
    return (this.#flags & CODEPOINT) >> (CODEPOINT_SHIFT - 2)
  }

  set differentiatedServices(field: number) {
    this.#flags = (this.#flags & ~CODEPOINT) | (((field >> 2) << CODEPOINT_SHIFT) & CODEPOINT)
  }

  /** Both sides sent the window scale option. */
  get windowScaling(): boolean {
    return (this.#flags & WINDOW_SCALING) !== 0
  }

  set windowScaling(on: boolean) {
    if (on) this.#flags |= WINDOW_SCALING
    else this.#flags &= ~WINDOW_SCALING
  }

  /** Both sides sent SACK-permitted. */
  get selectiveAcknowledgments(): boolean {
    return (this.#flags & SELECTIVE_ACKNOWLEDGMENTS) !== 0
  }

  set selectiveAcknowledgments(on: boolean) {
    if (on) this.#flags |= SELECTIVE_ACKNOWLEDGMENTS
    else this.#flags &= ~SELECTIVE_ACKNOWLEDGMENTS
  }

  /** Both sides sent timestamps: RFC 7323. */
  get timestamps(): boolean {
    return (this.#flags & TIMESTAMPS) !== 0
  }

  set timestamps(on: boolean) {
    if (on) this.#flags |= TIMESTAMPS
    else this.#flags &= ~TIMESTAMPS
  }

  /** FIN follows what is in the send buffer. */
  get finQueued(): boolean {
    return (this.#flags & FIN_QUEUED) !== 0
  }

  set finQueued(on: boolean) {
    if (on) this.#flags |= FIN_QUEUED
    else this.#flags &= ~FIN_QUEUED
  }

  /** The peer has sent FIN, and all that was before it has arrived. */
  get finReceived(): boolean {
    return (this.#flags & FIN_RECEIVED) !== 0
  }

  set finReceived(on: boolean) {
    if (on) this.#flags |= FIN_RECEIVED
    else this.#flags &= ~FIN_RECEIVED
  }

  /** The application has read since the last decision about an acknowledgment: the window may have opened. */
  get hasRead(): boolean {
    return (this.#flags & HAS_READ) !== 0
  }

  set hasRead(on: boolean) {
    if (on) this.#flags |= HAS_READ
    else this.#flags &= ~HAS_READ
  }

  /** An ACK is due at the end of this burst. */
  get acknowledgeNow(): boolean {
    return (this.#flags & ACKNOWLEDGE_NOW) !== 0
  }

  set acknowledgeNow(on: boolean) {
    if (on) this.#flags |= ACKNOWLEDGE_NOW
    else this.#flags &= ~ACKNOWLEDGE_NOW
  }

  /** Data of ours follows on the peer's: an acknowledgment had better wait for it (Linux calls it ping-pong mode). */
  get answering(): boolean {
    return (this.#flags & ANSWERING) !== 0
  }

  set answering(on: boolean) {
    if (on) this.#flags |= ANSWERING
    else this.#flags &= ~ANSWERING
  }

  /** More than one SYN was lost: the window begins at one segment (RFC 5681, 3.1). */
  get windowRestart(): boolean {
    return (this.#flags & WINDOW_RESTART) !== 0
  }

  set windowRestart(on: boolean) {
    if (on) this.#flags |= WINDOW_RESTART
    else this.#flags &= ~WINDOW_RESTART
  }

  /** Whether `retransmitAt` is the persist timer of RFC 9293, 3.8.6.1. */
  get persisting(): boolean {
    return (this.#flags & PERSISTING) !== 0
  }

  set persisting(on: boolean) {
    if (on) this.#flags |= PERSISTING
    else this.#flags &= ~PERSISTING
  }

  /** Whether `retransmitAt` is the tail loss probe's: RFC 8985, 7. */
  get probing(): boolean {
    return (this.#flags & PROBING) !== 0
  }

  set probing(on: boolean) {
    if (on) this.#flags |= PROBING
    else this.#flags &= ~PROBING
  }

  /** Nagle's rule is off: RFC 9293, 3.7.4. */
  get noDelay(): boolean {
    return (this.#flags & NO_DELAY) !== 0
  }

  set noDelay(on: boolean) {
    if (on) this.#flags |= NO_DELAY
    else this.#flags &= ~NO_DELAY
  }

  /** The user waits for `onWritable`. */
  get wantsWritable(): boolean {
    return (this.#flags & WANTS_WRITABLE) !== 0
  }

  set wantsWritable(on: boolean) {
    if (on) this.#flags |= WANTS_WRITABLE
    else this.#flags &= ~WANTS_WRITABLE
  }

  /** The application reads no more: what arrives is acknowledged and dropped. */
  get discarding(): boolean {
    return (this.#flags & DISCARDING) !== 0
  }

  set discarding(on: boolean) {
    if (on) this.#flags |= DISCARDING
    else this.#flags &= ~DISCARDING
  }

  /** The application has let go of it altogether: data that arrives is answered with a reset (RFC 9293, 3.10.4). */
  get orphaned(): boolean {
    return (this.#flags & ORPHANED) !== 0
  }

  set orphaned(on: boolean) {
    if (on) this.#flags |= ORPHANED
    else this.#flags &= ~ORPHANED
  }

  /** It is one of `TcpContext.orphans`. */
  get countedOrphan(): boolean {
    return (this.#flags & COUNTED_ORPHAN) !== 0
  }

  set countedOrphan(on: boolean) {
    if (on) this.#flags |= COUNTED_ORPHAN
    else this.#flags &= ~COUNTED_ORPHAN
  }

  /** It is on the list of those that the end of the burst looks at, or is just being looked at. */
  get touched(): boolean {
    return (this.#flags & TOUCHED) !== 0
  }

  set touched(on: boolean) {
    if (on) this.#flags |= TOUCHED
    else this.#flags &= ~TOUCHED
  }

  /** The user is to be told: `onEstablished`, ... */
  get establishedEvent(): boolean {
    return (this.#flags & ESTABLISHED_EVENT) !== 0
  }

  set establishedEvent(on: boolean) {
    if (on) this.#flags |= ESTABLISHED_EVENT
    else this.#flags &= ~ESTABLISHED_EVENT
  }

  /** ... `onReadable`, ... */
  get readableEvent(): boolean {
    return (this.#flags & READABLE_EVENT) !== 0
  }

  set readableEvent(on: boolean) {
    if (on) this.#flags |= READABLE_EVENT
    else this.#flags &= ~READABLE_EVENT
  }

  /** ... `onFinished`, ... */
  get finishedEvent(): boolean {
    return (this.#flags & FINISHED_EVENT) !== 0
  }

  set finishedEvent(on: boolean) {
    if (on) this.#flags |= FINISHED_EVENT
    else this.#flags &= ~FINISHED_EVENT
  }

  /** ... `onClosed`. */
  get closedEvent(): boolean {
    return (this.#flags & CLOSED_EVENT) !== 0
  }

  set closedEvent(on: boolean) {
    if (on) this.#flags |= CLOSED_EVENT
    else this.#flags &= ~CLOSED_EVENT
  }
}
