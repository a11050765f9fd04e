import { IpAddress, type IpFamily, IpPrefix } from '../address/index.ts'
import { Arp, type ArpOptions } from '../arp/index.ts'
import { FileSink, PcapngWriter } from '../capture/index.ts'
import { type Clock, HostClock, type Random, SecureRandom } from '../clock/index.ts'
import {
  checkedDhcpv4Settings,
  checkedDhcpv6Settings,
  type Dhcpv4Configurator,
  type Dhcpv4Settings,
  type Dhcpv6Settings,
  newDhcpv4,
  newDhcpv6,
} from '../dhcp/index.ts'
import { type HappyEyeballsSettings, happyEyeballsSettings } from '../dns/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { Icmp, type IcmpOptions, Icmpv6 } from '../icmp/index.ts'
import type { Ip } from '../ip/index.ts'
import { Igmp, Ipv4 } from '../ipv4/index.ts'
import { Ipv6, Ipv6Host, type Ipv6HostOptions, ipv6Wire } from '../ipv6/index.ts'
import { type Log, type LogFactory, silentLogs } from '../log/index.ts'
import { CaptureNetif, type Netif, openNetif, type RecentFrames } from '../netif/index.ts'
import { PacketMemory, type PacketMemoryOptions } from '../packet/index.ts'
import { Tcp, type TcpSettings, tcpSettings } from '../tcp/index.ts'
import { Udp } from '../udp/index.ts'
import { addProbedAddress, DirectStack, firstAddress, LinkWatch, watchLayers } from './direct/index.ts'
import { checkDnsOptions, type DnsOptions } from './dns/index.ts'
import { SocketStack, type SocketStackOptions } from './socket/index.ts'
import type { Stack } from './stack.ts'
import { ignore } from './waiter.ts'

/** What `createStack` takes: the netif, the addresses, and the settings of each layer. */
export interface CreateStackOptions {
  /** `direct`: this stack over a tap device or `netif`; `socket`: the operating system's sockets. Default `direct`. */
  net?: 'direct' | 'socket'
  /**
   * Name of the tap device, default `tap0`; or of an existing interface after its kind: `packet:eth0` (`openPacketSocket`).
   * Ignored with `netif`.
   */
  interface?: string
  /** Any other frame carrier instead of a tap device. The stack closes it. */
  netif?: Netif
  /** Own address and its network. Default `10.0.0.2/24`, or with `dhcp` none but that of the server. */
  ipv4?: string
  /** Default gateway; an address on that network. */
  ipv4Gateway?: string
  /**
   * DHCPv4: true or its settings; default false. `createStack` waits for an address (`awaitAddresses`, and `wait` of the
   * settings); without an answer the search goes on behind it.
   */
  dhcp?: boolean | Dhcpv4Settings
  /**
   * Own IPv6 address and its network, `fd00::2/64`. Default none: a link-local address, and what routers advertise. Unless
   * duplicate address detection passes (1 to 2 s), nothing answers on it.
   */
  ipv6?: string
  /** Default gateway, on that network or link-local; before those that advertise themselves. */
  ipv6Gateway?: string
  /** No IPv6 at all; default false. */
  ipv4Only?: boolean
  /** No IPv4 at all; default false. */
  ipv6Only?: boolean
  /** Whether IPv6 routers are asked for and listened to; default true. */
  acceptRouterAdvertisements?: boolean
  /** How IPv6 addresses are made, checked and chosen. */
  ipv6Settings?: Omit<
    Ipv6HostOptions,
    'cidr' | 'gateway' | 'acceptRouterAdvertisements' | 'interfaceName' | 'log' | 'discoveryLog'
  >
  /**
   * DHCPv6: true, the default, follows the flags of router advertisements; false leaves it out. Addresses that it gives are
   * added when they are there, which `createStack` does not wait for.
   */
  dhcpv6?: boolean | Dhcpv6Settings
  /**
   * Whether `createStack` waits until it is known whether the address of `ipv6` can be used, and until DHCPv4 has an address,
   * so that whoever listens next can be reached. Default true. The clock has to run meanwhile.
   */
  awaitAddresses?: boolean
  /** Ends that wait. */
  signal?: AbortSignal
  /** With `net: 'socket'`: what its listeners and sockets are bound to. */
  socket?: Omit<SocketStackOptions, 'logs' | 'dns'>
  /** Writes every frame to this pcapng file, which is created or emptied. `close()` rejects if that failed. */
  capture?: string
  /** Keeps the last frames of the interface in mind, to be saved when something went wrong. */
  recentFrames?: RecentFrames
  /** Default: the host's monotonic clock. */
  clock?: Clock
  /** Default: cryptographic randomness. */
  random?: Random
  /** Default: no logs. */
  logs?: LogFactory
  /** Packet memory of the tap device, 48 MiB by default; a `netif` brings its own. */
  memory?: PacketMemoryOptions
  /**
   * Size of the neighbour table, whether our address is announced, and what becomes of it if another station uses it. With
   * `probe` the link is asked whether anybody has the address of `ipv4` before it is used (RFC 5227, 4 to 7 s), and
   * `createStack` rejects with EADDRINUSE if so; default false.
   */
  arp?: Omit<ArpOptions, 'log'> & { probe?: boolean }
  /** Limits of ICMP, for each family: errors that are sent, and pings under way. */
  icmp?: Omit<IcmpOptions, 'clock' | 'random'>
  /** What differs from `DEFAULT_TCP_SETTINGS`. */
  tcp?: Partial<TcpSettings>
  /** How names are resolved. */
  dns?: DnsOptions
  /** What differs from `DEFAULT_HAPPY_EYEBALLS`: how one of several addresses of a name is chosen. */
  happyEyeballs?: Partial<HappyEyeballsSettings>
}

/**
 * Picks and composes a stack: the long way of `DirectStack` or `SocketStack` in one call.
 * @throws TypeError or RangeError for an option; SystemError for the tap device (EPERM, EACCES, EBUSY, ENOENT, ...); the
 *   errors of `open` for the capture file and of DHCPv6's `duidFile`
 */
export async function createStack(options?: CreateStackOptions & { net?: 'direct' }): Promise<DirectStack>
export async function createStack(options?: CreateStackOptions): Promise<Stack>
export async function createStack(options: CreateStackOptions = {}): Promise<Stack> {
  const logs = options.logs ?? silentLogs
  if (options.net === 'socket') {
    const { dns, happyEyeballs } = options
    return new SocketStack({ ...options.socket, logs, dns, happyEyeballs })
  }
  if (options.net !== undefined && options.net !== 'direct') {
    throw new TypeError(`net is direct or socket, not ${JSON.stringify(options.net)}`)
  }
  // Checked before a device is opened, so that a typing error leaves nothing behind.
  const families = chosenFamilies(options)
  tcpSettings(options.tcp)
  const dhcpv4Settings = settingsFrom('dhcp', options.dhcp ?? false, checkedDhcpv4Settings)
  const dhcpv6Settings = settingsFrom('dhcpv6', options.dhcpv6 ?? true, checkedDhcpv6Settings)
  checkDnsOptions(options.dns)
  happyEyeballsSettings(options.happyEyeballs)
  const ownClock = options.clock === undefined ? new HostClock() : null
  const clock = options.clock ?? ownClock!
  const random = options.random ?? new SecureRandom()
  /** What there is to close if the rest cannot be made, in the order of making. */
  const made: { close(): unknown }[] = ownClock === null ? [] : [ownClock]
  if (options.netif !== undefined) made.push(options.netif)
  try {
    let netif = options.netif
    if (netif === undefined) {
      const memory = new PacketMemory(options.memory)
      netif = await openNetif(options.interface ?? 'tap0', { memory, clock, log: logs('netif') })
      made.push(netif)
    }
    const device = netif
    if (options.recentFrames !== undefined) {
      netif = options.recentFrames.watch(netif, clock)
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
    const ips: Ip[] = []
    let four: { arp: Arp; ipv4: Ipv4; icmp: Icmp; igmp: Igmp } | null = null
    if (families.ipv4 !== null) {
      const arp = new Arp(ethernet, clock, random, { ...options.arp, log: logs('arp') })
      made.push(arp)
      const { probe = false } = options.arp ?? {}
      const ipv4 = new Ipv4(ethernet, arp, {
        ...(probe ? {} : families.ipv4),
        clock,
        random,
        fragmentsLog: logs('ipv4-fragments'),
      })
      made.push(ipv4)
      const { cidr, gateway } = families.ipv4
      if (!ethernet.hasLinkLayer && gateway === undefined) ipv4.addRoute(new IpPrefix(IpAddress.ANY_V4, 0), null)
      if (probe && cidr !== undefined) await addProbedAddress(ipv4, arp, cidr, gateway)
      const igmp = new Igmp(ipv4, { clock, random, log: logs('igmp') })
      four = { arp, ipv4, icmp: new Icmp(ipv4, { ...options.icmp, clock, random }), igmp }
      ips.push(ipv4)
    }
    let six: { ipv6: Ipv6Host; icmpv6: Icmpv6 } | null = null
    if (families.ipv6 !== null && hasRoomForIpv6(ethernet, options, logs('stack'))) {
      const layer = new Ipv6(ethernet, { clock, random, log: logs('ipv6') })
      made.push(layer)
      // Whoever there is, is behind the other end.
      if (!ethernet.hasLinkLayer && families.ipv6.gateway === undefined)
        layer.addRoute(new IpPrefix(IpAddress.ANY_V6, 0), null)
      const ipv6Logs = { log: logs('ipv6'), discoveryLog: logs('ndp') }
      const ipv6 = new Ipv6Host(layer, { ...families.ipv6, interfaceName: netif.name, ...ipv6Logs })
      made.push(ipv6)
      six = { ipv6, icmpv6: new Icmpv6(layer, { ...options.icmp, clock, random }) }
      ips.push(layer)
    }
    const udp = new Udp(ips, random)
    let dhcp: Dhcpv4Configurator | null = null
    if (four !== null && dhcpv4Settings !== null) {
      const flush = () => {
        if (!ethernet.inBurst) ethernet.flush()
      }
      const { mac } = ethernet
      const log = logs('dhcp')
      dhcp = await newDhcpv4({ ...four, udp, clock, random, mac, settings: dhcpv4Settings, flush, log })
      made.push({ close: () => dhcp?.close(false) })
    }
    const dhcpv6 =
      six === null || dhcpv6Settings === null
        ? null
        : await newDhcpv6({ host: six.ipv6, udp, clock, random, settings: dhcpv6Settings, log: logs('dhcp') })
    if (dhcpv6 !== null) made.push({ close: () => dhcpv6.close(false) })
    const tcp = new Tcp(ips, { clock, random, settings: options.tcp, log: logs('tcp') })
    const stack = new DirectStack({
      netif,
      ethernet,
      ...four,
      ...six,
      dhcp,
      dhcpv6,
      udp,
      tcp,
      clock,
      random,
      logs,
      ...(options.dns === undefined ? {} : { dns: options.dns }),
      ...(options.happyEyeballs === undefined ? {} : { happyEyeballs: options.happyEyeballs }),
      onClosed: async () => {
        sayAtEnd()
        linkWatch?.stop()
        try {
          await writer?.close()
        } finally {
          ownClock?.close()
        }
      },
    })
    const sayAtEnd = watchLayers(stack, logs)
    const linkWatch = device.hasLink === undefined ? null : watchLink(stack, device.hasLink.bind(device))
    six?.ipv6.start()
    dhcp?.start()
    dhcpv6?.start()
    if (options.awaitAddresses ?? true) {
      const addresses = [stack.addressesChecked(options.signal)]
      if (four !== null && dhcp !== null) {
        if (dhcp.settings.wait > 0)
          logs('stack').info('waiting for an address from a DHCP server', { milliseconds: dhcp.settings.wait })
        addresses.push(firstAddress(four.ipv4, dhcp, six?.ipv6 ?? null, clock, options.signal))
      }
      // An interface that is lost meanwhile ends the wait.
      await Promise.race([Promise.all(addresses), stack.closed])
    }
    return stack
  } catch (error) {
    for (const each of made.reverse()) await Promise.resolve(each.close()).catch(ignore)
    throw error
  }
}

/** A link that is back is perhaps another one. */
function watchLink(stack: DirectStack, hasLink: () => boolean): LinkWatch {
  return new LinkWatch(stack.clock, hasLink, (isBack) => {
    stack.log.info(isBack ? 'the link is back' : 'the link is gone', { interface: stack.zone })
    if (isBack) stack.linkChanged()
  })
}

/** A capture that stops, on a full disk for example, leaves the stack alone; it says so once. */
function captureWriter(file: string, log: Log): PcapngWriter {
  return new PcapngWriter(new FileSink(file), {
    onError: (error) =>
      log.warn('the capture has stopped: frames are left out from here', { file, error: error.message }),
  })
}

/** @returns null for none @throws TypeError or RangeError naming what is wrong */
function settingsFrom<Settings extends object>(
  name: string,
  given: boolean | Settings,
  check: (settings: Settings) => unknown,
): Settings | null {
  if (typeof given === 'boolean') return given ? ({} as Settings) : null
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`${name} is true, false or an object of settings, not ${JSON.stringify(given)}`)
  }
  check(given)
  return given
}

interface Families {
  ipv4: { cidr?: string; gateway?: string } | null
  ipv6: Ipv6HostOptions | null
}

/** @throws TypeError or RangeError naming the option that is wrong */
function chosenFamilies(options: CreateStackOptions): Families {
  const { ipv4Only = false, ipv6Only = false, acceptRouterAdvertisements = true, ipv6Settings = {} } = options
  if (ipv4Only && ipv6Only) throw new TypeError('ipv4Only and ipv6Only together leave a stack without any addresses')
  const { ipv4, ipv4Gateway, ipv6, ipv6Gateway, dhcp = false } = options
  // Beside DHCP an address of one's own has to be asked for.
  const own = ipv4 ?? (dhcp === false ? '10.0.0.2/24' : undefined)
  if (own === undefined && ipv4Gateway !== undefined) {
    throw new TypeError('ipv4Gateway takes ipv4: with dhcp alone the server says who the router is')
  }
  if (ipv6Only && ipv6 === undefined && !acceptRouterAdvertisements && ipv6Settings.linkLocal === false) {
    throw new TypeError('ipv6Only takes an address: ipv6, a link-local one, or router advertisements to make one from')
  }
  return {
    ipv4: ipv6Only
      ? null
      : {
          ...(own === undefined ? {} : { cidr: prefixOf('ipv4', own, 4) }),
          ...(ipv4Gateway === undefined ? {} : { gateway: addressOf('ipv4Gateway', ipv4Gateway, 4) }),
        },
    ipv6: ipv4Only
      ? null
      : {
          ...ipv6Settings,
          acceptRouterAdvertisements,
          ...(ipv6 === undefined ? {} : { cidr: prefixOf('ipv6', ipv6, 6) }),
          ...(ipv6Gateway === undefined ? {} : { gateway: addressOf('ipv6Gateway', ipv6Gateway, 6) }),
        },
  }
}

/** A link that is too narrow for IPv6 (RFC 8200, section 5) is one to do without, unless somebody wants it. */
function hasRoomForIpv6({ mtu }: Ethernet, { ipv6, ipv6Only }: CreateStackOptions, log: Log): boolean {
  if (mtu >= ipv6Wire.LEAST_MTU || ipv6 !== undefined || ipv6Only === true) return true
  log.info('the MTU is too small for IPv6, which is left out', { mtu, least: ipv6Wire.LEAST_MTU })
  return false
}

function prefixOf(name: string, text: string, family: IpFamily): string {
  const prefix = IpPrefix.parse(text)
  if (prefix.family !== family)
    throw new TypeError(`${name} is an IPv${family} address with a prefix length, not ${text}`)
  return prefix.toString()
}

function addressOf(name: string, text: string, family: IpFamily): string {
  const address = IpAddress.parse(text)
  if (address.family !== family) throw new TypeError(`${name} is an IPv${family} address, not ${text}`)
  return address.toString()
}
