/**
 * What stands below a `dgram.Socket` in place of libuv's UDP handle: methods, numbers and order of callbacks are those of
 * Node's UDPWrap, the datagrams those of this stack.
 */
import { AsyncResource } from 'node:async_hooks'
import { IpAddress, type IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { UdpBinding, UdpReceiver } from '../udp/index.ts'
import { DatagramQueue, DEFAULT_BUFFER } from './datagram-queue.ts'
import { errorNumber } from './error-numbers.ts'
import type { HandleHost } from './handle-host.ts'
import type { NodeRequest } from './internals.ts'
import { MulticastGroups } from './multicast-groups.ts'
import { addressText, describe, reachable, type SocketAddress, unspecified } from './socket-addresses.ts'
import type { TurnTaker } from './turns.ts'

/** Flags of `bind`: UV_UDP_IPV6ONLY, UV_UDP_REUSEADDR and UV_UDP_REUSEPORT. */
const IPV6_ONLY = 1
const SHARED = 4 | 8
/** What the length field of UDP and that of IPv4 leave. */
const LARGEST_DATAGRAM = 65_507

/** The handle that Node made, which never opens a socket; of it stay what has nothing to do with the network. */
export interface OriginalHandle {
  readonly lookup: unknown
  getAsyncId(): number
  close(done?: () => void): void
}

interface BufferSizeContext {
  errno?: number
  code?: string
  message?: string
  syscall?: string
}

interface Bound {
  /** Null: of both families. */
  readonly address: IpAddress | null
  readonly port: number
  readonly shared: boolean
}

/** What a binding keeps of a socket's options. */
type Options = Pick<UdpBinding, 'hopLimit' | 'multicastHopLimit' | 'multicastLoopback' | 'multicastSource'>

export class UdpHandle implements UdpReceiver, TurnTaker {
  readonly lookup: unknown
  isQueued = false
  declare onmessage?: (size: number, handle: UdpHandle, data?: Buffer, from?: SocketAddress) => void
  readonly #host: HandleHost
  readonly #original: OriginalHandle
  readonly #family: IpFamily
  readonly #queue = new DatagramQueue()
  readonly #scope = new AsyncResource('UDPWRAP')
  readonly #groups: MulticastGroups
  #binding: UdpBinding | null = null
  /** What `bind` was told, for the bindings that replace the first when it is connected. */
  #bound: Bound | null = null
  #isConnected = false
  readonly #options: Options = { hopLimit: 0, multicastHopLimit: 1, multicastLoopback: true, multicastSource: null }
  #broadcast = false
  #receiving = false
  #referenced = true
  #holds = false
  #closed = false
  #sendBuffer = DEFAULT_BUFFER

  constructor(host: HandleHost, original: OriginalHandle, family: IpFamily) {
    this.#host = host
    this.#original = original
    this.#family = family
    this.#groups = new MulticastGroups(host.stack)
    this.lookup = original.lookup
  }

  getAsyncId(): number {
    return this.#original.getAsyncId()
  }

  get fd(): number {
    return -1
  }

  open(): number {
    return errorNumber('ENOTSUP')
  }

  // --- where ------------------------------------------------------------------------------------------------------

  bind(text: string, port: number, flags = 0): number {
    const address = IpAddress.tryParse(text)
    if (address === null || this.#bound !== null) return errorNumber('EINVAL')
    if (this.#family === 4 && address.family === 6) return errorNumber('EINVAL')
    const takesBoth = this.#family === 6 && address.isUnspecified && (flags & IPV6_ONLY) === 0
    this.#bound = { address: takesBoth ? null : address, port, shared: (flags & SHARED) !== 0 }
    const status = this.#rebind(port, null)
    if (status !== 0) this.#bound = null
    return status
  }

  connect(text: string, port: number): number {
    const address = IpAddress.tryParse(text)
    if (address === null || (this.#family === 4 && address.family === 6)) return errorNumber('EINVAL')
    const failure = this.#ensureBound()
    if (failure !== 0) return failure
    const status = this.#rebind(this.#binding!.port, { address: reachable(address, this.#family), port })
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
    return 0
  }

  #ensureBound(): number {
    if (this.#binding !== null) return 0
    return this.#bound === null ? this.bind(unspecified(this.#family).toString(), 0) : this.#rebind(0, null)
  }

  #rebind(port: number, remote: { address: IpAddress; port: number } | null): number {
    const { address, shared } = this.#bound!
    const previous = this.#binding
    previous?.close()
    const udp = this.#host.stack.udpLayer
    const options = { address, port, shared, broadcast: this.#broadcast }
    // A wildcard of one family would not go with a peer of the other.
    const local = remote !== null && address?.isUnspecified ? null : address
    const made = udp.bind(this, { ...options, address: local, remote })
    const binding = typeof made === 'string' && previous !== null ? (udp.bind(this, options) as UdpBinding) : made
    if (typeof binding === 'string') return errorNumber(binding)
    Object.assign(binding, this.#options)
    this.#binding = binding
    this.#groups.moveTo(binding)
    return typeof made === 'string' ? errorNumber(made) : 0
  }

  getsockname(out: SocketAddress): number {
    if (this.#bound === null) return errorNumber('EBADF')
    const address = this.#binding?.address ?? this.#bound.address ?? unspecified(this.#family)
    return describe(out, address, this.#family, this.#binding?.port ?? 0)
  }

  getpeername(out: SocketAddress): number {
    const { remoteAddress, remotePort } = this.#binding ?? { remoteAddress: null, remotePort: 0 }
    if (remoteAddress === null) return errorNumber('ENOTCONN')
    return describe(out, remoteAddress, this.#family, remotePort)
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  /**
   * @param words port, address and whether somebody is to be told; for a connected socket only the last
   * @returns the length and 1, since nothing is left to do; or the number of an error
   */
  send(_request: NodeRequest, list: readonly ArrayBufferView[], count: number, ...words: unknown[]): number {
    const failure = this.#ensureBound()
    if (failure !== 0) return failure
    const data = count === 1 ? bytesOf(list[0]) : Buffer.concat(list.slice(0, count).map(bytesOf))
    if (data.length > LARGEST_DATAGRAM) return errorNumber('EMSGSIZE')
    const [port, text] = words
    const status = typeof port === 'number' ? this.#sendTo(data, text as string, port) : this.#binding!.send(data)
    if (status !== null) return typeof status === 'number' ? status : errorNumber(status)
    const { ethernet } = this.#host.stack
    // Within a burst, its end hands out everything at once.
    if (!ethernet.inBurst) ethernet.flush()
    return data.length + 1
  }

  #sendTo(data: Uint8Array, text: string, port: number): number | SystemErrorCode | null {
    const address = IpAddress.tryParse(text)
    if (address === null || (this.#family === 4 && address.family === 6)) return errorNumber('EINVAL')
    return this.#binding!.send(data, reachable(address, this.#family), port)
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
    if (!this.#queue.isEmpty) this.#host.turns.add(this)
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
    this.#queue.addError(errorNumber(code))
    this.#host.turns.add(this)
  }

  takeTurn(): boolean {
    if (this.#closed || !this.#receiving) return false
    const waiting = this.#queue.shift()
    if (waiting === null) return false
    const { data, from, port, error } = waiting
    if (from === null) {
      this.#tell(error)
    } else {
      this.#tell(data.length, data, {
        address: addressText(from, this.#family),
        family: this.#family === 4 ? 'IPv4' : 'IPv6',
        port,
      })
    }
    return true
  }

  #tell(size: number, data?: Buffer, from?: SocketAddress): void {
    if (this.onmessage !== undefined) this.#scope.runInAsyncScope(this.onmessage, this, size, this, data, from)
  }

  // --- options --------------------------------------------------------------------------------------------------------

  setBroadcast(on: number): number {
    if (this.#bound === null) return errorNumber('EBADF')
    this.#broadcast = on !== 0
    if (this.#binding !== null) this.#binding.broadcast = this.#broadcast
    return 0
  }

  setTTL(hops: number): number {
    return hops >= 1 && hops <= 255 ? this.#setOption('hopLimit', hops) : errorNumber('EINVAL')
  }

  setMulticastTTL(hops: number): number {
    // As Linux: -1 stands for the default.
    if (!(hops >= -1 && hops <= 255)) return errorNumber('EINVAL')
    return this.#setOption('multicastHopLimit', hops === -1 ? 1 : hops)
  }

  setMulticastLoopback(on: number): number {
    return this.#setOption('multicastLoopback', on !== 0)
  }

  setMulticastInterface(text: string): number {
    const address = IpAddress.tryParse(text.replace(/%.*$/, ''))
    if (address === null || address.family !== this.#family) return errorNumber('EINVAL')
    if (address.isUnspecified) return this.#setOption('multicastSource', null)
    const isOwn = this.#host.stack.addresses.some((own) => own.address.equals(address))
    return isOwn ? this.#setOption('multicastSource', address) : errorNumber('EADDRNOTAVAIL')
  }

  #setOption<K extends keyof Options>(name: K, value: Options[K]): number {
    if (this.#bound === null) return errorNumber('EBADF')
    this.#options[name] = value
    if (this.#binding !== null) Object.assign(this.#binding, this.#options)
    return 0
  }

  addMembership(group: string, via?: string): number {
    return this.#changeGroup(group, null, via, true)
  }

  dropMembership(group: string, via?: string): number {
    return this.#changeGroup(group, null, via, false)
  }

  addSourceSpecificMembership(source: string, group: string, via?: string): number {
    return this.#changeGroup(group, source, via, true)
  }

  dropSourceSpecificMembership(source: string, group: string, via?: string): number {
    return this.#changeGroup(group, source, via, false)
  }

  /** @param via one of our addresses, or of the interface's names behind a percent sign; there is one interface only */
  #changeGroup(text: string, sourceText: string | null, via: string | undefined, joins: boolean): number {
    const failure = this.#ensureBound()
    if (failure !== 0) return failure
    const group = IpAddress.tryParse(text)
    const source = sourceText === null ? null : IpAddress.tryParse(sourceText)
    if (group === null || group.family !== this.#family || (sourceText !== null && source === null)) {
      return errorNumber('EINVAL')
    }
    const binding = this.#binding!
    if (via !== undefined && !this.#isInterface(via)) return errorNumber('ENODEV')
    return joins ? this.#groups.add(binding, group, source) : this.#groups.drop(binding, group, source)
  }

  #isInterface(text: string): boolean {
    const address = IpAddress.tryParse(text.replace(/%.*$/, ''))
    if (address === null) return false
    return address.isUnspecified || this.#host.stack.addresses.some((own) => own.address.equals(address))
  }

  /**
   * SO_RCVBUF and SO_SNDBUF as Linux has them: it doubles what is asked for and keeps it below a bound.
   * @param size 0 asks
   */
  bufferSize(size: number, isReceive: boolean, context: BufferSizeContext): number | undefined {
    if (this.#bound === null) {
      const syscall = isReceive ? 'uv_recv_buffer_size' : 'uv_send_buffer_size'
      Object.assign(context, { errno: errorNumber('EBADF'), code: 'EBADF', message: 'bad file descriptor', syscall })
      return undefined
    }
    if (size !== 0) {
      const granted = Math.max(Math.min(size, DEFAULT_BUFFER) * 2, LEAST_BUFFER)
      if (isReceive) this.#queue.limit = granted
      else this.#sendBuffer = granted
    }
    return isReceive ? this.#queue.limit : this.#sendBuffer
  }

  // --- life -----------------------------------------------------------------------------------------------------------

  ref(): void {
    this.#referenced = true
    this.#updateHold()
  }

  unref(): void {
    this.#referenced = false
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

/** Linux SOCK_MIN_RCVBUF. */
const LEAST_BUFFER = 2304

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
