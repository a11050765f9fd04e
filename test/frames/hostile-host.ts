import { expect } from 'vitest'
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { Arp } from '../../src/arp/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { Icmp, Icmpv6 } from '../../src/icmp/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { Ipv6, Ipv6Host } from '../../src/ipv6/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import { DirectStack } from '../../src/stack/direct/index.ts'
import { Tcp } from '../../src/tcp/index.ts'
import { Udp } from '../../src/udp/index.ts'
import { dissect } from '../support/dissect.ts'
import { between } from '../support/frames.ts'
import { TestNetif } from '../support/test-netif.ts'

export const OURS = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }
export const PEER = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }
export const OURS_6 = { mac: OURS.mac, address: 'fd00::2' }
export const PEER_6 = { mac: PEER.mac, address: 'fd00::1' }
/** By EUI-64. */
export const OURS_LINK_LOCAL = { mac: OURS.mac, address: 'fe80::ff:fe00:2' }
export const PEER_LINK_LOCAL = { mac: PEER.mac, address: 'fe80::1' }
/** The first echoes, the second discards, the third is accepted and never read. */
export const TCP_PORTS = [7, 9, 19] as const
/** The first echoes, the second discards. */
export const UDP_PORTS = [7, 9] as const

/** Small, so that attacks reach them. */
const BOUNDS = {
  arpCache: 32,
  neighbors: 32,
  paths: 64,
  localQueue: 64,
  reassembly: 262_144,
  addresses: 64,
  connections: 500,
  timeWaits: 100,
}

export const send = between(PEER, OURS)
export const send6 = between(PEER_6, OURS_6)

/** A TCP connection from the peer to us, as far as a sender of hostile segments needs to know it. */
export interface HostileFlow {
  readonly port: number
  readonly remotePort: number
  /** What we expect next, and what the peer expects of us: unsigned. */
  expected: number
  acknowledgment: number
}

/**
 * A whole stack in virtual time, from Ethernet to sockets. All packet memory that is free is filled with `poison`: of
 * two hosts that differ in nothing else, what they send differs where bytes of other packets leak into it.
 */
export class HostileHost {
  readonly clock = new VirtualClock()
  readonly memory = new PacketMemory({ smallSlots: 4096, largeSlots: 16, debug: true })
  readonly netif: TestNetif
  readonly arp: Arp
  readonly ipv4: Ipv4
  readonly icmp: Icmp
  readonly ipv6: Ipv6Host
  readonly icmpv6: Icmpv6
  readonly udp: Udp
  readonly tcp: Tcp
  readonly stack: DirectStack
  #pings = 0
  #ports = 20_000

  private constructor(poison: number) {
    const { clock, memory } = this
    memory.bytes.fill(poison)
    const reclaim = memory.reclaim
    memory.reclaim = (packet: PacketBuffer) => {
      memory.bytes.fill(poison, packet.base, packet.limit)
      reclaim.call(memory, packet)
    }
    const random = new SeededRandom(1)
    this.netif = new TestNetif(memory, { mac: OURS.mac })
    const { netif } = this
    const ethernet = new Ethernet(netif)
    const arp = (this.arp = new Arp(ethernet, clock, random, { cacheSize: BOUNDS.arpCache, announce: false }))
    const ipv4 = (this.ipv4 = new Ipv4(ethernet, arp, {
      cidr: `${OURS.address}/24`,
      gateway: PEER.address,
      clock,
      random,
      pathCacheSize: BOUNDS.paths,
      localQueueLimit: BOUNDS.localQueue,
    }))
    const icmp = (this.icmp = new Icmp(ipv4, { clock, random }))
    const six = new Ipv6(ethernet, {
      clock,
      random,
      pathCacheSize: BOUNDS.paths,
      localQueueLimit: BOUNDS.localQueue,
      reassemblyMemory: BOUNDS.reassembly,
    })
    const ipv6 = (this.ipv6 = new Ipv6Host(six, {
      cidr: `${OURS_6.address}/64`,
      gateway: PEER_6.address,
      identifiers: 'eui64',
      temporaryAddresses: true,
      detectionTransmits: 0,
      cacheSize: BOUNDS.neighbors,
    }))
    const icmpv6 = (this.icmpv6 = new Icmpv6(six, { clock, random }))
    const udp = (this.udp = new Udp([ipv4, six], random))
    const tcp = (this.tcp = new Tcp([ipv4, six], {
      clock,
      random,
      settings: { maximumConnections: BOUNDS.connections, maximumTimeWait: BOUNDS.timeWaits, receiveBudget: 4_194_304 },
    }))
    this.stack = new DirectStack({ netif, ethernet, arp, ipv4, icmp, ipv6, icmpv6, udp, tcp, clock })
    // Answers to any stranger go out at once, through the gateway.
    arp.addStatic(IpAddress.parse(PEER.address).word3, MacAddress.parse(PEER.mac))
    ipv6.discovery.addStaticNeighbor(IpAddress.parse(PEER_6.address), MacAddress.parse(PEER_6.mac))
    ipv6.start()
    clock.advance(60 * SECOND)
    netif.takeFrames()
  }

  static async start(poison: number): Promise<HostileHost> {
    const host = new HostileHost(poison)
    const { stack } = host
    const ignore = () => {}
    await stack.listen({ port: TCP_PORTS[0], backlog: 64 }, (flow) => {
      flow.closed.catch(ignore)
      flow.onData(
        (view) => void flow.write(Buffer.from(view)).catch(ignore),
        () => void flow.close().catch(ignore),
      )
    })
    await stack.listen({ port: TCP_PORTS[1], backlog: 64 }, (flow) => {
      flow.closed.catch(ignore)
      flow.onData(ignore)
    })
    await stack.listen({ port: TCP_PORTS[2], backlog: 64 }, (flow) => void flow.closed.catch(ignore))
    const echo = await stack.udp({ port: UDP_PORTS[0] })
    echo.onDatagram((data, from) => {
      try {
        echo.send(data, from)
      } catch {
        // Port 0, or an address that there is no way to: a stranger chose it.
      }
    })
    await stack.udp({ port: UDP_PORTS[1] })
    return host
  }

  /** @returns what was sent in answer, and in the hundredth of a second after it */
  receive(frame: Uint8Array): Uint8Array[] {
    this.netif.receive(frame)
    this.clock.advance(SECOND / 100)
    const sent = this.netif.takeFrames()
    this.expectBounds()
    return sent
  }

  expectBounds(): void {
    if (this.arp.neighborCount > BOUNDS.arpCache) throw new Error('the ARP cache is over its bound')
    if (this.ipv4.pathCount > BOUNDS.paths) throw new Error('the path cache is over its bound')
    const { discovery, ipv6, addresses } = this.ipv6
    if (discovery.neighborCount > BOUNDS.neighbors) throw new Error('the neighbour cache is over its bound')
    if (ipv6.pathCount > BOUNDS.paths) throw new Error('the path cache of IPv6 is over its bound')
    if (ipv6.reassemblyKept > BOUNDS.reassembly) throw new Error('fragments keep too much packet memory')
    if (addresses.length > BOUNDS.addresses) throw new Error('there are too many addresses')
    if (this.tcp.connections > BOUNDS.connections) throw new Error('there are too many TCP connections')
    if (this.tcp.timeWaits > BOUNDS.timeWaits) throw new Error('there are too many TIME-WAIT records')
    if (this.udp.portCount !== UDP_PORTS.length) throw new Error('UDP ports came or went')
    if (this.memory.counters.smallExhausted > 0) throw new Error('packet memory is exhausted')
  }

  /** An echo request of the peer, whose answer has to be right. */
  expectPingAnswered(): void {
    const sequence = ++this.#pings & 0xffff
    const payload = `are you there? ${sequence}`
    const answers = this.receive(send.icmp({ type: 8, identifier: 0x7e57, sequence }, payload))
    expect(answers.find((frame) => dissect(frame).icmp?.identifier === 0x7e57)).toBeIcmp({
      icmpType: 0,
      sequence,
      destination: PEER.address,
      payload,
    })
  }

  /** Opens a connection from the peer by hand. */
  openFlow(port: number): HostileFlow {
    const remotePort = this.#ports++
    const syn = send.tcp({ sourcePort: remotePort, destinationPort: port, flags: 'S', seq: 1000, mss: 1460 })
    const answer = this.receive(syn)
      .map((frame) => dissect(frame).tcp)
      .find((segment) => segment?.destinationPort === remotePort)
    if (answer?.flags !== 'SA') throw new Error(`port ${port} answers a SYN with ${answer?.flags ?? 'nothing'}`)
    const flow = { port, remotePort, expected: 1001, acknowledgment: (answer.seq + 1) >>> 0 }
    this.receive(send.tcp({ ...this.header(flow), flags: 'A' }))
    return flow
  }

  header(flow: HostileFlow) {
    return {
      sourcePort: flow.remotePort,
      destinationPort: flow.port,
      seq: flow.expected,
      ack: flow.acknowledgment,
    }
  }

  /** Lets every timer run out, closes everything, and expects all packet memory back. */
  async expectNothingLeft(): Promise<void> {
    for (let minute = 0; minute < 15; minute++) {
      await this.clock.advanceAsync(60 * SECOND)
      this.netif.takeFrames()
      this.expectBounds()
    }
    await this.clock.settle(this.stack.close(1000))
    this.netif.takeFrames()
    expect(this.memory.leaks().slice(0, 3)).toEqual([])
    expect(this.memory.inUse).toBe(0)
    expect(this.memory.counters.doubleFrees).toBe(0)
    expect(this.clock.armedTimers).toBe(0)
  }
}

/** Two hosts that differ in the poison of their free memory only, and must behave alike to the byte. */
export class HostilePair {
  readonly first: HostileHost
  readonly second: HostileHost

  private constructor(first: HostileHost, second: HostileHost) {
    this.first = first
    this.second = second
  }

  static async start(): Promise<HostilePair> {
    return new HostilePair(await HostileHost.start(0xa5), await HostileHost.start(0x3c))
  }

  /** @returns what both sent in answer */
  receive(frame: Uint8Array): Uint8Array[] {
    const sent = this.first.receive(frame)
    const alsoSent = this.second.receive(frame)
    if (sent.length !== alsoSent.length || sent.some((bytes, i) => Buffer.compare(bytes, alsoSent[i]) !== 0)) {
      throw new Error('an answer depends on what other packets left in memory')
    }
    return sent
  }

  expectPingAnswered(): void {
    this.first.expectPingAnswered()
    this.second.expectPingAnswered()
  }

  openFlow(port: number): HostileFlow {
    const flow = this.first.openFlow(port)
    expect(this.second.openFlow(port)).toEqual(flow)
    return flow
  }

  async expectNothingLeft(): Promise<void> {
    await this.first.expectNothingLeft()
    await this.second.expectNothingLeft()
  }
}
