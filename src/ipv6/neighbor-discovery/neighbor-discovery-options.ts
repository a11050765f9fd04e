import { integerInRange } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import type { TemporaryAddressSettings } from '../temporary-addresses.ts'
import type { FormAddress } from './interface-addresses.ts'

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

/**
 * The bounds of its tables, defaults filled in.
 * @throws RangeError naming the option that is out of its range
 */
export function checkedLimits(given: NeighborDiscoveryOptions) {
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
