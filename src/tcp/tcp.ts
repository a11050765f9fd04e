/**
 * The TCP layer: demultiplexing, opening, and what belongs to no single connection. RFC 9293, sections 3.10.1 (OPEN),
 * 3.10.7.1 (CLOSED) and 3.10.7.2 (LISTEN).
 */
import type { IpAddress } from '../address/index.ts'
import { type Clock, KeyedHash, type Microseconds, type Random, type Timer } from '../clock/index.ts'
import { type Ip, type IpErrorKind, IpProtocol, type IpProtocolHandler, type Path } from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import { ActiveOpen } from './active-open.ts'
import { sendReset, sendTimeWaitAcknowledgment } from './bare-segments.ts'
import { ChallengeLimit } from './challenge-limit.ts'
import { Connection } from './connection.ts'
import { ConnectionTable } from './connection-table.ts'
import { newTcpCounters, type TcpCounters } from './counters.ts'
import { finishBurst } from './end-of-burst.ts'
import { FastOpenClient } from './fast-open-client.ts'
import { receiveIcmpError } from './icmp-errors.ts'
import { type Acceptor, type Listener, type ListenerOptions, ListenerTable } from './listener.ts'
import { LocalPorts } from './local-ports.ts'
import { nstat } from './nstat.ts'
import { Opening } from './opening.ts'
import { OutOfOrderMemory, outOfOrderPages } from './out-of-order-memory.ts'
import { PassiveOpen } from './passive-open.ts'
import { SentSegmentPool } from './recovery/index.ts'
import { Segment } from './segment.ts'
import { segmentArrives } from './segment-arrives.ts'
import { isChecksumRight } from './segment-checksum.ts'
import { advance, sequenceNumber } from './sequence-number.ts'
import { type TcpSettings, tcpSettings } from './settings.ts'
import { State } from './state.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TcpConnectOptions, TcpOptions } from './tcp-options.ts'
import { TimeWait, TimeWaitList } from './time-wait.ts'
import { answerInTimeWait, TimeWaitAnswer } from './time-wait-arrives.ts'
import { TouchedConnections } from './touched-connections.ts'
import * as wire from './wire.ts'

/** To read the clock costs as much as a part of a packet; so many take about ten microseconds. */
const SHORT_BURST = 4

/**
 * The TCP layer, RFC 9293: finds the connection of each segment, opens connections both ways, holds what belongs to
 * none.
 */
export class Tcp implements IpProtocolHandler, TcpContext {
  readonly memory: PacketMemory
  readonly settings: TcpSettings
  readonly counters: TcpCounters = newTcpCounters()
  readonly random: Random
  readonly clock: Clock
  readonly hash: KeyedHash
  readonly log: Log
  readonly ips: readonly Ip[]
  readonly sentSegments = new SentSegmentPool()
  receiveBytes = 0
  orphans = 0
  readonly fastOpen: FastOpenClient
  readonly outOfOrderMemory: OutOfOrderMemory

  readonly #table: ConnectionTable<Connection | TimeWait>
  readonly #listeners = new ListenerTable()
  readonly #localPorts: LocalPorts
  readonly #timeWaits: TimeWaitList
  readonly #opening: Opening
  readonly #activeOpen: ActiveOpen
  readonly #passiveOpen: PassiveOpen
  readonly #challengeLimit: ChallengeLimit
  readonly #segment = new Segment()
  /** Connections that the end of the burst has to look at. */
  readonly #touched = new TouchedConnections()
  #inBurst = false
  #burstTime: Microseconds = 0
  /** Packets of this burst so far. */
  #burstPackets = 0
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
    this.fastOpen = new FastOpenClient(this)
    this.outOfOrderMemory = new OutOfOrderMemory(outOfOrderPages(this.settings.receiveBudget), this.counters)
    this.#table = new ConnectionTable(this.hash)
    this.#localPorts = new LocalPorts(this.#table, this.#listeners, options.random, this.settings.ephemeralPorts)
    this.#challengeLimit = new ChallengeLimit(options.random, this.settings.challengeAcknowledgments)
    this.#timeWaits = new TimeWaitList(options.clock, this.settings.timeWait, (record) => this.#table.delete(record))
    this.#opening = new Opening(this, this.#table, this.#timeWaits, options.random)
    this.#activeOpen = new ActiveOpen(this, this.#opening, this.#localPorts)
    this.#passiveOpen = new PassiveOpen(this, this.#opening, this.#listeners, this.#localPorts, options.random)
    for (const ip of ips) ip.addProtocol(IpProtocol.Tcp, this)
  }

  /** Connections, half-open ones included, without TIME-WAIT. */
  get connections(): number {
    return this.#opening.connections
  }

  /** Connections in TIME-WAIT. */
  get timeWaits(): number {
    return this.#timeWaits.size
  }

  // --- opening ---------------------------------------------------------------------------------------------------

  /**
   * Passive open.
   * @param address null for all, the unspecified address of a family for all of that
   * @param port 0 for a free one
   * @param backlog connections that may wait for the end of their handshake, and for being accepted, each
   * @throws SystemError EADDRINUSE, EADDRNOTAVAIL
   */
  listen(
    address: IpAddress | null,
    port: number,
    backlog: number,
    acceptor: Acceptor,
    options: ListenerOptions = {},
  ): Listener {
    return this.#passiveOpen.listen(address, port, backlog, acceptor, options, this.ips)
  }

  /** Whether there is a listener. */
  get isListening(): boolean {
    return !this.#listeners.isEmpty
  }

  /**
   * Whether a listener has this port, so that nobody else can bind to it.
   * @param address as for `listen`
   * @param reusePort whether a listener that shares its port stands in nobody's way
   */
  isTaken(address: IpAddress | null, port: number, reusePort: boolean): boolean {
    return this.#listeners.isTaken(port, address, reusePort)
  }

  /**
   * A port at random that no listener has, as `listen` takes one for 0.
   * @param address as for `listen`
   * @returns 0 if there is none
   */
  freePort(address: IpAddress | null): number {
    return this.#localPorts.pick((port) => !this.#listeners.isTaken(port, address, false))
  }

  /**
   * Stops listening. Connections that nobody has accepted go to another listener of the same group, or are reset, as Linux
   * does.
   */
  unlisten(listener: Listener): void {
    this.#passiveOpen.unlisten(listener)
  }

  /**
   * Active open. The user hears `onEstablished`, or `onClosed` with the reason.
   * @throws SystemError EADDRNOTAVAIL, EADDRINUSE, ENETUNREACH (also for group addresses), ENOBUFS (`maximumConnections`);
   *   RangeError for `maximumSegmentSize` and `congestionControl`
   */
  connect(options: TcpConnectOptions): Connection {
    return this.#activeOpen.connect(options, this.ips)
  }

  // --- receiving -------------------------------------------------------------------------------------------------

  receive(packet: PacketBuffer, ip: Ip): void {
    if (!this.#inBurst) {
      this.#inBurst = true
      this.#burstTime = this.clock.now()
    }
    this.#burstPackets++
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
    // What the device has put together counts as the segments that it was.
    const size = packet.segmentation === Segmentation.None ? 0 : packet.segmentSize
    segment.count = size > 0 && segment.length > size ? Math.ceil(segment.length / size) : 1
    counters.InSegs += segment.count - 1
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
    const group = this.#passiveOpen.groupFor(packet, ports & 0xffff)
    if (group !== null) {
      if (!segment.hasAck) {
        this.#passiveOpen.arrives(group, segment, packet, ip, ports, previous)
        return
      }
      if (!segment.hasSyn && this.#passiveOpen.bringsCookie(group, segment, packet, ip, ports)) return
    }
    // Also what a listener does with an ACK: there is nothing that it could acknowledge.
    this.#refuse(segment, packet, ip, ports)
  }

  /** RFC 9293, 3.10.7.1: a reset that the other side will believe. */
  #refuse(segment: Segment, packet: PacketBuffer, ip: Ip, ports: number): void {
    const path = ip.passingPath(packet)
    if (path === null) return
    const outgoing = (ports << 16) | (ports >>> 16)
    if (segment.hasAck) sendReset(this, path, outgoing, segment.acknowledgment, sequenceNumber(0), false)
    else {
      const acknowledgment = advance(segment.sequence, segment.sequenceLength)
      sendReset(this, path, outgoing, sequenceNumber(0), acknowledgment, true)
    }
  }

  #arrivesInTimeWait(record: TimeWait, segment: Segment, packet: PacketBuffer, ip: Ip): void {
    switch (answerInTimeWait(record, segment, this.time(), this.settings.timestamps)) {
      case TimeWaitAnswer.Ignore:
        break
      case TimeWaitAnswer.HoldBack:
        this.counters.TCPACKSkippedTimeWait++
        break
      case TimeWaitAnswer.Restart:
        this.#timeWaits.restart(record)
        if (record.timestamps && segment.options.hasTimestamps) {
          record.recentTimestamp = segment.options.timestampValue
        }
        sendTimeWaitAcknowledgment(this, record)
        break
      case TimeWaitAnswer.AcknowledgeOld:
        this.counters.PAWSEstab++
        sendTimeWaitAcknowledgment(this, record)
        break
      case TimeWaitAnswer.Acknowledge:
        sendTimeWaitAcknowledgment(this, record)
        break
      case TimeWaitAnswer.Reopen:
        this.counters.TWRecycled++
        if (this.#passiveOpen.groupFor(packet, record.incomingPorts & 0xffff) === null) {
          this.#opening.endTimeWait(record)
          this.#arrivesForNobody(segment, packet, ip, record.incomingPorts, null)
        } else {
          this.#arrivesForNobody(segment, packet, ip, record.incomingPorts, record)
        }
    }
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

  /** From the first segment of a burst to the end of what follows from it. */
  get isInBurst(): boolean {
    return this.#inBurst
  }

  endOfBurst(): void {
    // Application code runs in here; what it sends joins this burst. A short one is still of the time at which it began.
    if (!this.#inBurst || this.#burstPackets > SHORT_BURST) this.#burstTime = this.clock.now()
    this.#inBurst = true
    this.#burstPackets = 0
    let current: Connection | null = null
    try {
      this.#passiveOpen.deliver()
      for (let connection = this.#touched.shift(); connection !== null; connection = this.#touched.shift()) {
        current = connection
        // Still marked: what it does to itself meanwhile is dealt with in the same pass.
        finishBurst(connection)
        connection.touched = false
        if ((connection.closedEvent || connection.readableEvent) && connection.user !== null) this.touch(connection)
        this.#passiveOpen.deliver()
      }
      this.#opening.sendWaiting()
    } finally {
      // Also when a user threw: its connection goes on.
      if (current !== null) current.touched = false
      this.#inBurst = false
    }
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
    this.#passiveOpen.forget(connection)
  }

  enterTimeWait(connection: Connection): void {
    connection.state = State.Closed
    connection.closedEvent = true
    connection.readableEvent = true
    connection.releaseMemory()
    this.#passiveOpen.forget(connection)
    this.touch(connection)
    if (this.settings.maximumTimeWait === 0) {
      this.#table.delete(connection)
      return
    }
    let record: TimeWait
    if (this.#timeWaits.size >= this.settings.maximumTimeWait) {
      record = this.#timeWaits.oldest!
      this.#timeWaits.delete(record)
      this.#table.delete(record)
      record.remember(connection)
      this.counters.TCPTimeWaitOverflow++
    } else {
      record = new TimeWait(connection)
    }
    this.counters.TW++
    this.#table.replace(connection, record)
    this.#timeWaits.add(record)
  }

  accepted(connection: Connection): boolean {
    return this.#passiveOpen.accepted(connection)
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

  /** All counters, and how many connections are open, under the names that `nstat` prints: `TcpExtTCPTimeouts`. */
  nstat(): Record<string, number> {
    let open = 0
    this.forEachConnection(({ state }) => {
      if (state === State.Established || state === State.CloseWait) open++
    })
    return nstat(this.counters, open)
  }

  /** Connections from an address that goes can go on with nobody: both ends are told, as RFC 5227, section 2.4 asks for. */
  addressLeaving(address: IpAddress): void {
    this.forEachConnection((connection) => {
      if (connection.localAddress.equals(address)) connection.abort('EADDRNOTAVAIL')
    })
  }

  /** Every record in TIME-WAIT, in no order. */
  forEachTimeWait(visit: (record: TimeWait) => void): void {
    this.#table.forEach((entry) => {
      if (entry instanceof TimeWait) visit(entry)
    })
  }

  /** Closes every listener, because the stack ends. */
  stopListening(): void {
    this.#passiveOpen.close()
  }

  /** Resets every connection and forgets everything. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.stopListening()
    this.forEachConnection((connection) => connection.abort())
    this.#table.forEach((entry) => {
      if (entry instanceof TimeWait) this.#table.delete(entry)
    })
    this.#timeWaits.close()
  }
}
