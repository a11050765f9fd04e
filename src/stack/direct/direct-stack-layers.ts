import type { Arp } from '../../arp/index.ts'
import type { Clock, Random } from '../../clock/index.ts'
import type { Dhcpv4Configurator, Dhcpv6Configurator } from '../../dhcp/index.ts'
import type { HappyEyeballsSettings } from '../../dns/index.ts'
import type { Ethernet } from '../../ethernet/index.ts'
import type { Icmp, Icmpv6 } from '../../icmp/index.ts'
import type { Igmp, Ipv4 } from '../../ipv4/index.ts'
import type { Ipv6Host } from '../../ipv6/index.ts'
import type { LogFactory } from '../../log/index.ts'
import type { Netif } from '../../netif/index.ts'
import type { Tcp } from '../../tcp/index.ts'
import type { Udp } from '../../udp/index.ts'
import type { DnsOptions } from '../dns/index.ts'

/** The layers of a stack, as composed by `createStack` or by hand. */
export interface DirectStackLayers {
  netif: Netif
  ethernet: Ethernet
  /** The three of IPv4: all of them or none. */
  arp?: Arp | null
  ipv4?: Ipv4 | null
  icmp?: Icmp | null
  /** With IPv4 only. */
  dhcp?: Dhcpv4Configurator | null
  /** With IPv4 only; without it no IPv4 group can be joined. */
  igmp?: Igmp | null
  /** The two of IPv6: both or none. */
  ipv6?: Ipv6Host | null
  icmpv6?: Icmpv6 | null
  /** With IPv6 only. */
  dhcpv6?: Dhcpv6Configurator | null
  udp: Udp
  tcp: Tcp
  /** Default: that of `tcp`. */
  clock?: Clock
  logs?: LogFactory
  /** How names are resolved. */
  dns?: DnsOptions
  /** How one of several addresses of a name is chosen. */
  happyEyeballs?: Partial<HappyEyeballsSettings>
  /** For what resolving leaves to chance; default: cryptographic. */
  random?: Random
  /** Released last, after the device: captures, a clock of one's own. */
  onClosed?: () => Promise<void> | void
}
