/**
 * The stack as the packetdrill runner sees it (a separate package, see its README): IP packets in and out, socket calls,
 * and a clock that the runner turns. Run from here with
 *
 *     node --import tsx PATH/cli.mjs --adapter test/packetdrill/adapter.ts --cross-validated PATH/vectors/...
 */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { Arp } from '../../src/arp/index.ts'
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { SystemError, SystemErrorCode } from '../../src/errors/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp } from '../../src/icmp/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import {
  type Connection,
  type ConnectionUser,
  stateName,
  Tcp,
  type TcpListener,
  type TcpSettings,
} from '../../src/tcp/index.ts'
import { TestNetif } from '../support/test-netif.ts'

const LOCAL = '192.168.0.1'
const GATEWAY = '192.168.0.2'
const REMOTE = '192.0.2.1'
const LOCAL_MAC = '02:00:00:00:00:01'
const GATEWAY_MAC = '02:00:00:00:00:02'
const ETHERNET_HEADER = 14

interface CallContext {
  bindPort: number
  connectPort: number
}

type CallResult =
  | { ret: unknown; errno?: string; opt?: number | string }
  | { pending: () => CallResult | null }
  | { unsupported: string }

export interface AdapterOptions {
  localIp: 'v4' | 'v6'
  mtu: number
}

export default async function makeAdapter({ localIp, mtu }: AdapterOptions): Promise<PacketdrillAdapter | null> {
  // The version 6 scripts have to wait for IPv6.
  return localIp === 'v4' ? new PacketdrillAdapter(mtu) : null
}

/** A BSD socket, as far as scripts use one. */
class Socket implements ConnectionUser {
  port = 0
  listener: TcpListener | null = null
  connection: Connection | null = null
  readonly accepted: Connection[] = []
  isEstablished = false
  isClosed = false
  nonBlocking = false
  error: SystemErrorCode | null = null
  /** Taken from the connection to be looked at (MSG_PEEK), and not yet read. */
  #peeked = Buffer.alloc(0)

  onEstablished(): void {
    this.isEstablished = true
  }

  onReadable(): void {}

  onWritable(): void {}

  onFinished(): void {}

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.isClosed = true
    this.error = error
  }

  /** @returns how many bytes, or null if the call would block */
  receive(most: number, peek: boolean): number | SystemErrorCode | null {
    const { connection } = this
    if (connection === null) return 'ENOTCONN'
    while (this.#peeked.length < most) {
      const more = connection.read(most - this.#peeked.length)
      if (more === null) break
      this.#peeked = Buffer.concat([this.#peeked, more])
    }
    const count = Math.min(most, this.#peeked.length)
    if (count > 0) {
      if (!peek) this.#peeked = this.#peeked.subarray(count)
      return count
    }
    if (this.error !== null) return this.takeError()
    if (connection.finReceived || this.isClosed) return 0
    return null
  }

  takeError(): SystemErrorCode | null {
    const { error } = this
    this.error = null
    return error
  }
}

class PacketdrillAdapter {
  readonly localIp = Uint8Array.from(LOCAL.split('.'), Number)
  readonly remoteIp = Uint8Array.from(REMOTE.split('.'), Number)
  readonly #clock = new VirtualClock()
  readonly #netif: TestNetif
  readonly #tcp: Tcp
  #sent: { us: number; ip: Uint8Array }[] = []

  constructor(mtu: number, settings: Partial<TcpSettings> = {}) {
    const clock = this.#clock
    const random = new SeededRandom(1)
    const memory = new PacketMemory({ smallSlots: 512, largeSlots: 32, debug: true })
    this.#netif = new TestNetif(memory, { mac: LOCAL_MAC, mtu })
    const ethernet = new Ethernet(this.#netif)
    const arp = new Arp(ethernet, clock, random, { announce: false })
    const ipv4 = new Ipv4(ethernet, arp, { cidr: `${LOCAL}/24`, gateway: GATEWAY, clock, random })
    arp.addStatic(IpAddress.parse(GATEWAY).word3, MacAddress.parse(GATEWAY_MAC))
    new Icmp(ipv4, { clock, random })
    this.#tcp = new Tcp([ipv4], { clock, random, settings })
  }

  now(): number {
    return this.#clock.now()
  }

  advanceTo(time: number): void {
    const clock = this.#clock
    for (let due = clock.nextExpiry(); due !== undefined && due <= time; due = clock.nextExpiry()) {
      clock.advanceTo(Math.max(due, clock.now()))
      this.#collect()
    }
    clock.advanceTo(time)
    this.#collect()
  }

  inject(ip: Uint8Array): void {
    const frame = new Uint8Array(ETHERNET_HEADER + ip.length)
    frame.set(LOCAL_MAC.split(':').map((octet) => Number.parseInt(octet, 16)))
    frame.set(
      GATEWAY_MAC.split(':').map((octet) => Number.parseInt(octet, 16)),
      6,
    )
    frame[12] = 0x08
    frame.set(ip, ETHERNET_HEADER)
    this.#netif.receive(frame)
    this.#collect()
  }

  takeTx(): { us: number; ip: Uint8Array }[] {
    this.#collect()
    return this.#sent.splice(0)
  }

  #collect(): void {
    for (const frame of this.#netif.takeFrames()) {
      this.#sent.push({ us: this.#clock.now(), ip: frame.subarray(ETHERNET_HEADER) })
    }
  }

  call(name: string, [handle, ...args]: unknown[], context: CallContext): CallResult {
    const result = this.#call(name, handle as Socket, args, context)
    this.#collect()
    return result
  }

  #call(name: string, socket: Socket, args: unknown[], context: CallContext): CallResult {
    switch (name) {
      case 'socket':
        return { ret: new Socket() }
      case 'bind':
        socket.port = context.bindPort
        return { ret: 0 }
      case 'listen':
        return this.#listen(socket, args[0] as number)
      case 'accept':
        return blocking(socket, () => accept(socket))
      case 'connect':
        return this.#connect(socket, context.connectPort)
      case 'read':
        return blocking(socket, () => socket.receive(args[1] as number, false))
      case 'recv':
        return blocking(socket, () => socket.receive(args[1] as number, args[2] === 'MSG_PEEK'))
      case 'write':
      case 'send': {
        if (socket.connection === null || !socket.connection.canWrite) return failed('EPIPE')
        socket.connection.write(new Uint8Array(args[1] as number), null)
        return { ret: args[1] }
      }
      case 'shutdown':
        if (args[0] !== 'SHUT_WR') socket.connection?.discardReceived()
        if (args[0] !== 'SHUT_RD') socket.connection?.shutdownWrite()
        return { ret: 0 }
      case 'close':
        if (socket.listener !== null) this.#tcp.unlisten(socket.listener)
        socket.connection?.release()
        return { ret: 0 }
      case 'fcntl':
        if (args[0] === 'F_GETFL') return { ret: 2 }
        socket.nonBlocking = String(args[1]).includes('O_NONBLOCK')
        return { ret: 0 }
      case 'setsockopt':
        if (args[1] === 'TCP_NODELAY') socket.connection?.setNoDelay(true)
        return { ret: 0 }
      case 'getsockopt':
        return args[1] === 'SO_ERROR' ? { ret: 0, opt: socket.takeError() ?? 0 } : { ret: 0 }
      default:
        return { unsupported: `call ${name}` }
    }
  }

  #listen(socket: Socket, backlog: number): CallResult {
    const acceptor = { accept: (connection: Connection) => void socket.accepted.push(connection) }
    // FreeBSD and Linux let in one more than they are asked for.
    socket.listener = this.#tcp.listen(null, socket.port, backlog + 1, acceptor)
    return { ret: 0 }
  }

  #connect(socket: Socket, port: number): CallResult {
    try {
      const remote = IpAddress.parse(REMOTE)
      socket.connection = this.#tcp.connect({ remote, port, localPort: socket.port, user: socket })
    } catch (error) {
      return failed((error as SystemError).code)
    }
    if (socket.nonBlocking) return failed('EINPROGRESS')
    return {
      pending: () => (socket.isEstablished ? { ret: 0 } : socket.isClosed ? failed(socket.takeError() ?? 'EIO') : null),
    }
  }

  tcpi(handle: unknown): Record<string, number | string> | null {
    const socket = handle as Socket
    if (socket.listener !== null) return { tcpi_state: 'TCPI_LISTEN' }
    if (socket.connection === null) return { tcpi_state: 'TCPI_CLOSED' }
    const { state, timestamps, windowScaling, selectiveAcknowledgments } = socket.connection
    return {
      tcpi_state: `TCPI_${stateName(state).replaceAll('-', '_')}`,
      tcpi_options: (timestamps ? 1 : 0) | (selectiveAcknowledgments ? 2 : 0) | (windowScaling ? 4 : 0),
    }
  }

  close(): void {
    this.#tcp.close()
    this.#netif.close()
  }
}

function accept(socket: Socket): Socket | null {
  const connection = socket.accepted.shift()
  if (connection === undefined) return null
  const accepted = new Socket()
  accepted.connection = connection
  accepted.isEstablished = true
  connection.user = accepted
  return accepted
}

function failed(errno: string): CallResult {
  return { ret: -1, errno }
}

/** A call that returns at once what `attempt` gives, waits while that is null, or would block. */
function blocking(socket: Socket, attempt: () => Socket | number | string | null): CallResult {
  const returned = (value: Socket | number | string) => (typeof value === 'string' ? failed(value) : { ret: value })
  const value = attempt()
  if (value !== null) return returned(value)
  if (socket.nonBlocking) return failed('EWOULDBLOCK')
  return {
    pending: () => {
      const later = attempt()
      return later === null ? null : returned(later)
    },
  }
}
