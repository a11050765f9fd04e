/** One host on a virtual network: everything from the frame to TCP, nothing from the operating system. */
import { Arp } from '../../src/arp/index.ts'
import type { Random, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp } from '../../src/icmp/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import type { VirtualNetif, VirtualNetwork, VirtualPortOptions } from '../../src/netif/index.ts'
import { Tcp, type TcpSettings } from '../../src/tcp/index.ts'

export class VirtualHost {
  readonly port: VirtualNetif
  readonly ethernet: Ethernet
  readonly arp: Arp
  readonly ipv4: Ipv4
  readonly icmp: Icmp
  readonly tcp: Tcp

  constructor(
    network: VirtualNetwork,
    clock: VirtualClock,
    random: Random,
    cidr: string,
    link: VirtualPortOptions = {},
    settings: Partial<TcpSettings> = {},
  ) {
    this.port = network.port(link)
    this.ethernet = new Ethernet(this.port)
    this.arp = new Arp(this.ethernet, clock, random)
    this.ipv4 = new Ipv4(this.ethernet, this.arp, { cidr, clock, random })
    this.icmp = new Icmp(this.ipv4, { clock, random })
    this.tcp = new Tcp([this.ipv4], { clock, random, settings })
  }
}
