import type { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import type { Clock, Microseconds, Random } from '../../clock/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { isLinkLocal, LINK_LOCAL_PREFIX } from '../addresses.ts'
import type { Ipv6Link } from '../link.ts'
import type { NeighborResolver, NextHop, RouteDiscovery } from '../neighbor-resolver.ts'
import { AddressAutoconfiguration } from './address-autoconfiguration.ts'
import { type NeighborDiscoveryCounters, newNeighborDiscoveryCounters } from './counters.ts'
import type { DuplicateAddressDetection } from './duplicate-address-detection.ts'
import { type AddressOrigin, AddressState, type InterfaceAddress } from './interface-address.ts'
import { InterfaceAddresses, type InterfaceAddressesContext } from './interface-addresses.ts'
import { MessageReceiver } from './message-receiver.ts'
import { MessageSender } from './message-sender.ts'
import { type Neighbor, NeighborState } from './neighbor.ts'
import { NeighborCache, type NeighborCacheContext } from './neighbor-cache.ts'
import type { NeighborDiscoveryHost, RouterRole } from './neighbor-discovery-host.ts'
import { checkedLimits, type NeighborDiscoveryOptions } from './neighbor-discovery-options.ts'
import { NetworkConfiguration, type NetworkConfigurationContext } from './network-configuration.ts'
import { LinkParameters } from './parameters.ts'
import { PrefixAdvertisers } from './prefix-advertisers.ts'
import { PrefixList, type PrefixListContext } from './prefix-list.ts'
import { Redirects } from './redirects.ts'
import type { RouterAdvertisementContext } from './router-advertisement.ts'
import { RouterList, type RouterListContext } from './router-list.ts'
import { RouterSolicitation, type RouterSolicitationContext } from './router-solicitation.ts'
import { TemporaryAutoconfiguration, type TemporaryAutoconfigurationContext } from './temporary-autoconfiguration.ts'
import type { Occasion } from './unsolicited-advertisement.ts'

const STATE_NAMES: readonly string[] = Object.keys(AddressState).map((name) => name.toLowerCase())

/**
 * Neighbour discovery of a host: RFC 4861, with address autoconfiguration (RFC 4862). Puts the parts together (`messages`),
 * resolves next hops, keeps our addresses and says where packets go first.
 */
export class NeighborDiscovery
  implements
    NeighborResolver,
    RouteDiscovery,
    NeighborCacheContext,
    RouterListContext,
    PrefixListContext,
    NetworkConfigurationContext,
    InterfaceAddressesContext,
    RouterAdvertisementContext,
    RouterSolicitationContext,
    TemporaryAutoconfigurationContext
{
  readonly clock: Clock
  readonly random: Random
  readonly counters: NeighborDiscoveryCounters = newNeighborDiscoveryCounters()
  readonly parameters: LinkParameters
  readonly routers: RouterList
  readonly prefixes: PrefixList
  readonly advertisers = new PrefixAdvertisers()
  readonly configuration: NetworkConfiguration
  readonly autoconfiguration: AddressAutoconfiguration | null
  readonly temporary: TemporaryAutoconfiguration | null
  /** Takes what comes from the link. */
  readonly messages: MessageReceiver

  readonly #link: Ipv6Link
  readonly #host: NeighborDiscoveryHost
  readonly #log: Log
  readonly #cache: NeighborCache
  readonly #addresses: InterfaceAddresses
  readonly #redirects: Redirects
  readonly #solicitation: RouterSolicitation
  readonly #sender: MessageSender
  readonly #acceptsRouters: boolean
  readonly #wantsLinkLocal: boolean
  #started = false

  /** @throws RangeError naming the option that is out of its range */
  constructor(link: Ipv6Link, host: NeighborDiscoveryHost, given: NeighborDiscoveryOptions) {
    const limits = checkedLimits(given)
    this.#link = link
    this.#host = host
    this.#log = given.log ?? SILENT
    this.clock = link.clock
    this.random = link.random
    this.parameters = new LinkParameters(link.mtu)
    this.#cache = new NeighborCache(this, limits.cacheSize)
    this.routers = new RouterList(this, limits.maxRouters, limits.maxRoutes)
    this.prefixes = new PrefixList(this, limits.maxPrefixes)
    this.configuration = new NetworkConfiguration(this)
    this.#addresses = new InterfaceAddresses(this, {
      formAddress: given.formAddress,
      transmits: limits.detectionTransmits,
      optimistic: given.optimistic ?? false,
      maxAutoconfigured: limits.maxAddresses,
    })
    const autoconfigure = given.autoconfigure ?? true
    this.autoconfiguration = autoconfigure ? new AddressAutoconfiguration(link.clock, this.#addresses) : null
    const temporary = given.temporaryAddresses ?? false
    this.temporary =
      temporary === false
        ? null
        : new TemporaryAutoconfiguration(this, this.#addresses, temporary === true ? {} : temporary)
    this.#redirects = new Redirects(limits.maxRedirects, link.random)
    this.#solicitation = new RouterSolicitation(this)
    this.#sender = new MessageSender(link, this.#addresses, this.counters)
    this.#acceptsRouters = given.acceptRouterAdvertisements ?? true
    this.#wantsLinkLocal = given.linkLocal ?? true
    this.messages = new MessageReceiver(this, {
      link,
      host,
      log: this.#log,
      cache: this.#cache,
      addresses: this.#addresses,
      redirects: this.#redirects,
      solicitation: this.#solicitation,
      sender: this.#sender,
    })
  }

  /** Makes the link-local address (RFC 4862, 5.3) and asks for routers. */
  start(): void {
    this.#started = true
    this.messages.acceptsRouters = this.#acceptsRouters
    const own = this.#wantsLinkLocal
      ? this.#addresses.form(LINK_LOCAL_PREFIX, 'link-local', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      : null
    // RFC 4862, 5.5.1 lets routers be asked in parallel, but only from an address do they learn who asked: the change of
    // the address's state begins it.
    if (own === null) this.#solicitRouters(true)
    this.#link.flush()
  }

  /** Stops all timers and forgets everything; packets that wait are dropped. */
  close(): void {
    this.#started = false
    this.messages.acceptsRouters = false
    this.#solicitation.stop()
    this.temporary?.clear()
    this.#addresses.clear()
    this.#cache.clear()
    this.routers.clear()
    this.prefixes.clear()
    this.advertisers.clear()
    this.configuration.clear()
    this.#redirects.clear()
  }

  // Addresses.

  /** Our addresses, also tentative ones and duplicates; a new array whenever one comes or goes. */
  get addresses(): readonly InterfaceAddress[] {
    return this.#addresses.list
  }

  /**
   * Checks an address and then uses it.
   * @param preferredUntil when it becomes deprecated @param validUntil when it ends; Infinity for never
   */
  addAddress(
    address: IpAddress,
    prefixLength: number,
    origin: AddressOrigin = 'static',
    preferredUntil: Microseconds = Number.POSITIVE_INFINITY,
    validUntil: Microseconds = Number.POSITIVE_INFINITY,
  ): InterfaceAddress {
    const own = this.#addresses.add(address, prefixLength, origin, preferredUntil, validUntil)
    this.#cache.remove(address)
    this.#link.flush()
    return own
  }

  removeAddress(address: IpAddress): void {
    const own = this.#addresses.find(address)
    if (own !== null) this.#addresses.remove(own)
  }

  /** `Ipv6Link.mac` is another than before: the neighbours hear of it, RFC 4861, 7.2.6. */
  linkLayerChanged(): void {
    this.#addresses.announceLinkLayer()
    this.#link.flush()
  }

  /** The interface may be on another link now: routers are asked anew, RFC 4861, section 6.3.7. */
  linkChanged(): void {
    if (this.#started && this.#acceptsRouters) this.#solicitation.start(true)
  }

  /** Whether we are a router (RFC 4861, section 6.2); null for a host, which we are otherwise. */
  setRouterRole(role: RouterRole | null): void {
    this.messages.routerRole = role
    this.#sender.isRouter = role !== null
  }

  // Where packets go.

  /**
   * The first hop of a unicast destination as routers say, RFC 4861, section 5.2: itself if it is on the link, otherwise a
   * router; null if there is none. A prefix on the link counts before a route of the same length.
   * @param longerThan only by prefixes and routes of more bits than these
   */
  nextHop(destination: IpAddress, longerThan = -1): IpAddress | null {
    const redirected = this.#redirects.target(destination)
    if (redirected !== null) return redirected
    if (this.prefixes.isOnLink(destination, longerThan)) return destination
    return this.routers.best(destination, longerThan)
  }

  /** Neighbours, least recently used first. */
  neighbors(): IterableIterator<Neighbor> {
    return this.#cache.values()
  }

  /** Whether packets wait for the address of a neighbour. */
  get isWaiting(): boolean {
    return this.#cache.isWaiting
  }

  get neighborCount(): number {
    return this.#cache.count
  }

  neighbor(address: IpAddress): Neighbor {
    return this.#cache.neighbor(address)
  }

  send(packet: PacketBuffer, nextHop: NextHop): void {
    this.#cache.send(packet, nextHop)
  }

  confirm(nextHop: NextHop): void {
    this.#cache.confirm(nextHop)
  }

  /** Enters a neighbour that never expires and that no traffic changes. */
  addStaticNeighbor(address: IpAddress, mac: MacAddress): void {
    this.#cache.addStatic(address, mac)
    this.#link.flush()
  }

  removeNeighbor(address: IpAddress): void {
    this.#cache.remove(address)
  }

  #solicitRouters(delayed: boolean): void {
    if (this.#started && this.#acceptsRouters && !this.routers.hasDefault && !this.#solicitation.active) {
      this.#solicitation.start(delayed)
    }
  }

  // For the parts.

  solicit(neighbor: Neighbor, byUnicast: boolean): void {
    this.#sender.solicit(neighbor, byUnicast)
  }

  sendPacket(packet: PacketBuffer, neighbor: Neighbor): void {
    this.#link.sendFrame(packet, neighbor.macHigh, neighbor.macLow)
  }

  packetUnreachable(packet: PacketBuffer): void {
    this.#link.unreachable(packet)
  }

  reachabilityChanged(neighbor: Neighbor): void {
    // RFC 4861, 7.3.3: next-hop determination is done again.
    const redirected = neighbor.isSilent && this.#redirects.removeTarget(neighbor.address)
    const isRouter = this.routers.has(neighbor.address)
    if (redirected || isRouter) this.#host.routesChanged()
    const { isSilent } = neighbor
    // How many neighbours there are, and whether they answer, is up to the link; of routers there are a few.
    if (!isRouter && !this.#log.debugEnabled) return
    const address = `${neighbor.address}`
    if (isRouter && isSilent) this.#log.warn('a router does not answer any more', { address })
    else if (isRouter) this.#log.info('a router answers again', { address })
    else this.#log.debug(isSilent ? 'a neighbour does not answer any more' : 'a neighbour answers', { address })
  }

  routerBecameHost(neighbor: Neighbor): void {
    if (this.#redirects.removeTarget(neighbor.address)) this.#host.routesChanged()
    this.routers.removeRouter(neighbor.address)
  }

  flush(): void {
    this.#link.flush()
  }

  isSilent(router: IpAddress): boolean {
    return this.#cache.find(router)?.isSilent === true
  }

  isInUse(router: IpAddress): boolean {
    const state = this.#cache.find(router)?.state
    return state === NeighborState.Reachable || state === NeighborState.Delay || state === NeighborState.Probe
  }

  probe(router: IpAddress): void {
    this.#cache.probe(router)
    this.#link.flush()
  }

  routerAdded(router: IpAddress): void {
    this.#log.info('a router has advertised itself', { address: `${router}` })
  }

  routerRemoved(router: IpAddress): void {
    this.#log.info('a router is none any more', { address: `${router}` })
    this.#redirects.removeTarget(router)
    this.advertisers.remove(router)
  }

  routesChanged(): void {
    // RFC 7559, section 2: without a default router it asks again.
    this.#solicitRouters(true)
    this.#host.routesChanged()
  }

  configurationChanged(): void {
    this.#host.configurationChanged()
  }

  parametersChanged(): void {
    this.#host.parametersChanged()
  }

  joinGroup(group: IpAddress): void {
    this.#host.joinGroup(group)
  }

  leaveGroup(group: IpAddress): void {
    this.#host.leaveGroup(group)
  }

  sendDetection(address: IpAddress, nonceHigh: number, nonceLow: number): void {
    this.#sender.detection(address, nonceHigh, nonceLow)
    this.#link.flush()
  }

  detectionPassed(detection: DuplicateAddressDetection): void {
    this.#addresses.pass(detection)
  }

  sendUnsolicited(address: InterfaceAddress, occasion: Occasion): void {
    this.#sender.unsolicited(address, occasion)
    this.#link.flush()
  }

  sendRouterSolicitation(): void {
    this.#sender.routerSolicitation()
    this.#link.flush()
  }

  addressChanged(address: InterfaceAddress): void {
    if (address.state === AddressState.Duplicate) {
      this.#log.warn('an address is in use by another station', { address: `${address.address}` })
    } else if (this.#log.debugEnabled) {
      const { address: own, state, origin } = address
      this.#log.debug('an address of ours', { address: `${own}`, state: STATE_NAMES[state], origin })
    }
    if (address.origin === 'temporary') this.temporary?.addressChanged(address)
    this.#host.addressChanged(address)
    // RFC 4861, 6.3.7: duplicate address detection has delayed the first solicitation already.
    if (isLinkLocal(address.address) && address.isUsable) this.#solicitRouters(false)
  }

  addressIsDuplicate(address: InterfaceAddress): void {
    if (address.origin === 'temporary' && this.temporary !== null) {
      this.temporary.addressIsDuplicate(address)
      return
    }
    this.#host.addressIsDuplicate(address)
    if (isLinkLocal(address.address)) this.#solicitRouters(true)
  }

  temporaryGivenUp(prefix: IpPrefix): void {
    this.#log.warn('too many duplicates: no temporary addresses', { prefix: `${prefix}` })
  }
}
