import { IpAddress } from '../../address/index.ts'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { type FilterMode, type GroupMembership, IpErrorKind } from '../../ip/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { Udp, UdpBinding, UdpReceiver } from '../../udp/index.ts'
import { checkGroupFilter } from '../groups.ts'
import { checkBoolean, checkInteger, checkPort } from '../options.ts'
import type { Endpoint, GroupFilter, UdpHandler, UdpOptions, UdpSocket } from '../stack.ts'
import { DONE, ignore } from '../waiter.ts'
import { addressText, parseAddress, parseOwnAddress } from './zones.ts'

/** What a datagram socket needs of its stack. */
export interface UdpOwner {
  /** What stands behind link-local addresses. */
  readonly zone: string
  /** @throws SystemError EADDRNOTAVAIL for an address of ours of which it is not certain that nobody else has it */
  refuseUnchecked(address: IpAddress | null, port: number, syscall: string): void
  /** @throws SystemError EINVAL, ENOBUFS, EAFNOSUPPORT */
  joinGroup(group: IpAddress, mode: FilterMode, sources: readonly IpAddress[]): GroupMembership
  /** Whether it is an address of ours. */
  isOwn(address: IpAddress): boolean
  udpClosed(socket: DirectUdp): void
  reportFailure(message: string, fields: Record<string, unknown>): void
  /** Hands out what was sent, unless a burst is under way, whose end does. */
  flush(): void
}

/** A UDP socket of this stack. */
export class DirectUdp implements UdpSocket, UdpReceiver {
  readonly remote: Endpoint | null
  readonly #owner: UdpOwner
  readonly #binding: UdpBinding
  #onDatagram: UdpHandler = ignore
  /** Whether it asks where datagrams were sent to: a text for each costs. */
  #wantsTo = false
  #onError: (error: Error) => void = ignore
  #closed = false
  /** The peer of the last datagram each way: most come from, and go to, the one before. */
  #from: Endpoint = { address: '', port: 0 }
  #fromAddress: IpAddress | null = null
  /** The address of ours that it came to, from which answers go: RFC 1122, 4.1.3.5. Null if that was a group. */
  #cameTo: IpAddress | null = null
  #to: IpAddress | null = null
  #toText = ''

  /** @throws SystemError EADDRINUSE, EADDRNOTAVAIL, ENETUNREACH, EACCES; TypeError and RangeError for the options */
  constructor(udp: Udp, owner: UdpOwner, options: UdpOptions) {
    this.#owner = owner
    const { zone } = owner
    const port = checkPort('port', options.port ?? 0, 0)
    const ipv6Only = checkBoolean('ipv6Only', options.ipv6Only ?? false)
    const address = parseOwnAddress(options.address, ipv6Only, zone, 'bind')
    owner.refuseUnchecked(address, port, 'bind')
    const remote =
      options.remote === undefined
        ? null
        : {
            address: parseAddress('remote.address', options.remote.address, zone, 'bind'),
            port: checkPort('remote.port', options.remote.port, 1),
          }
    const binding = udp.bind(this, {
      address,
      port,
      remote,
      broadcast: options.broadcast ?? false,
      shared: checkBoolean('reuseAddress', options.reuseAddress ?? false),
    })
    if (typeof binding === 'string') {
      throw new SystemError(binding, 'bind', { address: options.address ?? '::', port })
    }
    this.#binding = binding
    this.remote = remote === null ? null : { address: addressText(remote.address, zone), port: remote.port }
  }

  get local(): Endpoint {
    const { address, family, port } = this.#binding
    const bound = address ?? (family === 4 ? IpAddress.ANY_V4 : IpAddress.ANY_V6)
    return { address: addressText(bound, this.#owner.zone), port }
  }

  onDatagram(handler: UdpHandler): void {
    this.#onDatagram = handler
    this.#wantsTo = handler.length > 2
  }

  onError(handler: (error: Error) => void): void {
    this.#onError = handler
  }

  datagram(packet: PacketBuffer, remotePort: number): void {
    const known = this.#fromAddress
    if (
      known === null ||
      this.#from.port !== remotePort ||
      known.word3 !== packet.source3 ||
      known.word2 !== packet.source2 ||
      known.word1 !== packet.source1 ||
      known.word0 !== packet.source0
    ) {
      const address = IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
      this.#fromAddress = address
      this.#from = { address: addressText(address, this.#owner.zone), port: remotePort }
    }
    this.#noteWhereTo(packet)
    try {
      const to = this.#wantsTo ? this.#destination(packet) : null
      this.#onDatagram(packet.memory.bytes.subarray(packet.payload, packet.payloadEnd), this.#from, to)
    } catch (error) {
      this.#owner.reportFailure('a datagram handler failed', { error, port: this.#binding.port })
    }
  }

  #destination({ destination0, destination1, destination2, destination3 }: PacketBuffer): string {
    const address = IpAddress.fromWords(destination0, destination1, destination2, destination3)
    return addressText(address, this.#owner.zone)
  }

  #noteWhereTo(packet: PacketBuffer): void {
    const known = this.#cameTo
    if (packet.multicast) this.#cameTo = null
    else if (
      known === null ||
      known.word3 !== packet.destination3 ||
      known.word2 !== packet.destination2 ||
      known.word1 !== packet.destination1 ||
      known.word0 !== packet.destination0
    ) {
      const { destination0, destination1, destination2, destination3 } = packet
      this.#cameTo = IpAddress.fromWords(destination0, destination1, destination2, destination3)
    }
  }

  error(kind: IpErrorKind): void {
    const error = new SystemError(errorCode(kind), 'recv', this.remote ?? {})
    try {
      this.#onError(error)
    } catch (failure) {
      this.#owner.reportFailure('an error handler failed', { error: failure, port: this.#binding.port })
    }
  }

  send(data: Uint8Array | string, to?: Endpoint): void {
    this.#checkOpen('send')
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    let destination: IpAddress | null = null
    let source: IpAddress | null = null
    if (to !== undefined) {
      if (this.remote !== null) throw new SystemError('EISCONN', 'send', to)
      if (to.address !== this.#toText || this.#to === null) {
        this.#to = parseAddress('to.address', to.address, this.#owner.zone, 'send')
        this.#toText = to.address
      }
      checkPort('to.port', to.port, 1)
      destination = this.#to
      if (to.port === this.#from.port && this.#fromAddress?.equals(destination)) source = this.#cameTo
    }
    const refusal = this.#binding.send(bytes, destination, to?.port ?? 0, source)
    if (refusal !== null) throw new SystemError(refusal, 'send', to ?? this.remote ?? {})
    this.#owner.flush()
  }

  joinGroup(group: string, filter: GroupFilter = {}): void {
    const address = this.#group(group, 'addMembership')
    if (this.#binding.membership(address) !== null) {
      throw new SystemError('EADDRINUSE', 'addMembership', { address: group, hint: 'it was joined already' })
    }
    const { mode, sources } = this.#filter(filter)
    this.#binding.addMembership(this.#owner.joinGroup(address, mode, sources))
  }

  leaveGroup(group: string): void {
    if (this.#binding.dropMembership(this.#group(group, 'dropMembership'))) return
    throw new SystemError('EADDRNOTAVAIL', 'dropMembership', { address: group, hint: 'it was not joined' })
  }

  setSourceFilter(group: string, filter: GroupFilter): void {
    const membership = this.#binding.membership(this.#group(group, 'setSourceFilter'))
    if (membership === null) {
      throw new SystemError('EADDRNOTAVAIL', 'setSourceFilter', { address: group, hint: 'it was not joined' })
    }
    const { mode, sources } = this.#filter(filter)
    membership.setFilter(mode, sources)
  }

  setHopLimit(hops: number): void {
    this.#checkOpen('setTTL')
    this.#binding.hopLimit = checkInteger('hops', hops, 1, 255)
  }

  setMulticastHopLimit(hops: number): void {
    this.#checkOpen('setMulticastTTL')
    this.#binding.multicastHopLimit = checkInteger('hops', hops, 0, 255)
  }

  setMulticastLoopback(on: boolean): void {
    this.#checkOpen('setMulticastLoopback')
    this.#binding.multicastLoopback = checkBoolean('on', on)
  }

  setMulticastInterface(address: string): void {
    this.#checkOpen('setMulticastInterface')
    const own = parseAddress('address', address, this.#owner.zone, 'setMulticastInterface')
    if (!this.#owner.isOwn(own)) throw new SystemError('EADDRNOTAVAIL', 'setMulticastInterface', { address })
    this.#binding.multicastSource = own
  }

  #group(text: string, syscall: string): IpAddress {
    this.#checkOpen(syscall)
    const group = parseAddress('group', text, this.#owner.zone, syscall)
    if (!group.isMulticast) throw new SystemError('EINVAL', syscall, { address: text, hint: 'it is no group' })
    return group
  }

  #filter(filter: GroupFilter): { mode: FilterMode; sources: IpAddress[] } {
    const { mode, sources } = checkGroupFilter(filter)
    return { mode, sources: sources.map((source) => IpAddress.parse(source)) }
  }

  #checkOpen(syscall: string): void {
    if (this.#closed) throw new SystemError('EBADF', syscall, { hint: 'the socket is closed' })
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#binding.close()
      this.#owner.udpClosed(this)
    }
    return DONE
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function errorCode(kind: IpErrorKind): SystemErrorCode {
  switch (kind) {
    case IpErrorKind.PortUnreachable:
    case IpErrorKind.ProtocolUnreachable:
      return 'ECONNREFUSED'
    case IpErrorKind.NetworkUnreachable:
      return 'ENETUNREACH'
    case IpErrorKind.PacketTooBig:
      return 'EMSGSIZE'
    case IpErrorKind.ParameterProblem:
      return 'EPROTO'
    default:
      return 'EHOSTUNREACH'
  }
}
