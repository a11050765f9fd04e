import { IpAddress, IpPrefix } from '../../address/index.ts'
import { type Clock, SECOND } from '../../clock/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { isLinkLocal } from '../addresses.ts'
import type { AddressAutoconfiguration } from './address-autoconfiguration.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { endOfLifetime } from './lifetime.ts'
import type { NetworkConfiguration } from './network-configuration.ts'
import * as options from './options.ts'
import type { LinkParameters } from './parameters.ts'
import type { PrefixAdvertisers } from './prefix-advertisers.ts'
import type { PrefixList } from './prefix-list.ts'
import type { RouterList } from './router-list.ts'
import type { TemporaryAutoconfiguration } from './temporary-autoconfiguration.ts'
import * as wire from './wire.ts'

const DEFAULT_ROUTE = new IpPrefix(IpAddress.ANY_V6, 0)

/** What a router advertisement is taken apart into. */
export interface RouterAdvertisementContext {
  readonly clock: Clock
  readonly counters: NeighborDiscoveryCounters
  readonly parameters: LinkParameters
  readonly routers: RouterList
  readonly prefixes: PrefixList
  readonly advertisers: PrefixAdvertisers
  readonly configuration: NetworkConfiguration
  /** Null where prefixes are not to make addresses. */
  readonly autoconfiguration: AddressAutoconfiguration | null
  /** Null where there are to be no temporary addresses. */
  readonly temporary: TemporaryAutoconfiguration | null
  parametersChanged(): void
  routesChanged(): void
}

/** Takes in a valid router advertisement, RFC 4861, section 6.3.4; the sender's link-layer address is somebody else's. */
export function processRouterAdvertisement(packet: PacketBuffer, context: RouterAdvertisementContext): void {
  const { clock, counters, parameters, routers, configuration } = context
  const { bytes } = packet.memory
  const router = wire.source(packet)
  const { hopLimit, mtu } = parameters

  parameters.learn(wire.currentHopLimit(packet), wire.reachableTime(packet), wire.retransTimer(packet))
  configuration.learnFlags(wire.isManaged(packet), wire.hasOtherConfiguration(packet))
  const until = clock.now() + wire.routerLifetime(packet) * SECOND
  routers.learn(router, DEFAULT_ROUTE, wire.routerPreference(packet), until)

  for (let at = packet.start + wire.ROUTER_ADVERTISEMENT_LENGTH; at < packet.end; at += bytes[at + 1] << 3) {
    if (!options.isWellFormed(bytes, at) || !processOption(bytes, at, router, context)) counters.optionsIgnored++
  }
  configuration.commit()
  if (parameters.hopLimit !== hopLimit || parameters.mtu !== mtu) context.parametersChanged()
}

/** @returns false for an option that makes no sense */
function processOption(bytes: Uint8Array, at: number, router: IpAddress, context: RouterAdvertisementContext): boolean {
  switch (bytes[at]) {
    case options.OptionType.PrefixInformation:
      return processPrefix(bytes, at, router, context)
    case options.OptionType.Mtu:
      return context.parameters.learnMtu(options.mtu(bytes, at))
    case options.OptionType.RouteInformation:
      return processRoute(bytes, at, router, context)
    case options.OptionType.RecursiveDnsServers:
      return context.configuration.learnDnsServers(bytes, at)
    case options.OptionType.DnsSearchList:
      return context.configuration.learnSearchList(bytes, at)
    case options.OptionType.CaptivePortal:
      return context.configuration.learnCaptivePortal(bytes, at)
    case options.OptionType.Nat64Prefix:
      return context.configuration.learnNat64Prefix(bytes, at)
    default:
      // RFC 4861, 4.6: what we do not know is skipped.
      return true
  }
}

function processPrefix(bytes: Uint8Array, at: number, router: IpAddress, context: RouterAdvertisementContext): boolean {
  const prefix = options.prefix(bytes, at)
  // RFC 4861, 6.3.4: the link-local prefix is ours already. A prefix of everything would do away with the routers.
  if (prefix === null || prefix.length === 0 || prefix.address.isMulticast || isLinkLocal(prefix.address)) return false
  const valid = options.validLifetime(bytes, at)
  if (options.isOnLink(bytes, at)) context.prefixes.learn(prefix, endOfLifetime(context.clock.now(), valid))
  if (!options.isAutonomous(bytes, at) || context.autoconfiguration === null) return true
  const isNew = context.routers.has(router) && context.advertisers.learn(prefix, router, valid > 0)
  if (isNew) context.routesChanged()
  const makesAddresses = context.autoconfiguration.learn(prefix, options.preferredLifetime(bytes, at), valid)
  if (makesAddresses) context.temporary?.learn(prefix)
  return makesAddresses
}

/** RFC 4191, 2.3: a route with the reserved preference is ignored. `::/0` stands for the default route (3.1). */
function processRoute(bytes: Uint8Array, at: number, router: IpAddress, context: RouterAdvertisementContext): boolean {
  const prefix = options.routePrefix(bytes, at)
  const preference = wire.preferenceBits(options.routeFlags(bytes, at))
  if (prefix === null || preference === null || prefix.address.isMulticast || isLinkLocal(prefix.address)) return false
  context.routers.learn(router, prefix, preference, endOfLifetime(context.clock.now(), options.lifetime(bytes, at)))
  return true
}
