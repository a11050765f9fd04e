/**
 * What stands below a `dgram.Socket` in place of libuv's UDP handle: methods, numbers and order of callbacks are those of
 * Node's UDPWrap, the datagrams those of this stack.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IpAddress, IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { UdpBinding, UdpReceiver } from '../udp/index.ts'
import { DatagramQueue } from './datagram-queue.ts'
import { errorNumber } from './error-numbers.ts'
import type { HandleHost } from './handle-host.ts'
import type { NodeRequest } from './internals.ts'
import { type GroupRequest, groupRequest, MulticastGroups } from './multicast-groups.ts'
import {
  addressText,
  describe,
  parseAddress,
  reachable,
  type SocketAddress,
  unspecified,
  type ZonedAddress,
} from './socket-addresses.ts'
import type { TurnTaker } from './turns.ts'
import { reasonOf, refusalToBind, refusalToConnect, refusalToSend } from './udp-addresses.ts'
import { type BufferSizeContext, UdpOptions } from './udp-options.ts'

/** Flags of `bind`: UV_UDP_IPV6ONLY, UV_UDP_REUSEADDR and UV_UDP_REUSEPORT of libuv. */
const IPV6_ONLY = 1
const REUSE_ADDRESS = 4
const REUSE_PORT = 64
/** What the length fields leave: that of IPv4 counts its own header, that of IPv6 only what follows (RFC 8200, section 3). */
const LARGEST_DATAGRAM = { 4: 65_507, 6: 65_527 } as const

/** The handle that Node made, which never opens a socket; of it stay what has nothing to do with the network. */
export interface OriginalHandle {
  readonly lookup: unknown
  getAsyncId(): number
  open(descriptor: number): number
  ref(): void
  unref(): void
  close(done?: () => void): void
}

interface Bound {
  /** Null: of both families. */
  readonly address: IpAddress | null
  readonly port: number
  readonly shared: boolean
  readonly spread: boolean
}

export class UdpHandle implements UdpReceiver, TurnTaker {
  readonly lookup: unknown
  isQueued = false
  isAsked = false
  /** It is never asked for. */
  readonly isReady = false
  readonly isBulk = false
  declare onmessage?: (size: number, handle: UdpHandle, data?: Buffer, from?: SocketAddress) => void
  readonly #host: HandleHost
  readonly #original: OriginalHandle
  readonly #handOver: () => void
  readonly #family: IpFamily
  readonly #queue = new DatagramQueue()
  readonly #scope = new AsyncResource('UDPWRAP')
  readonly #groups: MulticastGroups
  readonly #options: UdpOptions
  #binding: UdpBinding | null = null
  /** What `bind` was told, for the bindings that replace the first when it is connected. */
  #bound: Bound | null = null
  #isConnected = false
  #receiving = false
  #referenced = true
  #holds = false
  #closed = false

  /** @param handOver has the socket go on with `original` instead */
  constructor(host: HandleHost, original: OriginalHandle, family: IpFamily, handOver: () => void) {
    this.#host = host
    this.#original = original
    this.#handOver = handOver
    this.#family = family
    this.#groups = new MulticastGroups(host.stack)
    this.#options = new UdpOptions(host.stack, family, this.#queue)
    this.lookup = original.lookup
  }

  getAsyncId(): number {
    return this.#original.getAsyncId()
  }

  get fd(): number {
    return -1
  }

  /** A socket that is there already is the operating system's, and stays there. */
  open(descriptor: number): number {
    const status = this.#original.open(descriptor)
    if (status === 0) this.#handOver()
    return status
  }

  // --- where ------------------------------------------------------------------------------------------------------

  bind(text: string, port: number, flags = 0): number {
    const parsed = parseAddress(text, this.#family)
    if (parsed === null || this.#bound !== null) return errorNumber('EINVAL')
    const refused = refusalToBind(this.#host.stack, parsed)
    if (refused !== null) return errorNumber(refused)
    const { address } = parsed
    const takesBoth = this.#family === 6 && address.family === 6 && address.isUnspecified && (flags & IPV6_ONLY) === 0
    const spread = (flags & REUSE_PORT) !== 0
    const shared = spread || (flags & REUSE_ADDRESS) !== 0
    // As libuv, which takes the lower half of whatever number it is given.
    this.#bound = { address: takesBoth ? null : address, port: port & 0xffff, shared, spread }
    const status = this.#rebind(this.#bound.port, null)
    if (status !== 0) this.#bound = null
    this.#options.isOpen = status === 0
    return status
  }

  connect(text: string, port: number): number {
    const parsed = parseAddress(text, this.#family)
    if (parsed === null) return errorNumber('EINVAL')
    const failure = this.#ensureBound()
    if (failure !== 0) return failure
    const address = this.#peer(parsed)
    const to = { address, zone: parsed.zone }
    const refused = refusalToConnect(this.#host.stack, to, this.#bound!.address, this.#family)
    if (refused !== null) return errorNumber(refused)
    const status = this.#rebind(this.#binding!.port, { address, port })
    if (status === 0) this.#isConnected = true
    return status
  }

  disconnect(): number {
    if (!this.#isConnected) return errorNumber('ENOTCONN')
    this.#isConnected = false
    if (this.#bound?.port !== 0) return this.#rebind(this.#binding!.port, null)
    // As Linux: a port that nobody chose is let go, and the next datagram takes another.
    this.#binding?.close()
    this.#binding = null
    this.#options.moveTo(null)
    return 0
  }

  #ensureBound(flags = 0): number {
    if (this.#binding !== null) return 0
    if (this.#bound !== null) return this.#rebind(0, null)
    return this.bind(unspecified(this.#family).toString(), 0, flags)
  }

  #rebind(port: number, remote: { address: IpAddress; port: number } | null): number {
    const { address, shared, spread } = this.#bound!
    const previous = this.#binding
    previous?.close()
    const udp = this.#host.stack.udpLayer
    const options = { address, port, shared, spread, broadcast: this.#options.broadcast }
    const made = udp.bind(
      this,
      remote === null ? options : { ...options, address: this.#source(remote.address), remote },
    )
    const binding = typeof made === 'string' && previous !== null ? (udp.bind(this, options) as UdpBinding) : made
    if (typeof binding === 'string') return errorNumber(binding)
    this.#options.moveTo(binding)
    this.#binding = binding
    this.#groups.moveTo(binding)
    return typeof made === 'string' ? errorNumber(made) : 0
  }

  /** Where a socket comes from that is connected there: a wildcard of one family would not go with a peer of the other. */
  #source(peer: IpAddress): IpAddress | null {
    const address = this.#bound!.address
    if (address !== null && !address.isUnspecified) return address
    return peer.isMulticast ? this.#options.multicastSourceOf(peer.family) : null
  }

  /** Where the unspecified address leads: to this host, over the family that the socket is bound to. */
  #peer({ address }: ZonedAddress): IpAddress {
    return reachable(address, this.#bound?.address?.family ?? this.#family)
  }

  getsockname(out: SocketAddress): number {
    if (this.#bound === null) return errorNumber('EBADF')
    const address = this.#binding?.address ?? this.#bound.address ?? unspecified(this.#family)
    return describe(out, address, this.#family, this.#binding?.port ?? 0, this.#host.stack.zone)
  }

  getpeername(out: SocketAddress): number {
    const { remoteAddress, remotePort } = this.#binding ?? { remoteAddress: null, remotePort: 0 }
    if (remoteAddress === null) return errorNumber('ENOTCONN')
    return describe(out, remoteAddress, this.#family, remotePort, this.#host.stack.zone)
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  /**
   * @param words port, address and whether somebody is to be told; for a connected socket only the last
   * @returns the length and 1, since nothing is left to do; or the number of an error
   */
  send(_request: NodeRequest, list: readonly ArrayBufferView[], count: number, ...words: unknown[]): number {
    const failure = this.#ensureBound()
    if (failure !== 0) return failure
    // As Linux: what an ICMP error said is told once, to whoever asks first.
    const pending = this.#queue.takeError()
    if (pending !== 0) return pending
    const data = count === 1 ? bytesOf(list[0]) : Buffer.concat(list.slice(0, count).map(bytesOf))
    if (data.length > LARGEST_DATAGRAM[this.#family]) return errorNumber('EMSGSIZE')
    const [port, text] = words
    if (typeof port !== 'number' && this.#binding!.isRefused()) {
      // On Linux the loopback has answered before the datagram counts as sent.
      this.error(IpErrorKind.PortUnreachable)
      return data.length + 1
    }
    const status = typeof port === 'number' ? this.#sendTo(data, text as string, port) : this.#binding!.send(data)
    if (status !== null) return typeof status === 'number' ? status : errorNumber(status)
    const { ethernet } = this.#host.stack
    // Within a burst, its end hands out everything at once.
    if (!ethernet.inBurst) ethernet.flush()
    return data.length + 1
  }

  #sendTo(data: Uint8Array, text: string, port: number): number | SystemErrorCode | null {
    const parsed = parseAddress(text, this.#family)
    if (parsed === null) return errorNumber('EINVAL')
    const address = this.#peer(parsed)
    const { stack } = this.#host
    const bound = this.#bound!.address
    const refused = refusalToSend(stack, { address, zone: parsed.zone }, bound, this.#family)
    if (refused !== null) return refused
    const failure = this.#binding!.send(data, address, port)
    return failure === null ? null : reasonOf(stack, failure, address, bound)
  }

  getSendQueueSize(): number {
    return 0
  }

  getSendQueueCount(): number {
    return 0
  }

  // --- receiving ----------------------------------------------------------------------------------------------------

  recvStart(): number {
    this.#receiving = true
    this.#updateHold()
    if (!this.#queue.isEmpty || this.#queue.error !== 0) this.#host.turns.add(this)
    return 0
  }

  recvStop(): number {
    this.#receiving = false
    this.#updateHold()
    return 0
  }

  /** For `Udp` only. */
  datagram(packet: PacketBuffer, remotePort: number): void {
    this.#queue.addPacket(packet, remotePort)
    this.#host.turns.add(this)
  }

  /** For `Udp` only. */
  error(kind: IpErrorKind): void {
    const code = errorCode(kind)
    if (code === null) return
    this.#queue.error = errorNumber(code)
    this.#host.turns.add(this)
  }

  takeTurn(): boolean {
    if (this.#closed || !this.#receiving) return false
    const error = this.#queue.takeError()
    if (error !== 0) {
      this.#tell(error)
      return true
    }
    const waiting = this.#queue.shift()
    if (waiting === null) return false
    const { data, from, port } = waiting
    this.#tell(data.length, data, {
      address: addressText(from, this.#family, this.#host.stack.zone),
      family: this.#family === 4 ? 'IPv4' : 'IPv6',
      port,
    })
    return true
  }

  #tell(size: number, data?: Buffer, from?: SocketAddress): void {
    if (this.onmessage !== undefined) this.#scope.runInAsyncScope(this.onmessage, this, size, this, data, from)
  }

  // --- options --------------------------------------------------------------------------------------------------------

  setBroadcast(on: number): number {
    return this.#options.setBroadcast(on)
  }

  setTTL(hops: number): number {
    return this.#options.setTTL(hops)
  }

  setMulticastTTL(hops: number): number {
    return this.#options.setMulticastTTL(hops)
  }

  setMulticastLoopback(on: number): number {
    return this.#options.setMulticastLoopback(on)
  }

  setMulticastInterface(text: string): number {
    return this.#options.setMulticastInterface(text)
  }

  bufferSize(size: number, isReceive: boolean, context: BufferSizeContext): number | undefined {
    return this.#options.bufferSize(size, isReceive, context)
  }

  addMembership(group: string, via?: string): number {
    return this.#changeGroup(group, null, via, (binding, request) => this.#groups.add(binding, request))
  }

  dropMembership(group: string, via?: string): number {
    return this.#changeGroup(group, null, via, (binding, request) => this.#groups.drop(binding, request))
  }

  addSourceSpecificMembership(source: string, group: string, via?: string): number {
    return this.#changeGroup(group, source, via, (binding, request) => this.#groups.add(binding, request))
  }

  dropSourceSpecificMembership(source: string, group: string, via?: string): number {
    return this.#changeGroup(group, source, via, (binding, request) => this.#groups.drop(binding, request))
  }

  #changeGroup(
    group: string,
    source: string | null,
    via: string | undefined,
    change: (binding: UdpBinding, request: GroupRequest) => number,
  ): number {
    const request = groupRequest(this.#host.stack, group, source, via)
    if (request === null) return errorNumber('EINVAL')
    const failure = this.#ensureBound(REUSE_ADDRESS)
    if (failure !== 0) return failure
    // The level of IPv6 is unknown to a socket of IPv4.
    if (request.group.family === 6 && this.#family === 4) return errorNumber('ENOPROTOOPT')
    return change(this.#binding!, request)
  }

  // --- life -----------------------------------------------------------------------------------------------------------

  ref(): void {
    this.#referenced = true
    // By it the process lists this one.
    if (!this.#closed) this.#original.ref()
    this.#updateHold()
  }

  unref(): void {
    this.#referenced = false
    if (!this.#closed) this.#original.unref()
    this.#updateHold()
  }

  hasRef(): boolean {
    return this.#referenced && !this.#closed
  }

  #updateHold(): void {
    const holds = !this.#closed && this.#receiving && this.#referenced
    if (holds === this.#holds) return
    this.#holds = holds
    if (holds) this.#host.hold.add()
    else this.#host.hold.remove()
  }

  close(done?: () => void): void {
    if (this.#closed) return
    this.#closed = true
    this.#updateHold()
    this.#binding?.close()
    this.#queue.clear()
    // Its callback comes exactly when ours has to.
    this.#original.close(() => {
      if (done !== undefined) this.#scope.runInAsyncScope(done, this)
    })
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/**
 * What Linux tells a connected socket of an ICMP error; null for those that may pass by themselves (icmp_err_convert's
 * `fatal`).
 */
function errorCode(kind: IpErrorKind): SystemErrorCode | null {
  switch (kind) {
    case IpErrorKind.PortUnreachable:
      return 'ECONNREFUSED'
    case IpErrorKind.ProtocolUnreachable:
      return 'ENOPROTOOPT'
    case IpErrorKind.PacketTooBig:
      return 'EMSGSIZE'
    case IpErrorKind.Prohibited:
      return 'EHOSTUNREACH'
    case IpErrorKind.ParameterProblem:
      return 'EPROTO'
    default:
      return null
  }
}
