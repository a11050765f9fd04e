import { IPV4_MAPPED_WORD, type IpAddress, type IpFamily } from '../address/index.ts'
import type { GroupMembership, IpErrorKind, Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { Udp } from './udp.ts'

/** Who gets what arrives at a binding. */
export interface UdpReceiver {
  /**
   * One datagram: its data is in [payload, payloadEnd), the peer's address in `source*`, ours in `destination*`.
   * Borrowed for the call.
   */
  datagram(packet: PacketBuffer, remotePort: number): void
  /** An ICMP error about what a connected binding sent. @param reporter who sent it */
  error(kind: IpErrorKind, reporter: IpAddress): void
}

/** Writes the data of a datagram into `bytes` from `start` up to, not including, `end`. */
export type UdpFill = (bytes: Uint8Array, start: number, end: number) => void

/** Why a datagram was not sent. */
export type UdpSendError =
  | 'EACCES'
  | 'EADDRNOTAVAIL'
  | 'EDESTADDRREQ'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'ENETUNREACH'
  | 'ENOBUFS'

/** The port and addresses that somebody receives on and sends from. Made by `Udp.bind`. */
export class UdpBinding {
  readonly receiver: UdpReceiver
  /** Null for all our addresses. */
  readonly address: IpAddress | null
  /** Null for both. */
  readonly family: IpFamily | null
  readonly port: number
  /** The one peer of a connected binding. */
  readonly remoteAddress: IpAddress | null
  readonly remotePort: number
  /** Whether other bindings with this option may have the same port and address. */
  readonly shared: boolean
  /** Whether what comes is spread over them. */
  readonly spread: boolean
  /** Whether it may send to broadcast addresses. */
  broadcast: boolean
  /** Whether it takes datagrams to addresses that are not ours, as far as the internet layer lets them through. */
  takesForeign = false
  /** TTL or hop limit of datagrams to one host, 1 to 255; 0, the default, takes the path's. */
  hopLimit = 0
  /** The same to groups, 0 to 255; 0 keeps them in this host. RFC 1112, section 6.1. */
  multicastHopLimit = 1
  /** Whether datagrams to groups that we listen to come back to us, too. */
  multicastLoopback = true
  /** For a binding to all our addresses: which of them datagrams to groups of its family leave from; null for the usual one. */
  multicastSource: IpAddress | null = null
  /** The next binding of the same port. */
  next: UdpBinding | null = null

  readonly #udp: Udp
  #closed = false
  #memberships: GroupMembership[] | null = null
  /** The ways of the last `send` and of the last `reply`: most go where the one before went. */
  #path: Path | null = null
  #replyPath: Path | null = null
  /** What datagrams leave from; null where `address` is that of many, or of all our own. */
  readonly #from: IpAddress | null
  /** The source address that `#path` was looked up with. */
  #pathSource: IpAddress | null = null

  constructor(
    udp: Udp,
    receiver: UdpReceiver,
    address: IpAddress | null,
    from: IpAddress | null,
    family: IpFamily | null,
    port: number,
    remoteAddress: IpAddress | null,
    remotePort: number,
    broadcast: boolean,
    sharing: { readonly shared: boolean; readonly spread: boolean },
  ) {
    this.#udp = udp
    this.receiver = receiver
    this.address = address
    this.#from = from
    this.family = family
    this.port = port
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.broadcast = broadcast
    this.shared = sharing.shared
    this.spread = sharing.spread
  }

  get isConnected(): boolean {
    return this.remoteAddress !== null
  }

  /**
   * How well this binding fits a datagram, or an error about one: 0 not at all; a given local address counts 1, a given
   * peer 2.
   */
  match(
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    remotePort: number,
  ): number {
    let score = 1
    const { address, remoteAddress } = this
    if (address !== null) {
      if (
        address.word3 !== local3 ||
        address.word2 !== local2 ||
        address.word1 !== local1 ||
        address.word0 !== local0
      ) {
        return 0
      }
      score += 1
    } else if (this.family !== null) {
      const isMapped = local2 === IPV4_MAPPED_WORD && local1 === 0 && local0 === 0
      if (isMapped !== (this.family === 4)) return 0
    }
    if (remoteAddress !== null) {
      if (
        this.remotePort !== remotePort ||
        remoteAddress.word3 !== remote3 ||
        remoteAddress.word2 !== remote2 ||
        remoteAddress.word1 !== remote1 ||
        remoteAddress.word0 !== remote0
      ) {
        return 0
      }
      score += 2
    }
    return score
  }

  /** The same for a datagram as it has come in. */
  matchPacket(packet: PacketBuffer, remotePort: number): number {
    return this.match(
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      remotePort,
    )
  }

  /**
   * Sends one datagram with a copy of `data`; `Udp.flush` hands it out, and so does the end of a burst.
   * @param destination where to; a connected binding needs none
   * @param port 1 to 65,535
   * @param source for a binding to all our addresses: the one to send from if it is still ours; default the path's own
   * @returns null, or why it was not sent: EMSGSIZE (larger than the path's MTU carries), EACCES (a broadcast address
   * without permission), ENETUNREACH, EADDRNOTAVAIL (our address is gone), EDESTADDRREQ, EINVAL (port 0), ENOBUFS
   */
  send(
    data: Uint8Array,
    destination: IpAddress | null = null,
    port = 0,
    source: IpAddress | null = null,
  ): UdpSendError | null {
    const path = this.#pathTo(destination, source)
    if (typeof path === 'string') return path
    return this.#udp.transmit(this, path, destination === null ? this.remotePort : port, data.length, data, null)
  }

  /**
   * Whether a datagram to the peer of this connected binding would only come back to a port of this host that nobody has. It
   * counts as one that was sent.
   */
  isRefused(): boolean {
    const path = this.#pathTo(null, null)
    return typeof path !== 'string' && path.isLocal && this.#udp.isRefused(this, path)
  }

  /** As `send`, over a way that the caller has. */
  sendOver(path: Path, port: number, data: Uint8Array): UdpSendError | null {
    return this.#udp.transmit(this, path, port, data.length, data, null)
  }

  /** As `send`; `fill` writes the data in place, in packet memory. */
  sendInto(size: number, fill: UdpFill, destination: IpAddress | null = null, port = 0): UdpSendError | null {
    const path = this.#pathTo(destination, null)
    if (typeof path === 'string') return path
    return this.#udp.transmit(this, path, destination === null ? this.remotePort : port, size, null, fill)
  }

  /**
   * Sends `data` to where a datagram came from, from the address that it went to; as `send`.
   * @param request a datagram that `UdpReceiver.datagram` was given; only during that call
   */
  reply(request: PacketBuffer, remotePort: number, data: Uint8Array): UdpSendError | null {
    let path = this.#replyPath
    if (
      path === null ||
      path.destination.word3 !== request.source3 ||
      path.destination.word2 !== request.source2 ||
      path.destination.word1 !== request.source1 ||
      path.destination.word0 !== request.source0 ||
      (!request.multicast &&
        (path.source.word3 !== request.destination3 ||
          path.source.word2 !== request.destination2 ||
          path.source.word1 !== request.destination1 ||
          path.source.word0 !== request.destination0)) ||
      path.isStale
    ) {
      const found = this.#udp.replyPath(request)
      if (typeof found === 'string') return found
      path = this.#replyPath = found
    }
    return this.#udp.transmit(this, path, remotePort, data.length, data, null)
  }

  /** For `Udp` only: what this binding sent there was too big for the way. */
  lowerMtu(destination: IpAddress, source: IpAddress, mtu: number): void {
    const path = this.#udp.path(destination, source)
    if (typeof path !== 'string') path.ip.lowerMtu(path, mtu)
    // Those that are kept here may have left the path cache.
    for (const kept of [this.#path, this.#replyPath]) {
      if (kept?.destination.equals(destination)) kept.ip.lowerMtu(kept, mtu)
    }
  }

  /** What this binding wants of a group, or null where it has not joined it. */
  membership(group: IpAddress): GroupMembership | null {
    return this.#memberships?.find((membership) => membership.group.equals(group)) ?? null
  }

  /** Datagrams to that group are for this binding as far as the membership accepts them. It is left at the end. */
  addMembership(membership: GroupMembership): void {
    this.#memberships ??= []
    this.#memberships.push(membership)
  }

  /** Leaves a group. @returns false if it had not been joined */
  dropMembership(group: IpAddress): boolean {
    const membership = this.membership(group)
    if (membership === null) return false
    this.#memberships = this.#memberships!.filter((other) => other !== membership)
    membership.leave()
    return true
  }

  /** Whether a datagram to a group passes the filter of this binding, if it has one for that group. */
  accepts(packet: PacketBuffer): boolean {
    const memberships = this.#memberships
    if (memberships === null) return true
    const { destination0, destination1, destination2, destination3 } = packet
    for (let i = 0; i < memberships.length; i++) {
      const { word0, word1, word2, word3 } = memberships[i].group
      if (word3 !== destination3 || word2 !== destination2 || word1 !== destination1 || word0 !== destination0) continue
      return memberships[i].accepts(packet.source0, packet.source1, packet.source2, packet.source3)
    }
    return true
  }

  /** Receives nothing more, leaves its groups, and frees the port. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const membership of this.#memberships ?? []) membership.leave()
    this.#memberships = null
    this.#udp.unbind(this)
  }

  #pathTo(destination: IpAddress | null, preferred: IpAddress | null): Path | UdpSendError {
    const to = destination ?? this.remoteAddress
    if (to === null) return 'EDESTADDRREQ'
    const usual = to.isMulticast && this.multicastSource?.family === to.family ? this.multicastSource : null
    const source = this.#from ?? preferred ?? usual
    const known = this.#path
    if (
      known !== null &&
      !known.isStale &&
      (known.destination === to || known.destination.equals(to)) &&
      (this.#pathSource === source || (source !== null && this.#pathSource?.equals(source)))
    ) {
      return known
    }
    let found = this.#udp.path(to, source)
    if (found === 'EADDRNOTAVAIL' && this.#from === null) found = this.#udp.path(to, null)
    if (typeof found !== 'string') {
      this.#path = found
      this.#pathSource = source
    }
    return found
  }
}
