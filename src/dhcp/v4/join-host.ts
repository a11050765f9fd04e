import type { MacAddress } from '../../address/index.ts'
import type { Arp } from '../../arp/index.ts'
import type { Clock, Random } from '../../clock/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import type { Log } from '../../log/index.ts'
import type { Udp } from '../../udp/index.ts'
import { ownDuid } from '../v6/duid.ts'
import { DuidFile } from '../v6/duid-file.ts'
import { clientIdFromDuid, clientIdFromMac } from './client-identifier.ts'
import { Dhcpv4Configurator } from './configurator.ts'
import { checkedDhcpv4Settings, type Dhcpv4Settings } from './configurator-settings.ts'
import { LeaseFile } from './lease-file.ts'
import { UdpDhcpv4Transport } from './udp-transport.ts'

export interface Dhcpv4HostOptions {
  ipv4: Ipv4
  arp: Arp
  udp: Udp
  clock: Clock
  random: Random
  mac: MacAddress
  settings?: Dhcpv4Settings | undefined
  /** Hands out what was sent, unless a burst is under way, whose end does. */
  flush?: (() => void) | undefined
  log?: Log | undefined
}

/**
 * DHCPv4 for a host, which begins as soon as it is started.
 * @throws TypeError or RangeError for a setting; TypeError for a DUID file with something else in it; the errors of the file
 *   system for that file
 */
export async function newDhcpv4(options: Dhcpv4HostOptions): Promise<Dhcpv4Configurator> {
  const { ipv4, arp, udp, clock, random, mac, log } = options
  const settings = checkedDhcpv4Settings(options.settings ?? {})
  return new Dhcpv4Configurator({
    ipv4,
    arp,
    transport: new UdpDhcpv4Transport(ipv4, udp, options.flush),
    clock,
    random,
    mac,
    clientId: await clientIdOf(settings, mac, clock),
    store: settings.leaseFile === null ? null : new LeaseFile(settings.leaseFile),
    settings: options.settings,
    log,
  })
}

/** RFC 4361: the same DUID, and the same number of the interface, as in DHCPv6. */
async function clientIdOf(
  { clientId, duidFile }: { clientId: 'duid' | 'mac' | 'none'; duidFile: string | null },
  mac: MacAddress,
  clock: Clock,
): Promise<Uint8Array | null> {
  if (clientId === 'none') return null
  if (clientId === 'mac') return clientIdFromMac(mac)
  const duid = await ownDuid(mac, clock, duidFile === null ? null : new DuidFile(duidFile))
  return clientIdFromDuid(mac.low >>> 0, duid)
}
