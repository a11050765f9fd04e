/**
 * The TCP layer: demultiplexing, opening, and what belongs to no single connection. RFC 9293, sections 3.10.1 (OPEN),
 * 3.10.7.1 (CLOSED) and 3.10.7.2 (LISTEN).
 */
import { IpAddress } from '../address/index.ts'
import { type Clock, KeyedHash, type Microseconds, type Random, type Timer } from '../clock/index.ts'
import { SystemError, type SystemErrorCode } from '../errors/index.ts'
import { type Ip, type IpErrorKind, IpProtocol, type IpProtocolHandler, type Path } from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import { sendCookie, sendReset, sendTimeWaitAcknowledgment } from './bare-segments.ts'
import { ChallengeLimit } from './challenge-limit.ts'
import { Connection, NEVER } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { newTcpCounters, type TcpCounters } from './counters.ts'
import { finishBurst } from './end-of-burst.ts'
import { receiveIcmpError } from './icmp-errors.ts'
import { InitialSequenceNumbers } from './initial-sequence-number.ts'
import { type Acceptor, Listener, ListenerTable } from './listener.ts'
import { LocalPorts } from './local-ports.ts'
import { LARGEST_WINDOW_SCALE } from './options.ts'
import { Segment } from './segment.ts'
import { segmentArrives, takeSynOptions } from './segment-arrives.ts'
import { isChecksumRight } from './segment-checksum.ts'
import { advance, type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { type TcpSettings, tcpSettings } from './settings.ts'
import { State } from './state.ts'
import { COOKIE_LIFETIME, SynCookies, scaleOfTimestamp, timestampWithScale } from './syn-cookies.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TcpConnectOptions, TcpOptions } from './tcp-options.ts'
import { TimeWait, TimeWaitList } from './time-wait.ts'
import { answerInTimeWait, TimeWaitAnswer } from './time-wait-arrives.ts'
import { TouchedConnections } from './touched-connections.ts'
import { sendSyn } from './transmit.ts'
import * as wire from './wire.ts'

export class Tcp implements IpProtocolHandler, TcpContext {
  readonly memory: PacketMemory
  readonly settings: TcpSettings
  readonly counters: TcpCounters = newTcpCounters()
  readonly random: Random
  readonly clock: Clock
  readonly hash: KeyedHash
  readonly log: Log
  readonly ips: readonly Ip[]
  receiveBytes = 0

  readonly #table: ConnectionTable<Connection | TimeWait>
  readonly #listeners = new ListenerTable()
  readonly #localPorts: LocalPorts
  readonly #timeWaits: TimeWaitList
  readonly #initialSequenceNumbers: InitialSequenceNumbers
  readonly #cookies: SynCookies
  readonly #receiveWindowScale: number
  readonly #challengeLimit: ChallengeLimit
  readonly #segment = new Segment()
  /** Connections that the end of the burst has to look at. */
  readonly #touched = new TouchedConnections()
  #acceptable: Listener[] = []
  #inBurst = false
  #burstTime: Microseconds = 0
  #connections = 0
  #closed = false

  /**
   * @param ips the internet layers to run over: at least one, and one of each family at most
   * @throws RangeError naming the setting that is out of its range
   */
  constructor(ips: readonly Ip[], options: TcpOptions) {
    this.ips = ips
    this.memory = ips[0].memory
    this.settings = tcpSettings(options.settings)
    this.clock = options.clock
    this.random = options.random
    this.log = options.log ?? SILENT
    this.hash = new KeyedHash(options.random)
    this.#table = new ConnectionTable(this.hash)
    this.#localPorts = new LocalPorts(this.#table, this.#listeners, options.random, this.settings.ephemeralPorts)
    this.#initialSequenceNumbers = new InitialSequenceNumbers(options.random)
    this.#receiveWindowScale = windowScaleFor(this.settings.maximumReceiveBuffer)
    this.#challengeLimit = new ChallengeLimit(options.random, this.settings.challengeAcknowledgments)
    this.#timeWaits = new TimeWaitList(options.clock, this.settings.timeWait, (record) => this.#table.delete(record))
    this.#cookies = new SynCookies(options.random)
    for (const ip of ips) ip.addProtocol(IpProtocol.Tcp, this)
  }

  /** Connections, half-open ones included, without TIME-WAIT. */
  get connections(): number {
    return this.#connections
  }

  /** Connections in TIME-WAIT. */
  get timeWaits(): number {
    return this.#timeWaits.size
  }

  // --- opening ---------------------------------------------------------------------------------------------------

  /**
   * Passive open.
   * @param address null for all
   * @param port 0 for a free one
   * @param backlog connections that may wait for the end of their handshake, and for being accepted, each
   * @throws SystemError EADDRINUSE, EADDRNOTAVAIL
   */
  listen(address: IpAddress | null, port: number, backlog: number, acceptor: Acceptor): Listener {
    if (address?.isUnspecified) address = null
    const details = { address: String(address ?? '::'), port }
    if (address !== null && !this.ips.some((ip) => ip.isLocalAddress(address))) {
      throw new SystemError('EADDRNOTAVAIL', 'listen', details)
    }
    if (port === 0) {
      port = this.#localPorts.pick((candidate) => !this.#listeners.isTaken(candidate, address))
      if (port === 0) throw new SystemError('EADDRINUSE', 'listen', details)
    } else if (this.#listeners.isTaken(port, address)) {
      throw new SystemError('EADDRINUSE', 'listen', details)
    }
    const listener = new Listener(address, port, backlog, acceptor)
    this.#listeners.add(listener)
    return listener
  }

  /** Stops listening. Connections that nobody has accepted are reset, as Linux does. */
  unlisten(listener: Listener): void {
    if (listener.closed) return
    listener.closed = true
    this.#listeners.delete(listener)
    for (const connection of [...listener.halfOpen, ...listener.pending]) connection.abort(null)
    listener.halfOpen.clear()
    listener.pending.length = 0
  }

  /**
   * Active open. The user hears `onEstablished`, or `onClosed` with the reason.
   * @throws SystemError EADDRNOTAVAIL, EADDRINUSE, ENETUNREACH (also for group addresses), ENOBUFS (`maximumConnections`)
   */
  connect(options: TcpConnectOptions): Connection {
    const { remote, port } = options
    const failure = (code: SystemErrorCode) => new SystemError(code, 'connect', { address: remote.toString(), port })
    const ip = this.ips.find((candidate) => candidate.family === remote.family)
    if (ip === undefined || remote.isUnspecified) throw failure('ENETUNREACH')
    if (remote.isMulticast) throw failure('ENETUNREACH')
    const local = options.local?.isUnspecified ? null : options.local
    const path = ip.path(remote, local)
    if (typeof path === 'string') throw failure(path)
    if (path.isBroadcast) throw failure('ENETUNREACH')
    if (this.#connections >= this.settings.maximumConnections) throw failure('ENOBUFS')
    let localPort = options.localPort ?? 0
    const isFree = (candidate: number) => this.#localPorts.isFree(path, candidate, port)
    if (localPort === 0) {
      localPort = this.#localPorts.pick(isFree)
      if (localPort === 0) throw failure('EADDRNOTAVAIL')
    } else if (!isFree(localPort)) {
      throw failure('EADDRINUSE')
    }
    const connection = this.#newConnection(path, localPort, port)
    connection.user = options.user ?? null
    connection.state = State.SynSent
    this.counters.ActiveOpens++
    this.#start(connection, null)
    this.settle(connection)
    return connection
  }

  #newConnection(path: Path, localPort: number, remotePort: number): Connection {
    const connection = new Connection(this, path, localPort, remotePort)
    connection.timestampOffset = this.#initialSequenceNumbers.timestampOffset(path)
    if (this.settings.windowScaling) connection.receiveWindowScale = this.#receiveWindowScale
    connection.updateSegmentSize()
    return connection
  }

  /** Sends the first SYN or SYN-ACK. @param previous the TIME-WAIT record whose place the connection takes */
  #start(connection: Connection, previous: TimeWait | null): void {
    const now = this.time()
    const initial =
      previous === null
        ? this.#initialSequenceNumbers.next(connection.path, connection.outgoingPorts, now)
        : // RFC 1122, 4.2.2.13: larger than anything that the old connection sent; as Linux.
          advance(previous.sendNext, 65_537)
    this.#setInitialSequence(connection, initial, now)
    if (previous === null) {
      this.#table.add(connection)
    } else {
      this.#timeWaits.delete(previous)
      this.#table.replace(previous, connection)
    }
    this.#connections++
    sendSyn(connection)
    connection.retransmitAt = now + connection.timeout.current
    connection.schedule(connection.retransmitAt)
  }

  #setInitialSequence(connection: Connection, initial: SequenceNumber, now: Microseconds): void {
    connection.initialSendSequence = connection.unacknowledged = initial
    connection.sendNext = connection.sendHighest = connection.sendBase = advance(initial, 1)
    connection.recoveryPoint = connection.shortSequence = initial
    connection.timedAt = connection.progressAt = connection.lastSentAt = connection.lastReceivedAt = now
    connection.timedSequence = connection.sendNext
  }

  /** The timestamp that a segment on this path carries now. */
  #timestamp(path: Path, now: Microseconds): number {
    return (Math.floor(now / 1000) + this.#initialSequenceNumbers.timestampOffset(path)) | 0
  }

  // --- receiving -------------------------------------------------------------------------------------------------

  receive(packet: PacketBuffer, ip: Ip): void {
    if (!this.#inBurst) {
      this.#inBurst = true
      this.#burstTime = this.clock.now()
    }
    const { counters } = this
    counters.InSegs++
    const view = packet.memory.view
    const header = packet.start
    // RFC 9293, 3.9.2.3 and RFC 1122, 4.2.3.10: TCP is for single hosts.
    if (packet.multicast || packet.linkMulticast) return
    if (!wire.isValidHeader(view, header, packet.end)) {
      counters.InErrs++
      return
    }
    if (packet.checksum === ChecksumState.Unverified && !isChecksumRight(packet)) {
      counters.InErrs++
      counters.InCsumErrors++
      return
    }
    const ports = wire.portPair(view, header)
    const segment = this.#segment
    segment.sequence = wire.sequence(view, header)
    segment.acknowledgment = wire.acknowledgment(view, header)
    segment.flags = wire.flags(view, header)
    segment.window = wire.windowField(view, header)
    const headerEnd = header + wire.headerLength(view, header)
    segment.options.parse(view, header + wire.HEADER_LENGTH, headerEnd)
    packet.payload = headerEnd
    packet.payloadEnd = packet.end
    segment.length = packet.end - headerEnd
    const entry = this.#table.find(
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      ports,
    )
    if (entry instanceof Connection) segmentArrives(entry, segment, packet)
    else if (entry !== null) this.#arrivesInTimeWait(entry, segment, packet, ip)
    else this.#arrivesForNobody(segment, packet, ip, ports, null)
  }

  /** LISTEN (3.10.7.2), or CLOSED (3.10.7.1) where nobody listens. */
  #arrivesForNobody(segment: Segment, packet: PacketBuffer, ip: Ip, ports: number, previous: TimeWait | null): void {
    if (segment.hasRst) return
    const listener = segment.hasAck ? null : this.#listenerFor(packet, ports & 0xffff)
    if (listener === null) {
      if (segment.hasAck && !segment.hasSyn && this.#bringsCookie(segment, packet, ip, ports)) return
      // Also what a listener does with an ACK: there is nothing that it could acknowledge.
      this.#refuse(segment, packet, ip, ports)
      return
    }
    // Neither SYN nor ACK, dropped as 3.10.7.2 says; SYN with FIN makes no sense and is dropped as in Linux.
    if (!segment.hasSyn || segment.hasFin) return
    const crowded = listener.halfOpen.size >= listener.backlog
    // Many that begin at the same moment wait for their turn; cookies are for when the queue is full of silent ones.
    const withCookie = crowded && this.settings.synCookies && listener.isFlooded
    if (this.#cannotAccept(listener) || (crowded && !withCookie)) {
      this.counters.ListenOverflows++
      this.counters.ListenDrops++
      return
    }
    const path = this.#pathBack(packet, ip)
    if (path === null) {
      this.counters.ListenDrops++
      return
    }
    if (withCookie) {
      if (previous !== null) this.#endTimeWait(previous)
      this.#answerWithCookie(listener, segment, path, ports)
      return
    }
    const connection = this.#newConnection(path, ports & 0xffff, ports >>> 16)
    connection.listener = listener
    connection.state = State.SynReceived
    connection.initialReceiveSequence = segment.sequence
    connection.receiveNext = advance(segment.sequence, 1)
    connection.sendWindow = connection.largestSendWindow = segment.window
    connection.windowUpdateSequence = segment.sequence
    takeSynOptions(connection, segment, this.settings)
    listener.halfOpen.add(connection)
    this.counters.PassiveOpens++
    this.#start(connection, previous)
  }

  #cannotAccept(listener: Listener): boolean {
    return listener.isFull || this.#connections >= this.settings.maximumConnections
  }

  #answerWithCookie(listener: Listener, segment: Segment, path: Path, ports: number): void {
    const now = this.time()
    const { options } = segment
    const timestamps = this.settings.timestamps && options.hasTimestamps
    // Without timestamps there is no place to remember the peer's window scale, and so none for ours (as Linux).
    const scaling = timestamps && this.settings.windowScaling && options.windowScale >= 0
    const outgoing = (ports << 16) | (ports >>> 16)
    listener.cookiesUntil = now + COOKIE_LIFETIME
    sendCookie(
      this,
      path,
      outgoing,
      this.#cookies.make(path, outgoing, segment.sequence, options.maximumSegmentSize, now),
      advance(segment.sequence, 1),
      scaling ? this.#receiveWindowScale : -1,
      timestamps,
      timestampWithScale(this.#timestamp(path, now), scaling ? options.windowScale : -1),
      options.timestampValue,
    )
  }

  /**
   * The end of a handshake of which only a cookie tells: RFC 4987, 3.6.
   * @returns whether the segment is dealt with
   */
  #bringsCookie(segment: Segment, packet: PacketBuffer, ip: Ip, ports: number): boolean {
    const listener = this.#listenerFor(packet, ports & 0xffff)
    const now = this.time()
    if (listener === null || now >= listener.cookiesUntil) return false
    const path = this.#pathBack(packet, ip)
    if (path === null) return false
    const outgoing = (ports << 16) | (ports >>> 16)
    const cookie = advance(segment.acknowledgment, -1)
    const peerSequence = advance(segment.sequence, -1)
    const segmentSize = this.#cookies.check(path, outgoing, peerSequence, cookie, now)
    if (segmentSize === 0) {
      this.counters.SyncookiesFailed++
      return false
    }
    this.counters.SyncookiesRecv++
    if (this.#cannotAccept(listener)) {
      // Forgotten as in `accepted`: the data that the peer sends, and sends again, brings the cookie once more.
      this.counters.ListenOverflows++
      this.counters.ListenDrops++
      return true
    }
    const connection = this.#newConnection(path, ports & 0xffff, ports >>> 16)
    connection.listener = listener
    connection.state = State.SynReceived
    connection.initialReceiveSequence = connection.windowUpdateSequence = peerSequence
    connection.receiveNext = connection.lastAcknowledgmentSent = segment.sequence
    segment.options.maximumSegmentSize = segmentSize
    // Not remembered.
    segment.options.sackPermitted = false
    segment.options.windowScale = segment.options.hasTimestamps ? scaleOfTimestamp(segment.options.timestampEcho) : -1
    takeSynOptions(connection, segment, this.settings)
    connection.receiveEdge = advance(connection.receiveNext, Math.min(connection.receiveLimit, 65_535))
    listener.halfOpen.add(connection)
    this.counters.PassiveOpens++
    this.#setInitialSequence(connection, cookie, now)
    // When the SYN-ACK went out is forgotten: there is no round trip to be measured.
    connection.timedAt = NEVER
    this.#table.add(connection)
    this.#connections++
    segmentArrives(connection, segment, packet)
    return true
  }

  #listenerFor(packet: PacketBuffer, port: number): Listener | null {
    return this.#listeners.find(
      port,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    )
  }

  /** RFC 9293, 3.10.7.1: a reset that the other side will believe. */
  #refuse(segment: Segment, packet: PacketBuffer, ip: Ip, ports: number): void {
    const path = this.#pathBack(packet, ip)
    if (path === null) return
    const outgoing = (ports << 16) | (ports >>> 16)
    if (segment.hasAck) sendReset(this, path, outgoing, segment.acknowledgment, sequenceNumber(0), false)
    else {
      const acknowledgment = advance(segment.sequence, segment.sequenceLength)
      sendReset(this, path, outgoing, sequenceNumber(0), acknowledgment, true)
    }
  }

  /** The way back to whoever sent the packet, from the address that it was sent to. */
  #pathBack(packet: PacketBuffer, ip: Ip): Path | null {
    const path = ip.path(
      IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3),
      IpAddress.fromWords(packet.destination0, packet.destination1, packet.destination2, packet.destination3),
    )
    return typeof path === 'string' ? null : path
  }

  #arrivesInTimeWait(record: TimeWait, segment: Segment, packet: PacketBuffer, ip: Ip): void {
    switch (answerInTimeWait(record, segment, this.time())) {
      case TimeWaitAnswer.Ignore:
        break
      case TimeWaitAnswer.HoldBack:
        this.counters.TCPACKSkippedChallenge++
        break
      case TimeWaitAnswer.Restart:
        this.#timeWaits.restart(record)
        sendTimeWaitAcknowledgment(this, record)
        break
      case TimeWaitAnswer.Acknowledge:
        sendTimeWaitAcknowledgment(this, record)
        break
      case TimeWaitAnswer.End:
        this.#endTimeWait(record)
        break
      case TimeWaitAnswer.Reopen:
        this.counters.TWRecycled++
        if (this.#listenerFor(packet, record.incomingPorts & 0xffff) === null) {
          this.#endTimeWait(record)
          this.#arrivesForNobody(segment, packet, ip, record.incomingPorts, null)
        } else {
          this.#arrivesForNobody(segment, packet, ip, record.incomingPorts, record)
        }
    }
  }

  #endTimeWait(record: TimeWait): void {
    this.#timeWaits.delete(record)
    this.#table.delete(record)
  }

  /** For `receiveError` of the internet layer. */
  receiveError(kind: IpErrorKind, quoted: PacketBuffer, mtu: number, _reporter: IpAddress): void {
    const view = quoted.memory.view
    const localPort = wire.sourcePort(view, quoted.start)
    const remotePort = wire.destinationPort(view, quoted.start)
    const entry = this.#table.find(
      quoted.source0,
      quoted.source1,
      quoted.source2,
      quoted.source3,
      quoted.destination0,
      quoted.destination1,
      quoted.destination2,
      quoted.destination3,
      (remotePort << 16) | localPort,
    )
    if (!(entry instanceof Connection)) return
    receiveIcmpError(entry, kind, wire.sequence(view, quoted.start), mtu)
    this.settle(entry)
  }

  endOfBurst(): void {
    // Application code runs in here; what it sends joins this burst.
    this.#inBurst = true
    this.#burstTime = this.clock.now()
    let current: Connection | null = null
    try {
      this.#deliverAccepted()
      for (let connection = this.#touched.shift(); connection !== null; connection = this.#touched.shift()) {
        current = connection
        // Still marked: what it does to itself meanwhile is dealt with in the same pass.
        finishBurst(connection)
        connection.touched = false
        if ((connection.closedEvent || connection.readableEvent) && connection.user !== null) this.touch(connection)
        this.#deliverAccepted()
      }
    } finally {
      // Also when a user threw: its connection goes on.
      if (current !== null) current.touched = false
      this.#inBurst = false
    }
  }

  #deliverAccepted(): void {
    if (this.#acceptable.length === 0) return
    for (let i = 0; i < this.#acceptable.length; i++) this.#acceptable[i].deliver()
    this.#acceptable.length = 0
  }

  // --- what connections use: TcpContext ------------------------------------------------------------------------

  time(): Microseconds {
    return this.#inBurst ? this.#burstTime : this.clock.now()
  }

  arm(timer: Timer, expiry: Microseconds): void {
    this.clock.arm(timer, expiry)
  }

  disarm(timer: Timer): void {
    this.clock.disarm(timer)
  }

  touch(connection: Connection): void {
    this.#touched.add(connection)
  }

  settle(connection: Connection): void {
    this.touch(connection)
    if (this.#inBurst) return
    this.endOfBurst()
    for (const ip of this.ips) ip.flush()
  }

  remove(connection: Connection): void {
    this.#table.delete(connection)
    this.#forget(connection)
  }

  enterTimeWait(connection: Connection): void {
    connection.state = State.Closed
    connection.closedEvent = true
    connection.readableEvent = true
    connection.releaseMemory()
    this.#forget(connection)
    this.touch(connection)
    if (this.settings.maximumTimeWait === 0) {
      this.#table.delete(connection)
      return
    }
    if (this.#timeWaits.size >= this.settings.maximumTimeWait) {
      const oldest = this.#timeWaits.oldest!
      this.#timeWaits.delete(oldest)
      this.#table.delete(oldest)
      this.counters.TCPTimeWaitOverflow++
    }
    const record = new TimeWait(connection)
    this.counters.TW++
    this.#table.replace(connection, record)
    this.#timeWaits.add(record)
  }

  #forget(connection: Connection): void {
    this.#connections--
    const listener = connection.listener
    if (listener === null) return
    listener.halfOpen.delete(connection)
    const index = listener.pending.indexOf(connection)
    if (index >= 0) listener.pending.splice(index, 1)
    connection.listener = null
  }

  accepted(connection: Connection): boolean {
    const listener = connection.listener!
    if (listener.isFull) {
      this.counters.ListenOverflows++
      this.counters.ListenDrops++
      return false
    }
    listener.halfOpen.delete(connection)
    listener.pending.push(connection)
    if (!this.#acceptable.includes(listener)) this.#acceptable.push(listener)
    return true
  }

  mayChallenge(): boolean {
    return this.#challengeLimit.take(this.time())
  }

  refreshPath(path: Path): Path | null {
    const fresh = path.ip.path(path.destination, path.source)
    return typeof fresh === 'string' ? null : fresh
  }

  // --- closing -----------------------------------------------------------------------------------------------

  /** Every connection, in no order; the visitor may end it. */
  forEachConnection(visit: (connection: Connection) => void): void {
    this.#table.forEach((entry) => {
      if (entry instanceof Connection) visit(entry)
    })
  }

  /** Every record in TIME-WAIT, in no order. */
  forEachTimeWait(visit: (record: TimeWait) => void): void {
    this.#table.forEach((entry) => {
      if (entry instanceof TimeWait) visit(entry)
    })
  }

  /** Resets every connection and forgets everything. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const listener of [...this.#listeners]) this.unlisten(listener)
    this.forEachConnection((connection) => connection.abort())
    this.#timeWaits.close()
  }
}

/** The smallest shift with which the largest window that we may ever offer fits: RFC 7323, 2.3. */
function windowScaleFor(largestWindow: number): number {
  let scale = 0
  while (scale < LARGEST_WINDOW_SCALE && 65_535 << scale < largestWindow) scale++
  return scale
}
