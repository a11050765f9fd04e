import type { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import { integerInRange } from '../../errors/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { isLinkLocal, LINK_LOCAL_PREFIX } from '../addresses.ts'
import type { ControlHandler, Ipv6Link } from '../link.ts'
import type { NeighborResolver, NextHop, RouteDiscovery } from '../neighbor-resolver.ts'
import type { TemporaryAddressSettings } from '../temporary-addresses.ts'
import { AddressAutoconfiguration } from './address-autoconfiguration.ts'
import { AdvertisementLimit } from './advertisement-limit.ts'
import { type NeighborDiscoveryCounters, newNeighborDiscoveryCounters } from './counters.ts'
import type { DuplicateAddressDetection } from './duplicate-address-detection.ts'
import { type AddressOrigin, AddressState, type InterfaceAddress } from './interface-address.ts'
import { type FormAddress, InterfaceAddresses, type InterfaceAddressesContext } from './interface-addresses.ts'
import { MessageSender } from './message-sender.ts'
import { type Neighbor, NeighborState } from './neighbor.ts'
import { NeighborCache, type NeighborCacheContext } from './neighbor-cache.ts'
import { NetworkConfiguration, type NetworkConfigurationContext } from './network-configuration.ts'
import * as options from './options.ts'
import { LinkParameters } from './parameters.ts'
import { PrefixAdvertisers } from './prefix-advertisers.ts'
import { PrefixList, type PrefixListContext } from './prefix-list.ts'
import { Redirects } from './redirects.ts'
import { processRouterAdvertisement, type RouterAdvertisementContext } from './router-advertisement.ts'
import { RouterList, type RouterListContext } from './router-list.ts'
import { RouterSolicitation, type RouterSolicitationContext } from './router-solicitation.ts'
import { TemporaryAutoconfiguration, type TemporaryAutoconfigurationContext } from './temporary-autoconfiguration.ts'
import type { Occasion } from './unsolicited-advertisement.ts'
import * as wire from './wire.ts'

/** How often a conflict about an address of ours is logged; as of ARP (RFC 5227, 1.1, DEFEND_INTERVAL). */
const CONFLICT_LOG_INTERVAL: Microseconds = 10 * SECOND

const STATE_NAMES: readonly string[] = Object.keys(AddressState).map((name) => name.toLowerCase())

/** What neighbour discovery tells the IPv6 layer. Called from timers and while messages are received. */
export interface NeighborDiscoveryHost {
  /** An address of ours has another `state`: it may be used from now on, is deprecated, or is gone. */
  addressChanged(address: InterfaceAddress): void
  /** An address turned out to be somebody else's, and nothing replaces it. */
  addressIsDuplicate(address: InterfaceAddress): void
  /** Each group is joined and left once, however many addresses have it. */
  joinGroup(group: IpAddress): void
  leaveGroup(group: IpAddress): void
  /** `NeighborDiscovery.nextHop` may give other answers than before. */
  routesChanged(): void
  /** Where packets to a unicast destination go first at present, all routes considered; null if nowhere. */
  firstHop(destination: IpAddress): IpAddress | null
  /** `parameters.hopLimit` or `parameters.mtu` is another. */
  parametersChanged(): void
  /** Something in `configuration` is another. */
  configurationChanged(): void
}

/** Who makes us a router: our neighbour advertisements say so as long as there is somebody. */
export interface RouterRole {
  /** A host asks for routers, RFC 4861, section 6.2.6. */
  routerSolicited(): void
}

export interface NeighborDiscoveryOptions {
  /** Interface identifiers: stable and opaque (RFC 7217), or from the MAC address. */
  formAddress: FormAddress
  /** Neighbours that are remembered; 8 to 65,536, default 512. */
  cacheSize?: number
  /** Solicitations of duplicate address detection, DupAddrDetectTransmits of RFC 4862; 0 (unchecked) to 16, default 1. */
  detectionTransmits?: number
  /** Addresses that nobody typed are used while they are checked, RFC 4429; default false. */
  optimistic?: boolean
  /** Whether routers are asked for and listened to; default true. */
  acceptRouterAdvertisements?: boolean
  /** Whether addresses are made from the prefixes of routers (RFC 4862); default true. */
  autoconfigure?: boolean
  /** Temporary addresses beside the stable ones (RFC 8981), and their settings; default none, as Linux. */
  temporaryAddresses?: boolean | Partial<TemporaryAddressSettings>
  /** Whether a link-local address is made; default true. */
  linkLocal?: boolean
  /** Routers that are remembered; 1 to 256, default 16. */
  maxRouters?: number
  /** Their routes, default routes included; 1 to 4,096, default 64. */
  maxRoutes?: number
  /** Prefixes on the link; 1 to 4,096, default 32. */
  maxPrefixes?: number
  /** Addresses made from prefixes of routers, as max_addresses of Linux; 1 to 256, default 16. */
  maxAddresses?: number
  /** Destinations that redirects are remembered for; 1 to 65,536, default 256. */
  maxRedirects?: number
  log?: Log
}

function checkedLimits(given: NeighborDiscoveryOptions) {
  return {
    cacheSize: integerInRange('cacheSize', given.cacheSize ?? 512, 8, 65_536),
    detectionTransmits: integerInRange('detectionTransmits', given.detectionTransmits ?? 1, 0, 16),
    maxRouters: integerInRange('maxRouters', given.maxRouters ?? 16, 1, 256),
    maxRoutes: integerInRange('maxRoutes', given.maxRoutes ?? 64, 1, 4096),
    maxPrefixes: integerInRange('maxPrefixes', given.maxPrefixes ?? 32, 1, 4096),
    maxAddresses: integerInRange('maxAddresses', given.maxAddresses ?? 16, 1, 256),
    maxRedirects: integerInRange('maxRedirects', given.maxRedirects ?? 256, 1, 65_536),
  }
}

/**
 * Neighbour discovery of a host: RFC 4861, with address autoconfiguration (RFC 4862). Takes the ICMPv6 messages 133 to 137,
 * resolves next hops, keeps our addresses and says where packets go first.
 */
export class NeighborDiscovery
  implements
    ControlHandler,
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

  readonly #link: Ipv6Link
  readonly #host: NeighborDiscoveryHost
  readonly #log: Log
  readonly #cache: NeighborCache
  readonly #addresses: InterfaceAddresses
  readonly #redirects: Redirects
  readonly #solicitation: RouterSolicitation
  readonly #sender: MessageSender
  readonly #advertisementLimit: AdvertisementLimit
  readonly #acceptsRouters: boolean
  readonly #wantsLinkLocal: boolean
  #routerRole: RouterRole | null = null
  #started = false
  #nextConflictLog: Microseconds = 0

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
    this.#advertisementLimit = new AdvertisementLimit(link.clock)
    this.#acceptsRouters = given.acceptRouterAdvertisements ?? true
    this.#wantsLinkLocal = given.linkLocal ?? true
    for (const type of Object.values(wire.MessageType)) link.addControlHandler(type, this)
  }

  /** Makes the link-local address (RFC 4862, 5.3) and asks for routers. */
  start(): void {
    this.#started = true
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
    this.#routerRole = role
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

  // Messages.

  receiveControl(packet: PacketBuffer, type: number): void {
    switch (type) {
      case wire.MessageType.RouterSolicitation:
        this.#routerSolicitation(packet)
        break
      case wire.MessageType.RouterAdvertisement:
        this.#routerAdvertisement(packet)
        break
      case wire.MessageType.NeighborSolicitation:
        this.#neighborSolicitation(packet)
        break
      case wire.MessageType.NeighborAdvertisement:
        this.#neighborAdvertisement(packet)
        break
      case wire.MessageType.Redirect:
        this.#redirect(packet)
        break
    }
  }

  #accepts(reason: wire.InvalidReason | null): boolean {
    if (reason === null) return true
    this.counters[reason]++
    return false
  }

  /** RFC 4861, 6.2.6: hosts drop them. */
  #routerSolicitation(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRouterSolicitation(packet))) return
    if (this.#routerRole === null) {
      this.counters.routerSolicitationsIgnored++
      return
    }
    const mac = this.#linkLayerOption(packet, wire.ROUTER_SOLICITATION_LENGTH, options.OptionType.SourceLinkLayer)
    if (mac !== null && !this.#isOwn(wire.source(packet))) this.#cache.learnUnasked(wire.source(packet), mac)
    this.#routerRole.routerSolicited()
  }

  #routerAdvertisement(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRouterAdvertisement(packet))) return
    this.counters.routerAdvertisementsReceived++
    const router = wire.source(packet)
    if (!this.#acceptsRouters || !this.#started) {
      this.counters.routerAdvertisementsIgnored++
      return
    }
    if (this.#isOwn(router)) {
      this.counters.loopedBack++
      return
    }
    if (!this.#advertisementLimit.take(this.routers.has(router))) {
      this.counters.routerAdvertisementsRateLimited++
      return
    }
    // RFC 4861, 6.3.4: who advertises is a router, whether it names its link-layer address or not.
    const mac = this.#linkLayerOption(packet, wire.ROUTER_ADVERTISEMENT_LENGTH, options.OptionType.SourceLinkLayer)
    const neighbor = mac === null ? this.#cache.find(router) : this.#cache.learnUnasked(router, mac)
    if (neighbor !== null) neighbor.isRouter = true
    // RFC 7559, 2.1: only a default router ends the search.
    if (wire.routerLifetime(packet) > 0) this.#solicitation.stop()
    processRouterAdvertisement(packet, this)
  }

  #neighborSolicitation(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidNeighborSolicitation(packet))) return
    this.counters.neighborSolicitationsReceived++
    const own = this.#addresses.find(wire.target(packet))
    if (own === null || own.state === AddressState.Duplicate) {
      this.counters.targetNotOurs++
      return
    }
    if (wire.sourceIsUnspecified(packet)) {
      if (own.isTentative) this.#alsoDetecting(packet, own)
      // RFC 4861, 7.2.4: somebody checks an address that we have.
      else this.#sender.answer(own, null, null)
      return
    }
    // RFC 4862, 5.4.3: a tentative address answers nobody.
    if (!own.isUsable) {
      this.counters.targetNotOurs++
      return
    }
    const source = wire.source(packet)
    if (this.#isOwn(source)) {
      this.counters.loopedBack++
      return
    }
    // RFC 4861, 7.2.3.
    const mac = this.#linkLayerOption(packet, wire.NEIGHBOR_LENGTH, options.OptionType.SourceLinkLayer)
    if (mac !== null) this.#cache.learnUnasked(source, mac)
    this.#sender.answer(own, source, mac)
  }

  /** RFC 4862, 5.4.3: somebody else checks the address that we check; or it is our own message (RFC 7527, 4.2). */
  #alsoDetecting(packet: PacketBuffer, own: InterfaceAddress): void {
    const { bytes } = packet.memory
    const nonce = options.findOption(bytes, packet.start + wire.NEIGHBOR_LENGTH, packet.end, options.OptionType.Nonce)
    if (
      nonce !== 0 &&
      bytes[nonce + 1] === 1 &&
      own.detection?.isOwn(options.nonceHigh(bytes, nonce), options.nonceLow(bytes, nonce)) === true
    ) {
      this.counters.loopedBack++
      own.detection.noteLoopedBack()
      return
    }
    this.#addresses.fail(own)
  }

  #neighborAdvertisement(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidNeighborAdvertisement(packet))) return
    this.counters.neighborAdvertisementsReceived++
    const target = wire.target(packet)
    const { bytes } = packet.memory
    const start = packet.start + wire.NEIGHBOR_LENGTH
    const at = options.findOption(bytes, start, packet.end, options.OptionType.TargetLinkLayer)
    const mac = this.#readLinkLayer(bytes, at)
    // An address that cannot be a station's spoils the whole message.
    if (at !== 0 && mac === null) return
    const own = this.#addresses.find(target)
    if (own !== null) {
      this.#claimed(own, mac)
      return
    }
    const flags = wire.advertisementFlags(packet)
    this.#cache.advertised(
      target,
      mac,
      (flags & wire.AdvertisementFlag.Router) !== 0,
      (flags & wire.AdvertisementFlag.Solicited) !== 0,
      (flags & wire.AdvertisementFlag.Override) !== 0,
    )
  }

  /** Somebody advertises an address of ours, RFC 4862, 5.4.4. */
  #claimed(own: InterfaceAddress, mac: MacAddress | null): void {
    if (mac?.equals(this.#link.mac)) {
      this.counters.loopedBack++
      return
    }
    if (own.isTentative) {
      this.#addresses.fail(own)
      return
    }
    if (own.state === AddressState.Duplicate) return
    this.counters.conflicts++
    const now = this.clock.now()
    if (now < this.#nextConflictLog) return
    this.#nextConflictLog = now + CONFLICT_LOG_INTERVAL
    this.#log.warn('another station uses our address', { address: `${own.address}`, mac: mac?.toString() })
  }

  #redirect(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRedirect(packet))) return
    this.counters.redirectsReceived++
    const destination = wire.redirectDestination(packet)
    const target = wire.target(packet)
    // RFC 4861, 8.1: only the present first hop may redirect.
    if (this.#host.firstHop(destination)?.equals(wire.source(packet)) !== true) {
      this.counters.redirectNotFromFirstHop++
      return
    }
    if (this.#isOwn(target)) {
      this.counters.invalidTarget++
      return
    }
    // RFC 4861, 8.3.
    const mac = this.#linkLayerOption(packet, wire.REDIRECT_LENGTH, options.OptionType.TargetLinkLayer)
    const neighbor = mac === null ? this.#cache.find(target) : this.#cache.learnUnasked(target, mac)
    if (neighbor !== null && !target.equals(destination)) neighbor.isRouter = true
    if (this.#log.debugEnabled) {
      this.#log.debug('a router redirects', { destination: `${destination}`, firstHop: `${target}` })
    }
    this.#redirects.learn(destination, target)
    this.#host.routesChanged()
  }

  #linkLayerOption(packet: PacketBuffer, fixedLength: number, type: number): MacAddress | null {
    const { bytes } = packet.memory
    return this.#readLinkLayer(bytes, options.findOption(bytes, packet.start + fixedLength, packet.end, type))
  }

  /** @param at of the option, or 0 */
  #readLinkLayer(bytes: Uint8Array, at: number): MacAddress | null {
    if (at === 0) return null
    const mac = options.isWellFormed(bytes, at) ? options.linkLayer(bytes, at) : null
    if (mac === null) this.counters.invalidLinkLayer++
    return mac
  }

  #isOwn(address: IpAddress): boolean {
    return this.#addresses.find(address)?.isUsable === true
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
