import type { Clock, Random } from '../../clock/index.ts'
import type { Ipv6Host } from '../../ipv6/index.ts'
import type { Log } from '../../log/index.ts'
import type { Udp } from '../../udp/index.ts'
import { Dhcpv6Configurator, linkLocalAddress } from './configurator.ts'
import type { Dhcpv6Settings } from './configurator-settings.ts'
import { newDhcpv6Counters } from './counters.ts'
import { ownDuid } from './duid.ts'
import { DuidFile } from './duid-file.ts'
import { UdpDhcpTransport } from './udp-transport.ts'

/** What `newDhcpv6` takes. */
export interface Dhcpv6HostOptions {
  host: Ipv6Host
  udp: Udp
  clock: Clock
  random: Random
  settings?: Dhcpv6Settings | undefined
  log?: Log | undefined
}

/**
 * DHCPv6 for a host, which follows what its routers say as soon as it is started.
 * @throws TypeError or RangeError for a setting; TypeError for a DUID file with something else in it; the errors of the file
 *   system
 */
export async function newDhcpv6(options: Dhcpv6HostOptions): Promise<Dhcpv6Configurator> {
  const { host, udp, clock, random, settings = {}, log } = options
  const { mac } = host.ipv6
  const store = settings.duidFile === undefined ? null : new DuidFile(settings.duidFile)
  const duid = await ownDuid(mac, clock, store)
  const counters = newDhcpv6Counters()
  const neighborDiscovery = host.discovery
  const linkLocal = () => linkLocalAddress(neighborDiscovery)
  const transport = new UdpDhcpTransport({ udp, linkLocal, counters, log })
  const configurator = new Dhcpv6Configurator({
    neighborDiscovery,
    transport,
    clock,
    random,
    mac,
    duid,
    settings,
    counters,
    log,
  })
  host.onConfiguration(() => configurator.configurationChanged())
  host.onAddress((type, _prefix, own) => {
    if (own === null) return
    if (type === 'dadFailed') configurator.addressIsDuplicate(own)
    else configurator.addressChanged(own)
  })
  return configurator
}
