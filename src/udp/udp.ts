import { IpAddress, type IpFamily } from '../address/index.ts'
import { addressSum4, addressSum6, pseudoHeaderSum } from '../checksum/index.ts'
import type { Random } from '../clock/index.ts'
import { type Ip, IpErrorKind, IpProtocol, type IpProtocolHandler, type Path, pickEphemeralPort } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import { newUdpCounters, type UdpCounters } from './counters.ts'
import { PortTable } from './port-table.ts'
import { UdpBinding, type UdpFill, type UdpReceiver, type UdpSendError } from './udp-binding.ts'
import * as wire from './wire.ts'

/** What `Udp.bind` takes. */
export interface UdpBindOptions {
  /**
   * One of our addresses, or the unspecified one of a family for all of that; default all of them, of all families. Bound to a
   * group or a broadcast address, only what is sent there arrives, and what is sent leaves from the usual address.
   */
  address?: IpAddress | null
  /** 0 to 65,535; 0, the default, picks a free one at random. */
  port?: number
  /** Only datagrams from here, and `send` goes there by default. The port is 1 to 65,535. */
  remote?: { readonly address: IpAddress; readonly port: number } | null
  /** Allows sending to broadcast addresses; default false. */
  broadcast?: boolean
  /** Others with this option may bind the same port and address; the latest of those that fit best receives. */
  shared?: boolean
  /** With `shared`: what comes is spread over those that fit equally well, all of a peer's to one (SO_REUSEPORT). */
  spread?: boolean
}

/** Why a port could not be bound. */
export type UdpBindError = 'EADDRINUSE' | 'EADDRNOTAVAIL' | 'ENETUNREACH' | 'EACCES' | 'EINVAL'

/** UDP over either internet layer, RFC 768 with the requirements of RFC 1122, section 4.1. */
export class Udp implements IpProtocolHandler {
  readonly counters: UdpCounters = newUdpCounters()

  readonly #ips: readonly Ip[]
  readonly #random: Random
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #ports = new PortTable()

  /** @param ips at least one internet layer; all share one packet memory */
  constructor(ips: readonly Ip[], random: Random) {
    this.#ips = ips
    this.#random = random
    this.#memory = ips[0].memory
    this.#bytes = ips[0].memory.bytes
    for (const ip of ips) ip.addProtocol(IpProtocol.Udp, this)
  }

  /** Ports that are bound. */
  get portCount(): number {
    return this.#ports.size
  }

  /**
   * Receives on a port from now on.
   * @returns the binding, or why not: EADDRINUSE (also when no port is free), EADDRNOTAVAIL (not an address of ours),
   * EACCES (the peer is a broadcast address and that is not allowed), ENETUNREACH (no way to the peer), EINVAL (port)
   */
  bind(receiver: UdpReceiver, options: UdpBindOptions = {}): UdpBinding | UdpBindError {
    const remote = options.remote ?? null
    const broadcast = options.broadcast ?? false
    const shared = options.shared ?? false
    const spread = shared && (options.spread ?? false)
    let address = options.address ?? null
    const family = remote?.address.family ?? address?.family ?? null
    if (address?.isUnspecified) address = null
    if (family !== null && this.#ipOf(family) === null) return 'EADDRNOTAVAIL'
    let port = options.port ?? 0
    if (!isPort(port) || (remote !== null && (!isPort(remote.port) || remote.port === 0))) return 'EINVAL'
    const bound = address
    if (bound !== null && !bound.isMulticast && this.#ipOf(bound.family)?.isLocalAddress(bound) !== true) {
      return 'EADDRNOTAVAIL'
    }
    const source = bound === null || this.#isForMany(bound) ? null : bound
    if (remote !== null) {
      const path = this.path(remote.address, source)
      if (typeof path === 'string') return path
      if (path.isBroadcast && !broadcast) return 'EACCES'
      // A connected socket has the address that its datagrams leave from, as connect(2) gives it.
      address = path.source
    }
    const remoteAddress = remote?.address ?? null
    const remotePort = remote?.port ?? 0
    if (port === 0) {
      port = pickEphemeralPort(this.#random, (candidate) => !this.#ports.has(candidate))
      if (port === 0) return 'EADDRINUSE'
    }
    const from = remote === null ? source : address
    const sharing = { shared, spread }
    const binding = new UdpBinding(
      this,
      receiver,
      address,
      from,
      family,
      port,
      remoteAddress,
      remotePort,
      broadcast,
      sharing,
    )
    if (this.#ports.isTaken(binding)) return 'EADDRINUSE'
    this.#ports.add(binding)
    return binding
  }

  /** A group or a broadcast address, from which nothing is sent. */
  #isForMany(address: IpAddress): boolean {
    if (address.isMulticast) return true
    const path = this.path(address, null)
    return typeof path !== 'string' && path.isBroadcast
  }

  /** Hands all that was sent to the device. */
  flush(): void {
    for (let i = 0; i < this.#ips.length; i++) this.#ips[i].flush()
  }

  /** For bindings only. */
  unbind(binding: UdpBinding): void {
    this.#ports.remove(binding)
  }

  /** For bindings only. */
  path(destination: IpAddress, source: IpAddress | null): Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' | 'EACCES' {
    const ip = this.#ipOf(destination.family)
    return ip === null ? 'ENETUNREACH' : ip.path(destination, source)
  }

  /** For bindings only: the way back, from the address that the packet came to. */
  replyPath(packet: PacketBuffer): Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' | 'EACCES' {
    const to = IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
    if (packet.multicast) return this.path(to, null)
    return this.path(
      to,
      IpAddress.fromWords(packet.destination0, packet.destination1, packet.destination2, packet.destination3),
    )
  }

  /** For bindings only: builds and sends one datagram, its data from `data` or `fill`. */
  transmit(
    binding: UdpBinding,
    path: Path,
    port: number,
    size: number,
    data: Uint8Array | null,
    fill: UdpFill | null,
  ): UdpSendError | null {
    if (!isPort(port) || port === 0) return 'EINVAL'
    if (path.isBroadcast && !binding.broadcast) return 'EACCES'
    const length = wire.HEADER_LENGTH + size
    // What the path does not carry in one piece the internet layer cuts, if it can.
    if (path.headerLength + length > path.largestPacket) return 'EMSGSIZE'
    const packet = this.#memory.allocate(length)
    if (packet === null) {
      this.counters.noMemory++
      return 'ENOBUFS'
    }
    const at = packet.start
    const start = at + wire.HEADER_LENGTH
    packet.end = at + length
    if (data !== null) this.#bytes.set(data, start)
    else if (fill !== null) fill(this.#bytes, start, packet.end)
    wire.writeHeader(
      this.#bytes,
      at,
      binding.port,
      port,
      length,
      pseudoHeaderSum(path.addressSum, IpProtocol.Udp, length),
    )
    packet.transport = at
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = at
    packet.checksumField = at + wire.CHECKSUM
    this.counters.sent++
    if (path.destination.isMulticast) this.#sendToGroup(binding, packet, path)
    else if (path.isBroadcast) this.#sendToAll(binding, packet, path, port)
    else path.ip.send(packet, path, IpProtocol.Udp, binding.hopLimit, 0)
    return null
  }

  /** For bindings only: whether nobody would take what it sends to its peer, which is this host. */
  isRefused(binding: UdpBinding, { source, destination }: Path): boolean {
    if (destination.isMulticast) return false
    for (let other = this.#ports.first(binding.remotePort); other !== null; other = other.next) {
      const { word0, word1, word2, word3 } = destination
      if (
        other.match(word0, word1, word2, word3, source.word0, source.word1, source.word2, source.word3, binding.port) >
        0
      ) {
        return false
      }
    }
    this.counters.sent++
    this.counters.noPort++
    return true
  }

  /** RFC 1112, section 6.1: with a TTL of the sender's choice, and back to us where we listen to the group ourselves. */
  #sendToGroup(binding: UdpBinding, packet: PacketBuffer, path: Path): void {
    const { multicastHopLimit, multicastLoopback } = binding
    const { ip } = path
    // Over the loopback interface it comes back by itself, whatever the options say; so on Linux.
    if (path.isLocal) {
      if (ip.isLocalAddress(path.destination)) ip.send(packet, path, IpProtocol.Udp, multicastHopLimit, 0)
      else packet.release()
      return
    }
    if (multicastLoopback && ip.isLocalAddress(path.destination)) {
      ip.loopBack(packet, path, IpProtocol.Udp, multicastHopLimit, 0)
    }
    // 0: it stays in this host.
    if (multicastHopLimit > 0) ip.send(packet, path, IpProtocol.Udp, multicastHopLimit, 0)
    else packet.release()
  }

  /** RFC 919, section 5: all hosts are we, too. As Linux, whatever socket of ours takes it. */
  #sendToAll(binding: UdpBinding, packet: PacketBuffer, path: Path, port: number): void {
    const { ip } = path
    if (!path.isLocal && this.#ports.has(port)) ip.loopBack(packet, path, IpProtocol.Udp, binding.hopLimit, 0)
    ip.send(packet, path, IpProtocol.Udp, binding.hopLimit, 0)
  }

  receive(packet: PacketBuffer, ip: Ip): void {
    if (!this.#takeApart(packet, ip.family)) return
    const bytes = this.#bytes
    const at = packet.start
    const remotePort = wire.sourcePort(bytes, at)
    const port = wire.destinationPort(bytes, at)
    if (packet.multicast) {
      // As Linux (ip_check_mc_rcu, ipv6_chk_mcast_addr), which looks at what the host listens to before who listens.
      if (ip.groupSources === null || ip.groupSources.wants(packet)) this.#deliverToAll(port, packet, remotePort)
      else this.counters.unwantedSource++
      return
    }
    const binding = this.#ports.best(port, packet, remotePort)
    if (binding === null) {
      this.counters.noPort++
      // RFC 1122, 4.1.3.1
      ip.sendError(IpErrorKind.PortUnreachable, packet)
      return
    }
    this.counters.delivered++
    binding.receiver.datagram(packet, remotePort)
  }

  /** A datagram to an address that is not ours: for who has asked for such, and nobody is told that there is none. */
  receiveForeign(packet: PacketBuffer): void {
    if (!this.#takeApart(packet, 4)) return
    const remotePort = wire.sourcePort(this.#bytes, packet.start)
    const port = wire.destinationPort(this.#bytes, packet.start)
    for (let binding = this.#ports.first(port); binding !== null; binding = binding.next) {
      if (!binding.takesForeign || binding.matchPacket(packet, remotePort) === 0) continue
      this.counters.delivered++
      binding.receiver.datagram(packet, remotePort)
      return
    }
    this.counters.noPort++
  }

  endOfBurst(): void {}

  /** Checks the header and finds the data; counts what is wrong. */
  #takeApart(packet: PacketBuffer, family: IpFamily): boolean {
    const at = packet.start
    const available = packet.end - at
    if (available < wire.HEADER_LENGTH) {
      this.counters.truncated++
      return false
    }
    const length = wire.length(this.#bytes, at)
    if (length < wire.HEADER_LENGTH) {
      this.counters.badLength++
      return false
    }
    if (length > available) {
      this.counters.truncated++
      return false
    }
    if (packet.checksum === ChecksumState.Unverified && !this.#isChecksumRight(packet, family, length)) return false
    packet.payload = at + wire.HEADER_LENGTH
    packet.payloadEnd = at + length
    return true
  }

  receiveError(kind: IpErrorKind, quoted: PacketBuffer, mtu: number, reporter: IpAddress): void {
    const bytes = this.#bytes
    const at = quoted.start
    const remotePort = wire.destinationPort(bytes, at)
    let sender: UdpBinding | null = null
    for (let binding = this.#ports.first(wire.sourcePort(bytes, at)); binding !== null; binding = binding.next) {
      const matches = binding.match(
        quoted.source0,
        quoted.source1,
        quoted.source2,
        quoted.source3,
        quoted.destination0,
        quoted.destination1,
        quoted.destination2,
        quoted.destination3,
        remotePort,
      )
      if (matches === 0) continue
      // RFC 1191, 3: every packet that took this path is concerned, and unconnected bindings forbid fragments, too.
      if (kind === IpErrorKind.PacketTooBig) lowerMtu(binding, quoted, mtu)
      if (sender === null || binding.isConnected) sender = binding
      if (binding.isConnected) break
    }
    // RFC 1122, 4.1.3.3: errors go up; as in Linux, to connected sockets, which alone can tell whom they are about.
    if (sender?.isConnected) {
      this.counters.errorsDelivered++
      sender.receiver.error(kind, reporter)
    } else if (sender !== null && kind === IpErrorKind.PacketTooBig) this.counters.mtuLowered++
    else this.counters.errorsIgnored++
  }

  #ipOf(family: IpFamily): Ip | null {
    for (const ip of this.#ips) if (ip.family === family) return ip
    return null
  }

  /** RFC 768: 0 means none, over IPv4. Counts what is wrong. */
  #isChecksumRight(packet: PacketBuffer, family: IpFamily, length: number): boolean {
    if (wire.checksum(this.#bytes, packet.start) === 0) {
      if (family === 4) return true
      this.counters.noChecksum++
      return false
    }
    const addressSum =
      family === 4
        ? addressSum4(packet.source3, packet.destination3)
        : addressSum6(
            packet.source0,
            packet.source1,
            packet.source2,
            packet.source3,
            packet.destination0,
            packet.destination1,
            packet.destination2,
            packet.destination3,
          )
    const pseudo = pseudoHeaderSum(addressSum, IpProtocol.Udp, length)
    if (this.#memory.checksum.sum(packet.start, length, pseudo) === 0xffff) return true
    this.counters.checksum++
    return false
  }

  /**
   * Each one that fits gets what was sent to a group, unless it has joined the group and excludes the source. As Linux
   * (IP_MULTICAST_ALL): one that has not joined it gets what comes because another has.
   */
  #deliverToAll(port: number, packet: PacketBuffer, remotePort: number): void {
    let delivered = false
    for (let binding = this.#ports.first(port); binding !== null; binding = binding.next) {
      if (binding.matchPacket(packet, remotePort) === 0 || !binding.accepts(packet)) continue
      delivered = true
      this.counters.delivered++
      binding.receiver.datagram(packet, remotePort)
    }
    if (!delivered) this.counters.noPort++
  }
}

function lowerMtu(binding: UdpBinding, quoted: PacketBuffer, mtu: number): void {
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = quoted
  const destination = IpAddress.fromWords(destination0, destination1, destination2, destination3)
  binding.lowerMtu(destination, IpAddress.fromWords(source0, source1, source2, source3), mtu)
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535
}
