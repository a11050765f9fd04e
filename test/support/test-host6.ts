import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { type IcmpOptions, Icmpv6 } from '../../src/icmp/index.ts'
import { Ipv6, type Ipv6Options } from '../../src/ipv6/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { Udp } from '../../src/udp/index.ts'
import { between } from './frames.ts'
import { StaticNeighbors } from './static-neighbors.ts'
import { TestNetif } from './test-netif.ts'

export const OUR_MAC6 = '02:00:00:00:00:02'
export const OUR_ADDRESS6 = 'fd00::2'
export const PEER_MAC6 = '02:00:00:00:00:01'
export const PEER_ADDRESS6 = 'fd00::1'

export interface TestHost6Options {
  mtu?: number
  ipv6?: Partial<Ipv6Options>
  icmp?: Partial<IcmpOptions>
  seed?: number
  /** Default no offload. */
  offload?: boolean
}

/** fd00::2/64 from Ethernet to UDP, in virtual time, with its wire in the test's hand and a router and peer at fd00::1. */
export class TestHost6 {
  readonly clock = new VirtualClock()
  readonly memory = new PacketMemory({ smallSlots: 2048, largeSlots: 16, debug: true })
  readonly random: SeededRandom
  readonly netif: TestNetif
  readonly ethernet: Ethernet
  readonly ipv6: Ipv6
  readonly neighbors: StaticNeighbors
  readonly icmp: Icmpv6
  readonly udp: Udp
  /** Frames from the peer to us. */
  readonly fromPeer = between({ mac: PEER_MAC6, address: PEER_ADDRESS6 }, { mac: OUR_MAC6, address: OUR_ADDRESS6 })

  constructor(options: TestHost6Options = {}) {
    const { clock } = this
    const random = new SeededRandom(options.seed ?? 1)
    this.random = random
    const { mtu = 1500, offload = false } = options
    this.netif = new TestNetif(this.memory, { mac: OUR_MAC6, mtu, offload })
    this.ethernet = new Ethernet(this.netif)
    const { cidr = `${OUR_ADDRESS6}/64`, gateway = PEER_ADDRESS6 } = options.ipv6 ?? {}
    this.ipv6 = new Ipv6(this.ethernet, { clock, random, ...options.ipv6, cidr, gateway })
    this.neighbors = new StaticNeighbors(this.ipv6)
    this.neighbors.add(PEER_ADDRESS6, PEER_MAC6)
    this.ipv6.setNeighborResolver(this.neighbors)
    this.icmp = new Icmpv6(this.ipv6, { clock, random, ...options.icmp })
    this.udp = new Udp([this.ipv6], random)
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
