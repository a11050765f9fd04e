import { type IpAddress, type IpPrefix, MacAddress } from '../../address/index.ts'
import type { Arp } from '../../arp/index.ts'
import { type Clock, MILLISECOND, SecureRandom } from '../../clock/index.ts'
import type { Dhcpv4Configurator, Dhcpv6Configurator } from '../../dhcp/index.ts'
import { type DnsModule, parseServer } from '../../dns/index.ts'
import { SystemError } from '../../errors/index.ts'
import type { Ethernet } from '../../ethernet/index.ts'
import type { Icmp, Icmpv6 } from '../../icmp/index.ts'
import type { FilterMode, GroupMembership } from '../../ip/index.ts'
import type { Igmp, Ipv4 } from '../../ipv4/index.ts'
import type { AddressEventType, Ipv6Host, SourceCandidate } from '../../ipv6/index.ts'
import { type Log, silentLogs } from '../../log/index.ts'
import type { Netif } from '../../netif/index.ts'
import type { Connection, Tcp } from '../../tcp/index.ts'
import type { Udp } from '../../udp/index.ts'
import { connectOptions, isHostName, StackDns } from '../dns/index.ts'
import type { NetworkConfiguration } from '../network-configuration.ts'
import { NodeModuleMakerPlace, NodeModuleOwner, type NodeModuleSet } from '../node-modules.ts'
import { checkBoolean, checkInteger, checkPort } from '../options.ts'
import type {
  ConnectOptions,
  Flow,
  FlowSocket,
  Listener,
  ListenOptions,
  PingOptions,
  PingReply,
  Stack,
  StackEvents,
  UdpOptions,
  UdpSocket,
} from '../stack.ts'
import { DONE, Waiter } from '../waiter.ts'
import { connectToAddress } from './direct-connect.ts'
import { DirectFlow, type FlowOwner } from './direct-flow.ts'
import { DirectListener } from './direct-listener.ts'
import { ping } from './direct-ping.ts'
import { type ProbeAnswer, type ProbeOptions, probe } from './direct-probe.ts'
import type { DirectStackLayers } from './direct-stack-layers.ts'
import { DirectUdp, type UdpOwner } from './direct-udp.ts'
import { FailureReports } from './failure-reports.ts'
import { FlowDuplex } from './flow-duplex.ts'
import { LastFlow } from './last-flow.ts'
import { LONGEST_WAIT, lastPackets } from './last-packets.ts'
import { onLeases } from './lease-events.ts'
import { networkConfiguration, onNetworkConfiguration } from './network-configuration.ts'
import { addressText, parseOwnAddress } from './zones.ts'

/** Milliseconds that connections have to finish when the stack closes. */
const DEFAULT_GRACE = 1000
/**
 * Linux's net.core.somaxconn. More than the 511 of node:net: so many clients that connect at once would otherwise find
 * the queue full and try again only after a second.
 */
const DEFAULT_BACKLOG = 4096

/** The stack of this project: everything from the frame to the application happens in this process. */
export class DirectStack extends NodeModuleOwner implements Stack, FlowOwner {
  /** Who makes `net` and its like: the folder `node`, for whom this is. */
  static readonly nodeModuleMaker = new NodeModuleMakerPlace<DirectStack>()

  readonly kind = 'direct'
  readonly netif: Netif
  readonly ethernet: Ethernet
  /** Null without IPv4, as the next two. */
  readonly arp: Arp | null
  readonly ipv4: Ipv4 | null
  /** Null where the stack was composed without it. */
  readonly igmp: Igmp | null
  readonly icmp: Icmp | null
  /** Null without DHCPv4. `lease` is what it has, `onEvent` tells what happens. */
  readonly dhcp: Dhcpv4Configurator | null
  /** Null without IPv6, as the next one. `ipv6.addresses` tells the states of its addresses. */
  readonly ipv6: Ipv6Host | null
  readonly icmpv6: Icmpv6 | null
  /** Null without IPv6, and where it is not wanted. Its `lease` has the delegated prefixes, `onEvent` tells what happens. */
  readonly dhcpv6: Dhcpv6Configurator | null
  readonly udpLayer: Udp
  readonly tcp: Tcp
  readonly clock: Clock
  readonly log: Log
  readonly #dns: StackDns
  readonly #layers: DirectStackLayers
  readonly #sockets = new Set<DirectUdp>()
  readonly #failures: FailureReports
  #closing: Promise<void> | null = null
  readonly #closed = new Waiter<void>()
  readonly #lastFlow: LastFlow

  constructor(layers: DirectStackLayers) {
    super()
    this.#layers = layers
    this.netif = layers.netif
    this.ethernet = layers.ethernet
    this.arp = layers.arp ?? null
    this.ipv4 = layers.ipv4 ?? null
    this.icmp = layers.icmp ?? null
    this.dhcp = layers.dhcp ?? null
    this.igmp = layers.igmp ?? null
    this.ipv6 = layers.ipv6 ?? null
    this.icmpv6 = layers.icmpv6 ?? null
    this.dhcpv6 = layers.dhcpv6 ?? null
    this.udpLayer = layers.udp
    this.tcp = layers.tcp
    this.clock = layers.clock ?? layers.tcp.clock
    this.log = (layers.logs ?? silentLogs)('stack')
    this.#failures = new FailureReports(this.clock, this.log)
    this.#lastFlow = new LastFlow(this.tcp, this.clock)
    this.#udpOwner = {
      zone: this.zone,
      refuseUnchecked: (...given) => this.#refuseUnchecked(...given),
      joinGroup: (...given) => this.#joinGroup(...given),
      isOwn: (address) => this.addresses.some((own) => own.address.equals(address)),
      udpClosed: (socket) => this.#sockets.delete(socket),
      flush: () => this.#flushOutsideBurst(),
      reportFailure: (message, fields) => this.#failures.report(message, fields),
    }
    const { random = new SecureRandom(), dns: options } = layers
    const log = (layers.logs ?? silentLogs)('dns')
    this.#dns = new StackDns({
      carrier: this,
      openHandles: this.openHandles,
      order: {
        sourceFor: (destination) => this.#sourceFor(destination),
        ...(this.ipv6 === null ? {} : { policy: this.ipv6.policy }),
      },
      clock: this.clock,
      random,
      log,
      options,
      happyEyeballs: layers.happyEyeballs,
      connect: (each) => this.#connect(each),
    })
    this.onConfiguration((configuration) => this.#learnNameServers(configuration))
    this.ethernet.onClosed((error) => this.#deviceGone(error))
  }

  get dns(): DnsModule {
    return this.#dns.module
  }

  /** What DHCP servers and routers offer. A domain without a search list is one of one domain, as dhclient-script has it. */
  #learnNameServers({ dnsServers, searchList, domainName }: NetworkConfiguration): void {
    const domains = searchList.length > 0 || domainName === null ? searchList : [domainName]
    const servers = dnsServers
      .map((address) => parseServer(addressText(address, this.zone)))
      .filter((server) => server !== null)
    this.#dns.client.learnServers('network', { servers, searchList: domains })
  }

  /** What stands behind link-local addresses: the name of the interface. */
  get zone(): string {
    return this.netif.name
  }

  /** Of IPv4 first. */
  get addresses(): readonly IpPrefix[] {
    return [...(this.ipv4?.addresses ?? []), ...(this.ipv6?.ipv6.addresses ?? [])]
  }

  onAddress(handler: Parameters<StackEvents['onAddress']>[0]): void {
    const tell = (type: AddressEventType, prefix: IpPrefix) => handler({ type, prefix, interface: this.netif.name })
    this.ipv4?.onAddress(tell)
    this.ipv6?.onAddress(tell)
  }

  /** DNS servers and the like, as routers and DHCP servers tell them. */
  get configuration(): NetworkConfiguration {
    return networkConfiguration(this.ipv6, this.dhcpv6, this.dhcp)
  }

  onLease(handler: Parameters<StackEvents['onLease']>[0]): void {
    onLeases(this.dhcp, this.dhcpv6, handler)
  }

  /** Whenever `configuration` may be another than before. */
  onConfiguration(handler: (configuration: NetworkConfiguration) => void): void {
    onNetworkConfiguration(this.ipv6, this.dhcpv6, this.dhcp, () => handler(this.configuration))
  }

  /** The address of ours that packets to `destination` come from, RFC 6724, section 5; null if there is no way there. */
  #sourceFor(destination: IpAddress): SourceCandidate | null {
    const layer = destination.family === 4 ? this.ipv4 : this.ipv6?.ipv6
    const path = layer?.path(destination) ?? 'ENETUNREACH'
    if (typeof path === 'string') return null
    const { source } = path
    const own = this.ipv6?.ipv6.ownAddresses.find(({ address }) => address.equals(source))
    if (own !== undefined) return own
    const prefix = this.addresses.find(({ address }) => address.equals(source))
    const prefixLength = prefix?.length ?? (source.family === 4 ? 32 : 128)
    const state = { deprecated: false, temporary: false, optimistic: false }
    return { address: source, prefixLength, interface: 0, nextHop: null, ...state }
  }

  /**
   * Another MAC address, as when a virtual machine moves: neighbours are told (RFC 5227, 2.3; RFC 4861, 7.2.6).
   * @throws TypeError for what is no MAC address, RangeError for a group address
   */
  changeMac(mac: string): void {
    this.ethernet.changeMac(MacAddress.parse(mac))
    this.arp?.linkLayerChanged()
    this.ipv6?.linkLayerChanged()
    this.dhcp?.changeMac(this.ethernet.mac)
    this.#flushOutsideBurst()
  }

  /**
   * The interface may be on another network now: DHCP servers are asked whether our addresses still belong there (RFC 2131, section
   * 3.7; RFC 8415, section 18.2.12), routers what they advertise, and switches and routers hear of our groups. A stack that
   * `createStack` has made calls this itself when the link of an existing interface has been away (`Netif.hasLink`).
   */
  linkChanged(): void {
    this.igmp?.linkChanged()
    this.ipv6?.linkChanged()
    this.dhcp?.linkChanged()
    this.dhcpv6?.linkChanged()
    this.#flushOutsideBurst()
  }

  /**
   * Resolves as soon as it is known of each IPv6 address that a person gave whether it can be used; `addresses` tells which.
   * @param signal ends the wait
   */
  addressesChecked(signal?: AbortSignal): Promise<void> {
    const { ipv6 } = this
    // A stack of IPv6 alone has no address at all before its link-local one.
    const isChecking = () =>
      ipv6 !== null &&
      (ipv6.isChecking ||
        (this.ipv4 === null && ipv6.addresses.length > 0 && ipv6.addresses.every((own) => own.isTentative)))
    if (ipv6 === null || !isChecking() || signal?.aborted) return DONE
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done)
        resolve()
      }
      signal?.addEventListener('abort', done)
      ipv6.onAddress(() => {
        if (!isChecking()) done()
      })
    })
  }

  get nodeModules(): NodeModuleSet {
    return DirectStack.nodeModuleMaker.make(this)
  }

  async listen(options: ListenOptions, onFlow: (flow: Flow) => unknown): Promise<Listener> {
    this.#checkOpen('listen')
    const port = checkPort('port', options.port, 0)
    const ipv6Only = checkBoolean('ipv6Only', options.ipv6Only ?? false)
    const address = parseOwnAddress(options.address, ipv6Only, this.zone, 'listen')
    this.#refuseUnchecked(address, port, 'listen')
    const backlog = checkInteger('backlog', options.backlog ?? DEFAULT_BACKLOG, 1, 65_535)
    const { reusePort, maximumSegmentSize, congestionControl } = options
    if (reusePort !== undefined) checkBoolean('reusePort', reusePort)
    const fastOpen = checkInteger('fastOpen', options.fastOpen ?? 0, 0, 65_535)
    const accept = (connection: Connection) => this.#accept(connection, onFlow)
    const settings = { reusePort, fastOpen, maximumSegmentSize, congestionControl }
    return new DirectListener(this.tcp, address, port, this.zone, backlog, settings, accept)
  }

  #accept(connection: Connection, onFlow: (flow: Flow) => unknown): void {
    const flow = new DirectFlow(connection, this)
    connection.user = flow
    try {
      const result = onFlow(flow)
      if (result instanceof Promise) result.catch((error) => this.#handlerFailed(flow, error))
    } catch (error) {
      this.#handlerFailed(flow, error)
    }
  }

  #handlerFailed(flow: DirectFlow, error: unknown): void {
    // A connection that failed makes its handler fail too, which is nothing to report.
    if (flow.connection.user !== null) this.log.error('a flow handler failed', { error, ...flow.remote })
    flow.abort()
  }

  async connect(
    target: ConnectOptions | string,
    port?: number,
    rest?: Omit<ConnectOptions, 'address' | 'port'>,
  ): Promise<Flow> {
    const options = connectOptions(target, port, rest)
    this.#checkOpen('connect')
    return isHostName(options.address) ? this.#dns.connector.connect(options) : this.#connect(options)
  }

  /** A client socket to be connected, see `Stack.socket`. */
  socket(): FlowSocket {
    return new FlowDuplex(this, null, false) as unknown as FlowSocket
  }

  async #connect(options: ConnectOptions): Promise<Flow> {
    this.#checkOpen('connect')
    return connectToAddress({ tcp: this.tcp, clock: this.clock, zone: this.zone, owner: this }, options)
  }

  async udp(options: UdpOptions = {}): Promise<UdpSocket> {
    this.#checkOpen('bind')
    const socket = new DirectUdp(this.udpLayer, this.#udpOwner, options)
    this.#sockets.add(socket)
    return socket
  }

  /** Nothing starts on an address that somebody else has, or may have: RFC 4862, section 5.4. */
  #refuseUnchecked(address: IpAddress | null, port: number, syscall: string): void {
    if (address === null || address.family !== 6) return
    const own = this.ipv6?.addresses.find((known) => known.address.equals(address))
    if (own === undefined || own.isUsable) return
    const hint = own.isTentative ? 'it is still being checked for duplicates' : 'another station has this address'
    throw new SystemError('EADDRNOTAVAIL', syscall, { address: addressText(address, this.zone), port, hint })
  }

  #joinGroup(group: IpAddress, mode: FilterMode, sources: readonly IpAddress[]): GroupMembership {
    const listener = group.family === 4 ? this.igmp : this.ipv6
    if (listener !== null) return listener.join(group, mode, sources)
    const hint = `the stack has no IPv${group.family}`
    throw new SystemError('EAFNOSUPPORT', 'addMembership', { address: group.toString(), hint })
  }

  readonly #udpOwner: UdpOwner

  /** Within a burst, its end hands out everything at once. */
  #flushOutsideBurst(): void {
    if (!this.ethernet.inBurst) this.ethernet.flush()
  }

  /**
   * How far a packet gets that may pass so many routers: one step of what traceroute does.
   * @throws SystemError ENETUNREACH, EACCES, EADDRINUSE, ENOBUFS, ENETDOWN; AbortError; TypeError or RangeError for an option
   */
  async probe(address: string, options: ProbeOptions): Promise<ProbeAnswer> {
    this.#checkOpen('probe')
    const { clock, icmp, icmpv6, udpLayer: udp, zone } = this
    const flush = () => this.#flushOutsideBurst()
    return probe({ clock, icmp, icmpv6, udp, zone, flush }, address, options)
  }

  async ping(address: string, options: PingOptions = {}): Promise<PingReply> {
    this.#checkOpen('ping')
    return ping(this.icmp, this.icmpv6, address, this.zone, options)
  }

  /** For users of connections only: one of them has become done. */
  flowFinished(): void {
    this.#lastFlow.flowFinished()
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  close(grace = DEFAULT_GRACE): Promise<void> {
    this.#closing ??= this.#close(checkInteger('grace', grace, 0, 2 ** 31 - 1))
    return this.#closing
  }

  /**
   * Resolves as soon as nothing that was sent waits for the address of a neighbour any more, after half a second at the latest.
   * @param within milliseconds, if that is less
   */
  packetsSent(within = LONGEST_WAIT): Promise<void> {
    return lastPackets(this, Math.min(within, LONGEST_WAIT))
  }

  async #close(grace: number): Promise<void> {
    this.tcp.stopListening()
    this.#dns.close()
    for (const socket of [...this.#sockets]) await socket.close()
    if (grace > 0) {
      const end = this.clock.now() + grace * MILLISECOND
      await this.#lastFlow.wait(grace)
      await this.packetsSent((end - this.clock.now()) / MILLISECOND)
    }
    // However releasing goes, the stack is closed then: what went wrong is told by `close`.
    await this.#release(grace > 0).finally(() => this.#closed.resolve())
  }

  /** @param hasTime whether there is time to tell others */
  async #release(hasTime: boolean): Promise<void> {
    this.tcp.close()
    await Promise.all([this.dhcpv6?.close(hasTime), this.dhcp?.close(hasTime)])
    this.icmp?.close()
    this.igmp?.close()
    this.icmpv6?.close()
    this.ipv4?.close()
    this.ipv6?.close()
    this.arp?.close()
    this.ethernet.flush()
    try {
      await this.netif.close()
    } finally {
      await this.#layers.onClosed?.()
    }
  }

  /** The device vanished: nothing can be finished any more. */
  #deviceGone(error: Error | null): void {
    if (this.#closing !== null) return
    this.log.error('the network interface is gone', { interface: this.netif.name, error: error?.message })
    this.#closed.reject(error ?? new SystemError('ENETDOWN', 'read', { hint: 'the network interface is gone' }))
    this.#closing = this.#close(0)
    // Nobody may be waiting for it; who calls `close` hears it as well.
    this.#closing.catch((failure: Error) => this.log.error('closing failed', { error: failure.message }))
  }

  #checkOpen(syscall: string): void {
    if (this.#closing !== null) throw new SystemError('ENETDOWN', syscall, { hint: 'the stack is closed' })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
