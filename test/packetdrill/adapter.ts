/**
 * The stack as the packetdrill runner sees it (a separate package, see its README): IP packets in and out, socket calls,
 * and a clock that the runner turns. `npm run test:packetdrill` runs it.
 */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { Arp } from '../../src/arp/index.ts'
import { type Random, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp, Icmpv6 } from '../../src/icmp/index.ts'
import type { Ip } from '../../src/ip/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { Ipv6 } from '../../src/ipv6/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { State, stateName, Tcp, type TcpSettings } from '../../src/tcp/index.ts'
import { addressBytes } from '../support/frames.ts'
import { StaticNeighbors } from '../support/static-neighbors.ts'
import { TestNetif } from '../support/test-netif.ts'
import { BsdSocket, SOCKET_CALLS } from './bsd-socket.ts'
import type { CallContext, CallResult } from './call.ts'
import { type SocketLine, sockstat } from './sockstat.ts'
import { sysctl } from './sysctl.ts'

/** The stack, its router, and whom the runner plays, behind the router. */
const ADDRESSES = {
  v4: { local: '192.168.0.1', prefixLength: 24, gateway: '192.168.0.2', remote: '192.0.2.1' },
  v6: { local: 'fd3d:a0b:17d6::1', prefixLength: 64, gateway: 'fd3d:a0b:17d6::2', remote: 'fd3d:fa7b:d17d::1' },
}
const LOCAL_MAC = MacAddress.parse('02:00:00:00:00:01')
const GATEWAY_MAC = MacAddress.parse('02:00:00:00:00:02')
const ETHERNET_ADDRESSES = [0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02]
const ETHERNET_HEADERS = {
  v4: Uint8Array.of(...ETHERNET_ADDRESSES, 0x08, 0x00),
  v6: Uint8Array.of(...ETHERNET_ADDRESSES, 0x86, 0xdd),
}
const ETHERNET_HEADER_LENGTH = ETHERNET_ADDRESSES.length + 2

export interface AdapterOptions {
  localIp: 'v4' | 'v6'
  mtu: number
}

export default async function makeAdapter({ localIp, mtu }: AdapterOptions): Promise<PacketdrillAdapter> {
  return new PacketdrillAdapter(localIp, mtu)
}

class PacketdrillAdapter {
  readonly localIp: Uint8Array
  readonly remoteIp: Uint8Array
  readonly #version: 'v4' | 'v6'
  readonly #clock = new VirtualClock()
  readonly #netif: TestNetif
  /** What `sysctl` has set before there is a stack, which is made by the first socket. */
  readonly #settings: Partial<TcpSettings> = {}
  #tcp: Tcp | null = null
  readonly #sockets: BsdSocket[] = []
  #sent: { us: number; ip: Uint8Array }[] = []

  constructor(version: 'v4' | 'v6', mtu: number) {
    this.#version = version
    this.localIp = addressBytes(ADDRESSES[version].local)
    this.remoteIp = addressBytes(ADDRESSES[version].remote)
    const memory = new PacketMemory({ smallSlots: 512, largeSlots: 32, debug: true })
    this.#netif = new TestNetif(memory, { mac: LOCAL_MAC.toString(), mtu })
  }

  #makeStack(): Tcp {
    const clock = this.#clock
    const random = new SeededRandom(1)
    const ethernet = new Ethernet(this.#netif)
    const ip = this.#version === 'v4' ? this.#makeIpv4(ethernet, random) : this.#makeIpv6(ethernet, random)
    return new Tcp([ip], { clock, random, settings: this.#settings })
  }

  #makeIpv4(ethernet: Ethernet, random: Random): Ip {
    const clock = this.#clock
    const { local, prefixLength, gateway } = ADDRESSES.v4
    const arp = new Arp(ethernet, clock, random, { announce: false })
    const ipv4 = new Ipv4(ethernet, arp, { cidr: `${local}/${prefixLength}`, gateway, clock, random })
    arp.addStatic(IpAddress.parse(gateway).word3, GATEWAY_MAC)
    new Icmp(ipv4, { clock, random })
    return ipv4
  }

  #makeIpv6(ethernet: Ethernet, random: Random): Ip {
    const clock = this.#clock
    const { local, prefixLength, gateway } = ADDRESSES.v6
    const ipv6 = new Ipv6(ethernet, { cidr: `${local}/${prefixLength}`, gateway, clock, random })
    const neighbors = new StaticNeighbors(ipv6)
    neighbors.add(gateway, GATEWAY_MAC.toString())
    ipv6.setNeighborResolver(neighbors)
    new Icmpv6(ipv6, { clock, random })
    return ipv6
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
    this.#tcp ??= this.#makeStack()
    this.#netif.receive(Uint8Array.of(...ETHERNET_HEADERS[this.#version], ...ip))
    this.#collect()
  }

  takeTx(): { us: number; ip: Uint8Array }[] {
    this.#collect()
    return this.#sent.splice(0)
  }

  #collect(): void {
    for (const frame of this.#netif.takeFrames()) {
      this.#sent.push({ us: this.#clock.now(), ip: frame.subarray(ETHERNET_HEADER_LENGTH) })
    }
  }

  call(name: string, [handle, ...args]: unknown[], context: CallContext): CallResult {
    const result = name === 'socket' ? this.#socket(args) : call(handle, name, args, context)
    if ('ret' in result && result.ret instanceof BsdSocket) this.#sockets.push(result.ret)
    this.#collect()
    return result
  }

  #socket([type, protocol]: unknown[]): CallResult {
    if (!String(type).includes('SOCK_STREAM')) return { unsupported: `sockets of the type ${type}` }
    if (protocol !== 0 && protocol !== 'IPPROTO_TCP') return { unsupported: `the protocol ${protocol}` }
    this.#tcp ??= this.#makeStack()
    const socket = new BsdSocket(this.#tcp, ADDRESSES[this.#version].remote)
    socket.nonBlocking = String(type).includes('SOCK_NONBLOCK')
    return { ret: socket }
  }

  command(command: string): number {
    if (command.startsWith('sockstat')) return sockstat(command, this.#version, this.#socketLines())
    // What the stack reads when a connection begins may also change later.
    if (command.startsWith('sysctl')) sysctl(command, this.#tcp?.settings ?? this.#settings, this.#tcp === null)
    return 0
  }

  #socketLines(): SocketLine[] {
    const lines: SocketLine[] = []
    const add = (incomingPorts: number, state: State) => {
      const name = stateName(state).replaceAll('-', '_').replace('RECEIVED', 'RCVD')
      lines.push({ localPort: incomingPorts & 0xffff, remotePort: incomingPorts >>> 16, state: name })
    }
    for (const { listener } of this.#sockets) {
      if (listener?.closed === false) lines.push({ localPort: listener.port, remotePort: 0, state: 'LISTEN' })
    }
    this.#tcp?.forEachConnection((connection) => add(connection.incomingPorts, connection.state))
    this.#tcp?.forEachTimeWait((record) => add(record.incomingPorts, State.TimeWait))
    return lines
  }

  /** The snapshot of the connection under Linux's names, of which FreeBSD has some. */
  tcpi(handle: unknown): Record<string, number | string> | null {
    if (!(handle instanceof BsdSocket)) return null
    const { state, connection } = handle
    const fields = Object.entries(connection?.info() ?? {}).map(([name, value]) => [`tcpi_${name}`, value])
    const name = state === 'LISTEN' ? state : stateName(state).replaceAll('-', '_')
    return { ...Object.fromEntries(fields), tcpi_state: `TCPI_${name}` }
  }

  close(): void {
    this.#tcp?.close()
    this.#netif.close()
  }
}

function call(handle: unknown, name: string, args: unknown[], context: CallContext): CallResult {
  if (handle instanceof BsdSocket) return handle.call(name, args, context)
  // The runner knows the number of no socket.
  return SOCKET_CALLS.has(name) ? { ret: -1, errno: 'EBADF' } : { unsupported: `call ${name}` }
}
