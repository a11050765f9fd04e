import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { IpAddress } from '../../address/index.ts'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import { receiveWithDestination } from '../../netif/index.ts'
import { checkGroupFilter } from '../groups.ts'
import { checkAddress, checkBoolean, checkInteger, checkPort } from '../options.ts'
import type { Endpoint, GroupFilter, UdpHandler, UdpOptions, UdpSocket } from '../stack.ts'
import { systemErrorOf } from './node-errors.ts'
import { handleOf } from './node-handles.ts'

/** The largest UDP payload: 65,535 less the UDP header (8), and for IPv4 (RFC 791) less the IP header (20). */
const LONGEST_V4 = 65_507
const LONGEST_V6 = 65_527
const LIMITED_BROADCAST = '255.255.255.255'

/** Addresses only, never names: answering at once keeps `dgram` from going through the resolver for each datagram. */
function noLookup(
  address: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
) {
  callback(null, address, isIPv4(address) ? 4 : 6)
}

/**
 * A UDP socket of the operating system, over `node:dgram`, of one family. What the kernel refuses after `send` has returned is
 * reported by `onError`. It is read by the addon where that is there, which tells where each datagram was sent to.
 */
export class SocketUdp implements UdpSocket {
  readonly local: Endpoint
  readonly remote: Endpoint | null
  readonly #socket: Socket
  readonly #v4: boolean
  readonly #broadcast: boolean
  readonly #log: Log
  readonly #onClosed: (socket: SocketUdp) => void
  #onDatagram: UdpHandler | null = null
  #onError: ((error: Error) => void) | null = null
  /** Ends the reading by the addon; null where Node reads. */
  readonly #stopReceiving: (() => void) | null
  #closed: Promise<void> | null = null
  readonly #onSent: (error: Error | null) => void

  private constructor(
    socket: Socket,
    options: UdpOptions,
    isV4: boolean,
    log: Log,
    onClosed: (socket: SocketUdp) => void,
  ) {
    const bound = socket.address()
    this.local = { address: bound.address, port: bound.port }
    this.remote = options.remote === undefined ? null : { ...options.remote }
    this.#socket = socket
    this.#v4 = isV4
    this.#broadcast = options.broadcast ?? false
    this.#log = log
    this.#onClosed = onClosed
    const report = (error: Error, syscall: string) => {
      const reported = systemErrorOf(error, syscall, this.remote ?? undefined)
      if (this.#onError === null) log.debug('a UDP socket reports', { error: reported, port: this.local.port })
      else this.#guard('an error handler failed', () => this.#onError?.(reported))
    }
    this.#onSent = (error) => {
      if (error !== null && this.#closed === null) report(error, 'send')
    }
    socket.on('error', (error) => report(error, 'recvmsg'))
    this.#stopReceiving = this.#receive(report)
  }

  /** Takes the reading over from Node, if it can. */
  #receive(report: (error: Error, syscall: string) => void): (() => void) | null {
    const handle = handleOf(this.#socket)
    if (handle === null) return null
    const stop = receiveWithDestination(handle.fd, !this.#v4, (data, address, port, to) => {
      if (typeof data === 'number') {
        report(new SystemError(getSystemErrorName(data) as SystemErrorCode, 'recvmsg', this.remote ?? {}), 'recvmsg')
      } else this.#deliver(data, { address, port }, to)
    })
    if (stop !== null) handle.recvStop()
    return stop
  }

  static async open(options: UdpOptions, log: Log, onClosed: (socket: SocketUdp) => void): Promise<SocketUdp> {
    const port = checkPort('port', options.port ?? 0, 0)
    const address = options.address === undefined ? undefined : checkAddress('address', options.address)
    if (options.remote !== undefined) {
      checkAddress('remote.address', options.remote.address)
      checkPort('remote.port', options.remote.port, 1)
    }
    checkBoolean('ipv6Only', options.ipv6Only ?? false)
    const family = address ?? options.remote?.address ?? '::'
    return SocketUdp.#bind(options, port, isIPv4(family), log, onClosed)
  }

  static async #bind(
    options: UdpOptions,
    port: number,
    isV4: boolean,
    log: Log,
    onClosed: (socket: SocketUdp) => void,
  ): Promise<SocketUdp> {
    const socket = createSocket({
      type: isV4 ? 'udp4' : 'udp6',
      ipv6Only: !isV4,
      reuseAddr: checkBoolean('reuseAddress', options.reuseAddress ?? false),
      lookup: noLookup as never,
    })
    const address = options.address ?? (isV4 ? '0.0.0.0' : '::')
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', (error) => reject(systemErrorOf(error, 'bind', { address, port })))
        socket.bind({ port, address, exclusive: true }, resolve)
      })
      socket.removeAllListeners('error')
      if (options.broadcast === true) socket.setBroadcast(true)
      const remote = options.remote
      if (remote !== undefined) {
        await new Promise<void>((resolve, reject) => {
          socket.once('error', reject)
          socket.connect(remote.port, remote.address, ((error?: Error) => {
            if (error === undefined || error === null) resolve()
            else reject(systemErrorOf(error, 'connect', remote))
          }) as () => void)
        })
        socket.removeAllListeners('error')
      }
    } catch (error) {
      socket.on('error', () => {})
      socket.close()
      throw error
    }
    return new SocketUdp(socket, options, isV4, log, onClosed)
  }

  onDatagram(handler: UdpHandler): void {
    this.#onDatagram = handler
    if (this.#stopReceiving !== null) return
    const { address } = this.local
    const to = address === '::' || address === '0.0.0.0' ? null : address
    this.#socket.removeAllListeners('message')
    this.#socket.on('message', (data: Buffer, from: RemoteInfo) =>
      this.#deliver(data, { address: from.address, port: from.port }, to),
    )
  }

  #deliver(data: Buffer, from: Endpoint, to: string | null): void {
    const handler = this.#onDatagram
    if (handler !== null) this.#guard('a datagram handler failed', () => handler(data, from, to))
  }

  /** What a handler throws is reported, and the socket goes on. */
  #guard(message: string, handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#log.error(message, { error, port: this.local.port })
    }
  }

  onError(handler: (error: Error) => void): void {
    this.#onError = handler
  }

  send(data: Uint8Array | string, to?: Endpoint): void {
    this.#checkOpen('send')
    // `dgram` keeps a reference until the kernel has taken the datagram, and the caller's bytes are its own again.
    const copy = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data)
    if (this.remote !== null) {
      if (to !== undefined) throw new SystemError('EISCONN', 'send', to)
      this.#checkLength(copy.length, this.remote)
      this.#socket.send(copy, this.#onSent)
      return
    }
    if (to === undefined) throw new SystemError('EDESTADDRREQ', 'send')
    checkAddress('address', to.address)
    checkPort('port', to.port, 1)
    this.#checkLength(copy.length, to)
    if (to.address === LIMITED_BROADCAST && !this.#broadcast) throw new SystemError('EACCES', 'send', to)
    if (isIPv4(to.address) !== this.#v4) throw new SystemError('EAFNOSUPPORT', 'send', to)
    this.#socket.send(copy, to.port, to.address, this.#onSent)
  }

  #checkLength(length: number, to: Endpoint): void {
    if (length > (isIPv4(to.address) ? LONGEST_V4 : LONGEST_V6)) throw new SystemError('EMSGSIZE', 'send', to)
  }

  joinGroup(group: string, filter: GroupFilter = {}): void {
    const { mode, sources } = this.#filter(group, filter)
    if (this.#groups.has(group)) {
      throw new SystemError('EADDRINUSE', 'addMembership', { address: group, hint: 'it was joined already' })
    }
    const joined: string[] = []
    this.#try('addMembership', group, () => {
      if (mode === 'exclude') this.#socket.addMembership(group, this.#multicastInterface)
      else for (const source of sources) this.#join(group, source, joined)
    })
    this.#groups.set(group, mode === 'exclude' ? null : joined)
  }

  leaveGroup(group: string): void {
    const sources = this.#joined(group, 'dropMembership')
    this.#try('dropMembership', group, () => {
      if (sources === null) this.#socket.dropMembership(group, this.#multicastInterface)
      else
        for (const source of sources) this.#socket.dropSourceSpecificMembership(source, group, this.#multicastInterface)
    })
    this.#groups.delete(group)
  }

  setSourceFilter(group: string, filter: GroupFilter): void {
    const { mode, sources } = this.#filter(group, filter)
    const before = this.#joined(group, 'setSourceFilter')
    if (mode === 'exclude' || before === null) {
      if (mode === 'exclude' && before === null) return
      this.leaveGroup(group)
      this.joinGroup(group, filter)
      return
    }
    this.#try('setSourceFilter', group, () => {
      for (const source of sources) if (!before.includes(source)) this.#join(group, source, before)
      for (const source of before.filter((old) => !sources.includes(old))) {
        this.#socket.dropSourceSpecificMembership(source, group, this.#multicastInterface)
        before.splice(before.indexOf(source), 1)
      }
    })
  }

  setHopLimit(hops: number): void {
    checkInteger('hops', hops, 1, 255)
    this.#try('setTTL', undefined, () => this.#socket.setTTL(hops))
  }

  setMulticastHopLimit(hops: number): void {
    checkInteger('hops', hops, 0, 255)
    this.#try('setMulticastTTL', undefined, () => this.#socket.setMulticastTTL(hops))
  }

  setMulticastLoopback(on: boolean): void {
    checkBoolean('on', on)
    this.#try('setMulticastLoopback', undefined, () => this.#socket.setMulticastLoopback(on))
  }

  setMulticastInterface(address: string): void {
    checkAddress('address', address)
    const name = isIPv4(address) ? address : interfaceOf(address)
    if (name === null) {
      const hint = 'no interface has it'
      throw new SystemError('EADDRNOTAVAIL', 'setMulticastInterface', { address, port: this.local.port, hint })
    }
    this.#try('setMulticastInterface', address, () => this.#socket.setMulticastInterface(name))
    this.#multicastInterface = name
  }

  #multicastInterface: string | undefined
  /** What a group was joined for: its sources, or null for all. */
  readonly #groups = new Map<string, string[] | null>()

  #join(group: string, source: string, joined: string[]): void {
    this.#socket.addSourceSpecificMembership(source, group, this.#multicastInterface)
    joined.push(source)
  }

  #joined(group: string, syscall: string): string[] | null {
    this.#checkOpen(syscall)
    const sources = this.#groups.get(checkAddress('group', group))
    if (sources !== undefined) return sources
    throw new SystemError('EADDRNOTAVAIL', syscall, { address: group, hint: 'it was not joined' })
  }

  #filter(group: string, given: GroupFilter): Required<GroupFilter> {
    this.#checkOpen('addMembership')
    checkAddress('group', group)
    const filter = checkGroupFilter(given)
    if (filter.mode === 'exclude' && filter.sources.length > 0) {
      const hint = 'Node can ask for all sources or for some, not for all but some'
      throw new SystemError('ENOTSUP', 'setSourceFilter', { address: group, hint })
    }
    return filter
  }

  #checkOpen(syscall: string): void {
    if (this.#closed !== null) throw new SystemError('EBADF', syscall, { hint: 'the socket is closed' })
  }

  #try(syscall: string, address: string | undefined, action: () => void): void {
    this.#checkOpen(syscall)
    try {
      action()
    } catch (error) {
      throw systemErrorOf(error, syscall, address === undefined ? undefined : { address, port: this.local.port })
    }
  }

  close(): Promise<void> {
    if (this.#closed === null) {
      this.#stopReceiving?.()
      this.#closed = new Promise((resolve) => this.#socket.close(() => resolve()))
      this.#onClosed(this)
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** As Node names the interface of a socket of IPv6, of which an address says nothing to it; null if none has the address. */
function interfaceOf(address: string): string | null {
  const [plain, zone] = address.split('%') as [string, string?]
  const wanted = IpAddress.parse(plain)
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const isHere = addresses?.some((each) => each.family === 'IPv6' && IpAddress.parse(each.address).equals(wanted))
    if (isHere && (zone === undefined || zone === name)) return `::%${name}`
  }
  return null
}
