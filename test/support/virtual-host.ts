/** One host on a virtual network: everything from the frame to TCP, nothing from the operating system. */
import { Arp } from '../../src/arp/index.ts'
import type { Random, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp, Icmpv6 } from '../../src/icmp/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { Ipv6, Ipv6Host } from '../../src/ipv6/index.ts'
import type { VirtualNetif, VirtualNetwork, VirtualPortOptions } from '../../src/netif/index.ts'
import { Tcp, type TcpSettings } from '../../src/tcp/index.ts'

export class VirtualHost {
  readonly port: VirtualNetif
  readonly ethernet: Ethernet
  readonly arp: Arp
  readonly ipv4: Ipv4
  readonly icmp: Icmp
  /** Null unless it was made with an address of it. */
  readonly ipv6: Ipv6Host | null
  readonly icmpv6: Icmpv6 | null
  readonly tcp: Tcp

  constructor(
    network: VirtualNetwork,
    clock: VirtualClock,
    random: Random,
    cidr: string,
    link: VirtualPortOptions = {},
    settings: Partial<TcpSettings> = {},
    cidr6: string | null = null,
  ) {
    this.port = network.port(link)
    this.ethernet = new Ethernet(this.port)
    this.arp = new Arp(this.ethernet, clock, random)
    this.ipv4 = new Ipv4(this.ethernet, this.arp, { cidr, clock, random })
    this.icmp = new Icmp(this.ipv4, { clock, random })
    const six = cidr6 === null ? null : new Ipv6(this.ethernet, { clock, random })
    // Nobody else is there, so that an address needs no second of waiting.
    this.ipv6 = six === null || cidr6 === null ? null : new Ipv6Host(six, { cidr: cidr6, detectionTransmits: 0 })
    this.icmpv6 = six === null ? null : new Icmpv6(six, { clock, random })
    this.tcp = new Tcp(six === null ? [this.ipv4] : [this.ipv4, six], { clock, random, settings })
    this.ipv6?.start()
  }
}
