/**
 * The stack as the packetdrill runner sees it (a separate package, see its README): IP packets in and out, socket calls,
 * and a clock that the runner turns. `npm run test:packetdrill` runs it.
 */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { Arp } from '../../src/arp/index.ts'
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp } from '../../src/icmp/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { State, stateName, Tcp, type TcpSettings } from '../../src/tcp/index.ts'
import { TestNetif } from '../support/test-netif.ts'
import { BsdSocket, SOCKET_CALLS } from './bsd-socket.ts'
import type { CallContext, CallResult } from './call.ts'
import { type SocketLine, sockstat } from './sockstat.ts'
import { sysctl } from './sysctl.ts'

const LOCAL = '192.168.0.1'
const GATEWAY = '192.168.0.2'
const REMOTE = '192.0.2.1'
const LOCAL_MAC = MacAddress.parse('02:00:00:00:00:01')
const GATEWAY_MAC = MacAddress.parse('02:00:00:00:00:02')
const ETHERNET_HEADER = [0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x08, 0x00]

export interface AdapterOptions {
  localIp: 'v4' | 'v6'
  mtu: number
}

export default async function makeAdapter({ localIp, mtu }: AdapterOptions): Promise<PacketdrillAdapter | null> {
  // The version 6 scripts have to wait for IPv6.
  return localIp === 'v4' ? new PacketdrillAdapter(mtu) : null
}

class PacketdrillAdapter {
  readonly localIp = Uint8Array.from(LOCAL.split('.'), Number)
  readonly remoteIp = Uint8Array.from(REMOTE.split('.'), Number)
  readonly #clock = new VirtualClock()
  readonly #netif: TestNetif
  /** What `sysctl` has set before there is a stack, which is made by the first socket. */
  readonly #settings: Partial<TcpSettings> = {}
  #tcp: Tcp | null = null
  readonly #sockets: BsdSocket[] = []
  #sent: { us: number; ip: Uint8Array }[] = []

  constructor(mtu: number) {
    const memory = new PacketMemory({ smallSlots: 512, largeSlots: 32, debug: true })
    this.#netif = new TestNetif(memory, { mac: LOCAL_MAC.toString(), mtu })
  }

  #makeStack(): Tcp {
    const clock = this.#clock
    const random = new SeededRandom(1)
    const ethernet = new Ethernet(this.#netif)
    const arp = new Arp(ethernet, clock, random, { announce: false })
    const ipv4 = new Ipv4(ethernet, arp, { cidr: `${LOCAL}/24`, gateway: GATEWAY, clock, random })
    arp.addStatic(IpAddress.parse(GATEWAY).word3, GATEWAY_MAC)
    new Icmp(ipv4, { clock, random })
    return new Tcp([ipv4], { clock, random, settings: this.#settings })
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
    this.#netif.receive(Uint8Array.of(...ETHERNET_HEADER, ...ip))
    this.#collect()
  }

  takeTx(): { us: number; ip: Uint8Array }[] {
    this.#collect()
    return this.#sent.splice(0)
  }

  #collect(): void {
    for (const frame of this.#netif.takeFrames()) {
      this.#sent.push({ us: this.#clock.now(), ip: frame.subarray(ETHERNET_HEADER.length) })
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
    const socket = new BsdSocket(this.#tcp, REMOTE)
    socket.nonBlocking = String(type).includes('SOCK_NONBLOCK')
    return { ret: socket }
  }

  command(command: string): number {
    if (command.startsWith('sockstat')) return sockstat(command, this.#socketLines())
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
