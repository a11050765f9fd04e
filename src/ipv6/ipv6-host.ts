import { IpAddress, IpPrefix } from '../address/index.ts'
import type { FilterMode, GroupMembership } from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import { type PolicyEntry, PolicyTable } from './address-policy.ts'
import { selectSource } from './address-selection.ts'
import { isLinkLocal } from './addresses.ts'
import { GroupListening } from './group-listening.ts'
import { appendIdentifier, eui64Identifier, SECRET_LENGTH, stableAddress } from './interface-identifier.ts'
import type { Ipv6 } from './ipv6.ts'
import type { OwnAddress } from './local-addresses.ts'
import { MulticastListener, type MulticastListenerOptions } from './multicast-listener.ts'
import {
  AddressState,
  type FormAddress,
  type InterfaceAddress,
  NeighborDiscovery,
  type NeighborDiscoveryHost,
  type NeighborDiscoveryOptions,
} from './neighbor-discovery/index.ts'
import { OTHER_END } from './neighbor-resolver.ts'
import type { SourceSelector } from './source-selection.ts'

/** How identifiers of addresses that nobody typed are made: RFC 7217, or RFC 4291, appendix A. */
export type IdentifierKind = 'stable' | 'eui64'

/** What `new Ipv6Host` takes: addresses, and how more are made. */
export interface Ipv6HostOptions extends Omit<NeighborDiscoveryOptions, 'formAddress'> {
  /** Own address and its network, `fd00::2/64`, which is checked for duplicates before it is used. */
  cidr?: string
  /** Default gateway, on that network or link-local; it counts before those that routers advertise. */
  gateway?: string
  /** Default `stable`: the same in each network each time, and telling nothing of the MAC address. */
  identifiers?: IdentifierKind
  /** 16 bytes that make stable identifiers the same in the next run; default random, for this run only. RFC 7217. */
  stableSecret?: Uint8Array
  /** What tells our interfaces apart, for stable identifiers; default the MAC address. */
  interfaceName?: string
  /** The policy table of address selection, RFC 6724, section 2.1; default that of the RFC. */
  addressPolicy?: readonly PolicyEntry[]
  /** Stable addresses before temporary ones as sources, RFC 5014; default false. */
  preferStable?: boolean
  multicast?: Omit<MulticastListenerOptions, 'log'>
  /** Of neighbour discovery, which has a source of its own; default `log`. */
  discoveryLog?: Log
}

/** What became of an address: RFC 4862, section 2. `dadFailed`: somebody else has it, and nothing takes its place. */
export type AddressEventType = 'added' | 'removed' | 'preferred' | 'deprecated' | 'dadFailed'

/** `address` is null for one that was added to `Ipv6` by hand. */
export type Ipv6AddressHandler = (type: AddressEventType, prefix: IpPrefix, address: InterfaceAddress | null) => void

/**
 * An IPv6 host on one link: the internet layer with neighbour discovery, address autoconfiguration, the routes that routers
 * advertise, source address selection and multicast listening (RFC 8504, sections 5 and 6). Begins with `start`.
 */
export class Ipv6Host implements NeighborDiscoveryHost, SourceSelector {
  readonly ipv6: Ipv6
  readonly discovery: NeighborDiscovery
  readonly multicast: MulticastListener
  /** Of address selection; also for who sorts destinations (RFC 6724, section 6). */
  readonly policy: PolicyTable
  readonly #static: IpPrefix | null
  readonly #gateway: IpAddress | null
  readonly #preferPublic: boolean
  readonly #memberships = new Map<string, GroupMembership>()
  readonly #addressHandlers: Ipv6AddressHandler[] = []
  readonly #configurationHandlers: (() => void)[] = []
  readonly #log: Log
  #closed = false

  /** @throws TypeError or RangeError naming the option that is wrong */
  constructor(ipv6: Ipv6, options: Ipv6HostOptions = {}) {
    const { cidr, gateway, addressPolicy, multicast } = options
    this.ipv6 = ipv6
    this.#log = options.log ?? SILENT
    this.#static = cidr === undefined ? null : hostPrefix(cidr)
    this.#gateway = gateway === undefined ? null : routerAddress(gateway, this.#static)
    this.#preferPublic = options.preferStable ?? false
    this.policy = addressPolicy === undefined ? PolicyTable.DEFAULT : new PolicyTable(addressPolicy)
    // RFC 4862, section 5.4: by accident nobody has the same address on a link from point to point, and nobody answers there; Linux
    // does not ask either (IFF_NOARP).
    const { detectionTransmits = ipv6.hasLinkLayer ? 1 : 0 } = options
    this.discovery = new NeighborDiscovery(ipv6, this, {
      ...options,
      detectionTransmits,
      log: options.discoveryLog ?? this.#log,
      formAddress: formAddress(ipv6, options),
    })
    this.multicast = new MulticastListener(ipv6, () => this.linkLocal ?? IpAddress.ANY_V6, {
      ...multicast,
      log: this.#log,
    })
    ipv6.groupSources = this.multicast
    ipv6.setNeighborResolver(ipv6.hasLinkLayer ? this.discovery : OTHER_END)
    ipv6.setRouteDiscovery(this.discovery)
    ipv6.setSourceSelector(this)
    ipv6.onGroup((type, group) => this.#groupChanged(type, group))
    ipv6.onAddress((type, prefix) => this.#tell(type, prefix))
  }

  /** Our addresses with their states, tentative and duplicate ones included. */
  get addresses(): readonly InterfaceAddress[] {
    return this.discovery.addresses
  }

  /** A link-local address of ours that is no longer tentative. */
  get linkLocal(): IpAddress | null {
    return this.addresses.find((own) => own.isAssigned && isLinkLocal(own.address))?.address ?? null
  }

  /** Whether an address that a person gave is still being checked. */
  get isChecking(): boolean {
    return this.addresses.some((own) => own.origin === 'static' && own.isTentative)
  }

  onAddress(handler: Ipv6AddressHandler): void {
    this.#addressHandlers.push(handler)
  }

  /** Runs whenever something in `discovery.configuration` is another: DNS servers, the flags for DHCPv6, and so on. */
  onConfiguration(handler: () => void): void {
    this.#configurationHandlers.push(handler)
  }

  /**
   * Listens to a group for one socket.
   * @param mode and `sources`: which sources
   * @throws SystemError EINVAL for what is not an IPv6 multicast address, ENOBUFS for too many groups or sources
   */
  join(group: IpAddress, mode: FilterMode, sources: Iterable<IpAddress>): GroupMembership {
    return new GroupListening(this.ipv6, this.multicast.join(group, mode, sources))
  }

  /** Makes the link-local address, checks the one that was given, and asks for routers. */
  start(): void {
    if (this.#gateway !== null && isLinkLocal(this.#gateway)) this.ipv6.setGateway(this.#gateway)
    if (this.#static !== null) this.discovery.addAddress(this.#static.address, this.#static.length)
    this.discovery.start()
  }

  /** Stops all timers and forgets neighbours, routers and addresses; nobody is told. */
  close(): void {
    this.#closed = true
    this.discovery.close()
    this.multicast.close()
    this.ipv6.close()
  }

  /** RFC 6724, section 5. */
  selectSource(destination: IpAddress, candidates: readonly OwnAddress[], nextHop: IpAddress): OwnAddress {
    const { policy, discovery } = this
    const { advertisers } = discovery
    // Rule 5.5: what the next hop advertises is marked as its own.
    const marked = candidates.map((own) => (advertisers.has(nextHop, own.address) ? { ...own, nextHop } : own))
    return selectSource(marked, destination, { policy, preferPublic: this.#preferPublic, nextHop }) ?? candidates[0]
  }

  /** The interface has another MAC address: neighbours hear of it, RFC 4861, section 7.2.6. */
  linkLayerChanged(): void {
    this.discovery.linkLayerChanged()
  }

  /**
   * The interface may be on another link now: routers are asked anew (RFC 4861, section 6.3.7) and switches hear of our groups. As
   * with Linux, addresses stay and are not checked again.
   */
  linkChanged(): void {
    this.discovery.linkChanged()
    this.multicast.sourceChanged()
  }

  // For neighbour discovery.

  addressChanged(address: InterfaceAddress): void {
    if (this.#closed) return
    const { ipv6 } = this
    if (!address.isUsable) {
      ipv6.removeAddress(address.address)
      return
    }
    const prefix = new IpPrefix(address.address, address.prefixLength)
    const before = ipv6.ownAddresses.find((own) => own.address.equals(address.address))
    ipv6.addAddress(prefix, {
      // What a person says of the network holds; what routers say of it stands in the prefix list (RFC 5942).
      onLink: address.origin === 'static',
      deprecated: address.state === AddressState.Deprecated,
      temporary: address.origin === 'temporary',
      optimistic: address.state === AddressState.Optimistic,
    })
    if (address.origin === 'static') this.#useGateway()
    // RFC 3590: routers take reports only from a link-local address.
    if (isLinkLocal(address.address) && address.isAssigned) this.multicast.sourceChanged()
    if (before !== undefined && address.isAssigned) {
      this.#tell(address.state === AddressState.Deprecated ? 'deprecated' : 'preferred', prefix)
    }
  }

  addressIsDuplicate(address: InterfaceAddress): void {
    if (!this.#closed) this.#tell('dadFailed', new IpPrefix(address.address, address.prefixLength))
  }

  joinGroup(group: IpAddress): void {
    if (!this.#closed) this.ipv6.joinGroup(group)
  }

  leaveGroup(group: IpAddress): void {
    if (!this.#closed) this.ipv6.leaveGroup(group)
  }

  routesChanged(): void {
    if (!this.#closed) this.ipv6.routesChanged()
  }

  firstHop(destination: IpAddress): IpAddress | null {
    return this.ipv6.nextHop(destination)
  }

  parametersChanged(): void {
    const { hopLimit, mtu } = this.discovery.parameters
    this.ipv6.setHopLimit(hopLimit)
    this.ipv6.setMtu(mtu)
  }

  configurationChanged(): void {
    if (!this.#closed) for (const handler of this.#configurationHandlers) handler()
  }

  /** The gateway is on the link only once the address is ours. */
  #useGateway(): void {
    const gateway = this.#gateway
    if (gateway === null || this.ipv6.routes.some((route) => route.gateway?.equals(gateway))) return
    this.ipv6.setGateway(gateway)
  }

  #groupChanged(type: 'joined' | 'left', group: IpAddress): void {
    const name = group.toString()
    if (type === 'joined') this.#memberships.set(name, this.multicast.join(group))
    else {
      this.#memberships.get(name)?.leave()
      this.#memberships.delete(name)
    }
  }

  #tell(type: AddressEventType, prefix: IpPrefix): void {
    const own = this.addresses.find(({ address }) => address.equals(prefix.address)) ?? null
    for (const handler of this.#addressHandlers) handler(type, prefix, own)
  }
}

function formAddress(ipv6: Ipv6, options: Ipv6HostOptions): FormAddress {
  const { mac, random } = ipv6
  const kind = options.identifiers ?? 'stable'
  if (kind === 'eui64') return (prefix) => appendIdentifier(prefix, eui64Identifier(ipv6.mac))
  if (kind !== 'stable') throw new TypeError(`identifiers are stable or eui64, not ${JSON.stringify(kind)}`)
  const secret = options.stableSecret ?? randomSecret(random)
  if (!(secret instanceof Uint8Array) || secret.length !== SECRET_LENGTH) {
    throw new RangeError(`stableSecret is a Uint8Array of ${SECRET_LENGTH} bytes`)
  }
  const networkInterface = options.interfaceName ?? mac.toString()
  return (prefix, attempt) => {
    const input = { secret, networkInterface, prefix }
    let made = stableAddress(input, 0)
    for (let i = 0; i < attempt; i++) made = stableAddress(input, made.dadCounter + 1)
    return made.address
  }
}

function randomSecret(random: { int32(): number }): Uint8Array {
  return new Uint8Array(Int32Array.from({ length: SECRET_LENGTH / 4 }, () => random.int32()).buffer)
}

function hostPrefix(text: string): IpPrefix {
  const prefix = IpPrefix.parse(text)
  const { address } = prefix
  if (prefix.family !== 6 || address.isMulticast || address.isUnspecified || address.isLoopback) {
    throw new TypeError(`ipv6 is an IPv6 address of a host with a prefix length, not ${text}`)
  }
  return prefix
}

function routerAddress(text: string, own: IpPrefix | null): IpAddress {
  const address = IpAddress.parse(text)
  const isOnLink = isLinkLocal(address) || own?.contains(address) === true
  if (address.family !== 6 || !isOnLink || own?.address.equals(address)) {
    throw new RangeError(`the gateway ${address} is no other host on our link`)
  }
  return address
}
