import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { Arp, type ArpOptions } from '../../src/arp/index.ts'
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp, type IcmpOptions } from '../../src/icmp/index.ts'
import { Ipv4, type Ipv4Options } from '../../src/ipv4/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { Udp } from '../../src/udp/index.ts'
import { between } from './frames.ts'
import { TestNetif } from './test-netif.ts'

export const OUR_MAC = '02:00:00:00:00:02'
export const OUR_ADDRESS = '10.0.0.2'
export const PEER_MAC = '02:00:00:00:00:01'
export const PEER_ADDRESS = '10.0.0.1'

export interface TestHostOptions {
  mtu?: number
  arp?: ArpOptions
  ipv4?: Partial<Ipv4Options>
  icmp?: Partial<IcmpOptions>
  /** Whether the peer's MAC address is entered as a static neighbour, so that ARP is silent; default true. */
  knowsPeer?: boolean
  seed?: number
  /** Default no offload. */
  offload?: boolean
}

/** 10.0.0.2/24 from Ethernet to UDP, in virtual time, with its wire in the test's hand and a peer at 10.0.0.1. */
export class TestHost {
  readonly clock = new VirtualClock()
  readonly memory = new PacketMemory({ smallSlots: 2048, largeSlots: 16, debug: true })
  readonly random: SeededRandom
  readonly netif: TestNetif
  readonly ethernet: Ethernet
  readonly arp: Arp
  readonly ipv4: Ipv4
  readonly icmp: Icmp
  readonly udp: Udp
  /** Frames from the peer to us. */
  readonly fromPeer = between({ mac: PEER_MAC, address: PEER_ADDRESS }, { mac: OUR_MAC, address: OUR_ADDRESS })

  constructor(options: TestHostOptions = {}) {
    const { clock } = this
    const random = new SeededRandom(options.seed ?? 1)
    this.random = random
    this.netif = new TestNetif(this.memory, {
      mac: OUR_MAC,
      mtu: options.mtu ?? 1500,
      offload: options.offload ?? false,
    })
    this.ethernet = new Ethernet(this.netif)
    this.arp = new Arp(this.ethernet, clock, random, { announce: false, ...options.arp })
    this.ipv4 = new Ipv4(this.ethernet, this.arp, {
      cidr: `${OUR_ADDRESS}/24`,
      gateway: PEER_ADDRESS,
      clock,
      random,
      ...options.ipv4,
    })
    this.icmp = new Icmp(this.ipv4, { clock, random, ...options.icmp })
    this.udp = new Udp([this.ipv4], random)
    if (options.knowsPeer ?? true) {
      this.arp.addStatic(IpAddress.parse(PEER_ADDRESS).word3, MacAddress.parse(PEER_MAC))
    }
  }

  /** Frames arrive in one burst. @returns what was sent meanwhile */
  receive(...frames: Uint8Array[]): Uint8Array[] {
    this.netif.receive(...frames)
    return this.netif.takeFrames()
  }

  /** Lets time pass. @returns what was sent meanwhile */
  advance(microseconds: number): Uint8Array[] {
    this.clock.advance(microseconds)
    return this.netif.takeFrames()
  }

  /** Throws unless all packet memory is free again. */
  expectNoLeaks(): void {
    if (this.memory.inUse > 0) throw new Error(`${this.memory.inUse} packets leak, made\n${this.memory.leaks()[0]}`)
  }
}
