import { IpAddress, IpPrefix } from '../address/index.ts'
import { Arp, type ArpOptions } from '../arp/index.ts'
import { FileSink, PcapngWriter } from '../capture/index.ts'
import { type Clock, HostClock, type Random, SecureRandom } from '../clock/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { Icmp, type IcmpOptions } from '../icmp/index.ts'
import { Ipv4 } from '../ipv4/index.ts'
import { type Log, type LogFactory, silentLogs } from '../log/index.ts'
import { CaptureNetif, type Netif, Tap } from '../netif/index.ts'
import { PacketMemory, type PacketMemoryOptions } from '../packet/index.ts'
import { Tcp, type TcpSettings, tcpSettings } from '../tcp/index.ts'
import { Udp } from '../udp/index.ts'
import { DirectStack } from './direct/index.ts'
import { SocketStack } from './socket/index.ts'
import type { Stack } from './stack.ts'
import { ignore } from './waiter.ts'

export interface CreateStackOptions {
  /** `direct`: this stack over a tap device or `netif`; `socket`: the operating system's sockets. Default `direct`. */
  net?: 'direct' | 'socket'
  /** Name of the tap device, default `tap0`. Ignored with `netif`. */
  interface?: string
  /** Any other frame carrier instead of a tap device. The stack closes it. */
  netif?: Netif
  /** Own address and its network. Default `10.0.0.2/24`. */
  ipv4?: string
  /** Default gateway; an address on that network. */
  ipv4Gateway?: string
  /** Writes every frame to this pcapng file, which is created or emptied. `close()` rejects if that failed. */
  capture?: string
  /** Default: the host's monotonic clock. */
  clock?: Clock
  /** Default: cryptographic randomness. */
  random?: Random
  /** Default: no logs. */
  logs?: LogFactory
  /** Packet memory of the tap device, 48 MiB by default; a `netif` brings its own. */
  memory?: PacketMemoryOptions
  /** Size of the neighbour table, and whether our address is announced. */
  arp?: Omit<ArpOptions, 'log'>
  /** Limits of ICMP: errors that are sent, and pings under way. */
  icmp?: Omit<IcmpOptions, 'clock' | 'random'>
  /** What differs from `DEFAULT_TCP_SETTINGS`. */
  tcp?: Partial<TcpSettings>
}

/**
 * Picks and composes a stack: the long way of `DirectStack` or `SocketStack` in one call.
 * @throws TypeError or RangeError for an option; SystemError for the tap device (EPERM, EACCES, EBUSY, ENOENT, ...); the
 *   errors of `open` for the capture file
 */
export async function createStack(options?: CreateStackOptions & { net?: 'direct' }): Promise<DirectStack>
export async function createStack(options?: CreateStackOptions): Promise<Stack>
export async function createStack(options: CreateStackOptions = {}): Promise<Stack> {
  const logs = options.logs ?? silentLogs
  if (options.net === 'socket') return new SocketStack({ logs })
  if (options.net !== undefined && options.net !== 'direct') {
    throw new TypeError(`net is direct or socket, not ${JSON.stringify(options.net)}`)
  }
  // Checked before a device is opened, so that a typing error leaves nothing behind.
  const cidr = ipv4Prefix(options.ipv4 ?? '10.0.0.2/24')
  const gateway = options.ipv4Gateway === undefined ? undefined : ipv4Address(options.ipv4Gateway)
  tcpSettings(options.tcp)
  const ownClock = options.clock === undefined ? new HostClock() : null
  const clock = options.clock ?? ownClock!
  const random = options.random ?? new SecureRandom()
  /** What there is to close if the rest cannot be made, in the order of making. */
  const made: { close(): unknown }[] = ownClock === null ? [] : [ownClock]
  if (options.netif !== undefined) made.push(options.netif)
  try {
    let netif = options.netif
    if (netif === undefined) {
      netif = await Tap.open({ name: options.interface ?? 'tap0', memory: new PacketMemory(options.memory) })
      made.push(netif)
    }
    let writer: PcapngWriter | null = null
    if (options.capture !== undefined) {
      writer = captureWriter(options.capture, logs('capture'))
      made.push(writer)
      netif = new CaptureNetif(netif, writer, clock)
      made.push(netif)
    }
    const ethernet = new Ethernet(netif)
    const arp = new Arp(ethernet, clock, random, { ...options.arp, log: logs('arp') })
    made.push(arp)
    const ipv4 = new Ipv4(ethernet, arp, { cidr, gateway, clock, random })
    made.push(ipv4)
    const icmp = new Icmp(ipv4, { ...options.icmp, clock, random })
    const udp = new Udp([ipv4], random)
    const tcp = new Tcp([ipv4], { clock, random, settings: options.tcp, log: logs('tcp') })
    return new DirectStack({
      netif,
      ethernet,
      arp,
      ipv4,
      icmp,
      udp,
      tcp,
      clock,
      logs,
      onClosed: async () => {
        try {
          await writer?.close()
        } finally {
          ownClock?.close()
        }
      },
    })
  } catch (error) {
    for (const each of made.reverse()) await Promise.resolve(each.close()).catch(ignore)
    throw error
  }
}

/** A capture that stops, on a full disk for example, leaves the stack alone; it says so once. */
function captureWriter(file: string, log: Log): PcapngWriter {
  return new PcapngWriter(new FileSink(file), {
    onError: (error) =>
      log.warn('the capture has stopped: frames are left out from here', { file, error: error.message }),
  })
}

function ipv4Prefix(text: string): string {
  const prefix = IpPrefix.parse(text)
  if (prefix.family !== 4) throw new TypeError(`ipv4 is an IPv4 address with a prefix length, not ${text}`)
  return prefix.toString()
}

function ipv4Address(text: string): string {
  const address = IpAddress.parse(text)
  if (address.family !== 4) throw new TypeError(`ipv4Gateway is an IPv4 address, not ${text}`)
  return address.toString()
}
