/**
 * LISTEN: RFC 9293, 3.10.7.2, with SYN cookies (RFC 4987, 3.6) when a listener's queue is full, and the handing over of
 * finished handshakes to whoever accepts.
 */
import type { IpAddress } from '../address/index.ts'
import type { Random } from '../clock/index.ts'
import { SystemError } from '../errors/index.ts'
import type { Ip } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { sendCookie } from './bare-segments.ts'
import type { Connection } from './connection.ts'
import { agree, agreesToSyn } from './explicit-congestion-notification.ts'
import { FastOpenServer } from './fast-open-server.ts'
import { type Acceptor, Listener, type ListenerGroup, type ListenerOptions, type ListenerTable } from './listener.ts'
import type { LocalPorts } from './local-ports.ts'
import type { Opening } from './opening.ts'
import { pathBack } from './path-back.ts'
import type { Segment } from './segment.ts'
import { segmentArrives, takeSynOptions } from './segment-arrives.ts'
import { advance } from './sequence-number.ts'
import { State } from './state.ts'
import {
  COOKIE_LIFETIME,
  ecnOfTimestamp,
  SynCookies,
  sackOfTimestamp,
  scaleOfTimestamp,
  timestampWithOptions,
} from './syn-cookies.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TimeWait } from './time-wait.ts'
import { NEVER } from './transmission-control-block.ts'

export class PassiveOpen {
  readonly #context: TcpContext
  readonly #opening: Opening
  readonly #listeners: ListenerTable
  readonly #localPorts: LocalPorts
  readonly #cookies: SynCookies
  readonly #fastOpen: FastOpenServer
  /** Listeners with connections that the end of the burst hands over. */
  readonly #acceptable: Listener[] = []

  constructor(context: TcpContext, opening: Opening, listeners: ListenerTable, localPorts: LocalPorts, random: Random) {
    this.#context = context
    this.#opening = opening
    this.#listeners = listeners
    this.#localPorts = localPorts
    this.#cookies = new SynCookies(random)
    this.#fastOpen = new FastOpenServer(context, random)
  }

  /** RFC 9293, 3.10.1, passive. @throws SystemError EADDRINUSE, EADDRNOTAVAIL */
  listen(
    address: IpAddress | null,
    port: number,
    backlog: number,
    acceptor: Acceptor,
    options: ListenerOptions,
    ips: readonly Ip[],
  ): Listener {
    const details = { address: String(address ?? '::'), port }
    const reusePort = options.reusePort ?? false
    // As Linux: to a group of IPv4 anybody may bind, whom nobody will ever reach there.
    const isAnybodys = (own: IpAddress) => own.isUnspecified || (own.family === 4 && own.isMulticast)
    const isOurs = (ip: Ip, own: IpAddress) => (isAnybodys(own) ? ip.family === own.family : ip.isLocalAddress(own))
    if (address !== null && !ips.some((ip) => isOurs(ip, address))) {
      throw new SystemError('EADDRNOTAVAIL', 'listen', details)
    }
    if (port === 0) {
      port = this.#localPorts.pick((candidate) => !this.#listeners.isTaken(candidate, address, false))
      if (port === 0) throw new SystemError('EADDRINUSE', 'listen', details)
    } else if (this.#listeners.isTaken(port, address, reusePort)) {
      throw new SystemError('EADDRINUSE', 'listen', details)
    }
    const listener = new Listener(address, port, backlog, acceptor, options)
    this.#listeners.add(listener)
    return listener
  }

  /**
   * Connections that nobody has accepted yet go to another listener of the group, if there is one with room (as Linux with
   * tcp_migrate_req); otherwise they are reset, or forgotten while half-open.
   */
  unlisten(listener: Listener): void {
    if (listener.closed) return
    listener.closed = true
    const rest = this.#listeners.delete(listener)
    for (const connection of [...listener.pending, ...listener.halfOpen]) {
      const isHalfOpen = listener.halfOpen.has(connection)
      const hash = this.#context.hash.hash1(connection.outgoingPorts)
      const heir = rest === null ? null : heirOf(rest, isHalfOpen, hash)
      if (heir === null) {
        if (rest !== null) this.#context.counters.TCPMigrateReqFailure++
        letGo(connection)
      } else {
        this.#context.counters.TCPMigrateReqSuccess++
        connection.listener = heir
        if (isHalfOpen) heir.halfOpen.add(connection)
        else {
          heir.pending.push(connection)
          this.#willDeliver(heir)
          this.#context.settle(connection)
        }
      }
    }
    listener.halfOpen.clear()
    listener.pending.length = 0
  }

  /** @returns who may be interested in a SYN to this address and port */
  groupFor(packet: PacketBuffer, port: number): ListenerGroup | null {
    return this.#listeners.find(
      port,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    )
  }

  /**
   * A segment without ACK and RST for a port on which somebody listens.
   * @param previous the connection's TIME-WAIT record, which the new connection replaces
   */
  arrives(
    group: ListenerGroup,
    segment: Segment,
    packet: PacketBuffer,
    ip: Ip,
    ports: number,
    previous: TimeWait | null,
  ): void {
    const { settings, counters } = this.#context
    // Neither SYN nor ACK, dropped as 3.10.7.2 says. Where a SYN may carry a FIN, that has to come again, like text.
    if (!segment.hasSyn || (segment.hasFin && settings.dropSynFin)) return
    const listener = this.#choose(group, packet, ports)
    if (this.#cannotAccept(listener)) {
      counters.ListenOverflows++
      counters.ListenDrops++
      return
    }
    if (listener.halfOpen.size >= listener.backlog) {
      if (settings.synCookies) {
        counters.TCPReqQFullDoCookies++
        if (previous !== null) this.#opening.endTimeWait(previous)
        this.#answerWithCookie(listener, group, segment, packet, ip, ports)
      } else {
        counters.TCPReqQFullDrop++
        counters.ListenDrops++
      }
      return
    }
    const path = pathBack(packet, ip)
    if (path === null) {
      counters.ListenDrops++
      return
    }
    const connection = this.#opening.make(path, ports & 0xffff, ports >>> 16)
    connection.listener = listener
    connection.maximumSegmentSize = Math.min(connection.maximumSegmentSize, listener.maximumSegmentSize)
    connection.congestionControl = listener.congestionControl ?? settings.congestionControl
    connection.state = State.SynReceived
    connection.initialReceiveSequence = segment.sequence
    connection.receiveNext = advance(segment.sequence, 1)
    connection.sendWindow = connection.largestSendWindow = segment.window
    connection.windowUpdateSequence = segment.sequence
    connection.segmentsReceived = 1
    takeSynOptions(connection, segment, settings)
    agree(connection, agreesToSyn(settings, segment, packet))
    if (listener.fastOpen > 0 && this.#fastOpen.synArrives(connection, listener, segment, packet)) {
      listener.pending.push(connection)
      this.#willDeliver(listener)
    } else {
      listener.halfOpen.add(connection)
    }
    counters.PassiveOpens++
    this.#opening.start(connection, previous)
  }

  #choose(group: ListenerGroup, packet: PacketBuffer, ports: number): Listener {
    const { members } = group
    if (members.length === 1) return members[0]
    return group.choose(
      this.#context.hash.hash9(
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
        packet.source0,
        packet.source1,
        packet.source2,
        packet.source3,
        ports,
      ),
    )
  }

  #cannotAccept(listener: Listener): boolean {
    return listener.isFull || this.#opening.isFull
  }

  /** Nothing is remembered of it and nothing allocated but the packet: a flood may bring very many. */
  #answerWithCookie(
    listener: Listener,
    group: ListenerGroup,
    segment: Segment,
    packet: PacketBuffer,
    ip: Ip,
    ports: number,
  ): void {
    const { settings, counters } = this.#context
    const path = ip.passingPath(packet)
    if (path === null) {
      counters.ListenDrops++
      return
    }
    const now = this.#context.time()
    const { options } = segment
    const timestamps = settings.timestamps && options.hasTimestamps
    // Without timestamps there is no place to remember the peer's options, and so none for ours (as Linux).
    const scaling = timestamps && settings.windowScaling && options.windowScale >= 0
    const sack = timestamps && settings.selectiveAcknowledgments && options.sackPermitted
    const ecn = timestamps && agreesToSyn(settings, segment, packet)
    group.cookiesUntil = now + COOKIE_LIFETIME
    sendCookie(
      this.#context,
      path,
      (ports << 16) | (ports >>> 16),
      this.#cookies.make(packet, ports, segment.sequence, options.maximumSegmentSize, now),
      advance(segment.sequence, 1),
      Math.min(listener.maximumSegmentSize, settings.maximumSegmentSize),
      scaling ? this.#opening.receiveWindowScale : -1,
      timestamps,
      timestamps
        ? timestampWithOptions(this.#opening.timestampBack(packet, now), scaling ? options.windowScale : -1, sack, ecn)
        : 0,
      options.timestampValue,
      sack,
      ecn,
    )
  }

  /**
   * The end of a handshake of which only a cookie tells: RFC 4987, 3.6.
   * @returns whether the segment is dealt with
   */
  bringsCookie(group: ListenerGroup, segment: Segment, packet: PacketBuffer, ip: Ip, ports: number): boolean {
    const { settings, counters } = this.#context
    const now = this.#context.time()
    if (now >= group.cookiesUntil) return false
    const cookie = advance(segment.acknowledgment, -1)
    const peerSequence = advance(segment.sequence, -1)
    const segmentSize = this.#cookies.check(packet, ports, peerSequence, cookie, now)
    if (segmentSize === 0) {
      counters.SyncookiesFailed++
      return false
    }
    counters.SyncookiesRecv++
    const path = pathBack(packet, ip)
    if (path === null) return false
    const listener = this.#choose(group, packet, ports)
    // Where as many wait for being accepted as may, it stays half-open as others do: what follows on this segment would be
    // refused otherwise, since only the first number fits the cookie. The address is no forged one, so there is room for
    // as many of these as of others.
    if (this.#opening.isFull || (listener.isFull && listener.halfOpen.size >= 2 * listener.backlog)) {
      counters.ListenOverflows++
      counters.ListenDrops++
      return true
    }
    const connection = this.#opening.make(path, ports & 0xffff, ports >>> 16)
    connection.listener = listener
    connection.maximumSegmentSize = Math.min(connection.maximumSegmentSize, listener.maximumSegmentSize)
    connection.congestionControl = listener.congestionControl ?? settings.congestionControl
    connection.state = State.SynReceived
    connection.initialReceiveSequence = connection.windowUpdateSequence = peerSequence
    connection.receiveNext = connection.lastAcknowledgmentSent = segment.sequence
    const { options } = segment
    options.maximumSegmentSize = segmentSize
    options.windowScale = options.hasTimestamps ? scaleOfTimestamp(options.timestampEcho) : -1
    options.sackPermitted = options.hasTimestamps && sackOfTimestamp(options.timestampEcho)
    takeSynOptions(connection, segment, settings)
    agree(connection, settings.ecn !== 'off' && options.hasTimestamps && ecnOfTimestamp(options.timestampEcho))
    connection.receiveEdge = advance(connection.receiveNext, Math.min(connection.receiveLimit, 65_535))
    listener.halfOpen.add(connection)
    counters.PassiveOpens++
    this.#opening.enter(connection, cookie, now)
    // When the SYN-ACK went out is forgotten: there is no round trip to be measured.
    connection.timedAt = NEVER
    segmentArrives(connection, segment, packet)
    if (connection.state === State.SynReceived) this.#opening.awaitAnswer(connection, now)
    return true
  }

  /** The handshake of a half-open connection is complete. @returns false if nobody can accept it */
  accepted(connection: Connection): boolean {
    const listener = connection.listener!
    if (listener.isFull) {
      const { counters } = this.#context
      counters.ListenOverflows++
      counters.ListenDrops++
      return false
    }
    listener.halfOpen.delete(connection)
    listener.pending.push(connection)
    this.#willDeliver(listener)
    return true
  }

  #willDeliver(listener: Listener): void {
    if (!this.#acceptable.includes(listener)) this.#acceptable.push(listener)
  }

  /** Hands finished handshakes to those who accept. */
  deliver(): void {
    const acceptable = this.#acceptable
    if (acceptable.length === 0) return
    for (let i = 0; i < acceptable.length; i++) acceptable[i].deliver()
    acceptable.length = 0
  }

  /** The connection is gone, accepted or not. */
  forget(connection: Connection): void {
    const { listener } = connection
    if (listener === null) return
    listener.halfOpen.delete(connection)
    const index = listener.pending.indexOf(connection)
    if (index >= 0) listener.pending.splice(index, 1)
    connection.listener = null
  }

  /** The stack ends: nobody will be there to refuse an acknowledgment, so half-open connections are reset now. */
  close(): void {
    for (const listener of [...this.#listeners]) {
      for (const connection of [...listener.halfOpen]) connection.abort(null)
      this.unlisten(listener)
    }
  }
}

/**
 * Nobody will take it any more. One that the peer believes to be open is reset; of a half-open one it hears when its
 * acknowledgment is refused, as in Linux and FreeBSD: behind many of them is nobody who asked for a connection.
 */
function letGo(connection: Connection): void {
  if (connection.state !== State.SynReceived) connection.abort(null)
  else {
    connection.destroy(null)
    connection.context.settle(connection)
  }
}

/** Another member with room for a connection of one that has left. */
function heirOf(group: ListenerGroup, isHalfOpen: boolean, hash: number): Listener | null {
  const heir = group.choose(hash)
  if (hasRoom(heir, isHalfOpen)) return heir
  return group.members.find((member) => hasRoom(member, isHalfOpen)) ?? null
}

function hasRoom(listener: Listener, isHalfOpen: boolean): boolean {
  return isHalfOpen ? listener.halfOpen.size < listener.backlog : !listener.isFull
}
