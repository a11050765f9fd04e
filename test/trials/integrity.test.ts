/**
 * Two thousand random transfers, both ways at once, over a link that does everything wrong: every byte arrives as it was
 * sent, every connection ends cleanly, and nothing is left behind.
 *
 * A frame passes one bad link and there has one bit flipped at most: that, RFC 1071's sum always finds. Of two flipped
 * bits it misses those that cancel each other out, as every TCP does.
 */
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import type { TcpSettings } from '../../src/tcp/index.ts'
import { VirtualHost } from '../support/virtual-host.ts'
import { seeds } from './dumbbell.ts'
import { RandomPeer, StreamContents } from './random-transfer.ts'

const TRANSFERS = 100
/** Connections at once. */
const CONCURRENT = 10
const BAD_LINK = {
  loss: 0.05,
  duplication: 0.05,
  corruption: 0.001,
  reordering: { probability: 0.1, distance: [1, 5] as const },
}

/** All that senders and receivers can be; the first is the default. */
const KINDS: Partial<TcpSettings>[] = [
  {},
  { congestionControl: 'bbr' },
  { congestionControl: 'newreno', selectiveAcknowledgments: false },
  { timestamps: false },
]

function run(seed: number) {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const memory = new PacketMemory({ smallSlots: 16_384, largeSlots: 512 })
  const network = new VirtualNetwork({ clock, random: random.fork(), memory })
  const latency = 1 + random.below(20 * MILLISECOND)
  const settings = KINDS[seed % KINDS.length]
  const good = new VirtualHost(network, clock, random.fork(), '10.0.0.1/24', {}, settings)
  const bad = new VirtualHost(network, clock, random.fork(), '10.0.0.2/24', { ...BAD_LINK, latency }, settings)
  const hosts = [good, bad]
  // ARP has no checksum of its own.
  good.arp.addStatic(bad.ipv4.addresses[0].address.word3, bad.ethernet.mac)
  bad.arp.addStatic(good.ipv4.addresses[0].address.word3, good.ethernet.mac)
  clock.advance(10 * SECOND)
  const timers = clock.armedTimers
  const contents = new StreamContents(random.fork())

  const running: { client: RandomPeer; server: RandomPeer }[] = []
  const faults: string[] = []
  let bytes = 0
  const start = (number: number) => {
    const client = new RandomPeer(clock, random.fork(), contents)
    const server = new RandomPeer(clock, random.fork(), contents)
    client.other = server
    server.other = client
    bytes += client.toSend + server.toSend
    const [from, to] = random.below(2) === 0 ? [0, 1] : [1, 0]
    const port = 1000 + number
    hosts[to].tcp.listen(null, port, 1, {
      accept: (connection) => {
        server.attach(connection)
      },
    })
    client.attach(hosts[from].tcp.connect({ remote: IpAddress.parse(`10.0.0.${to + 1}`), port, user: client }))
    running.push({ client, server })
  }
  let started = 0
  const end = clock.now() + 24 * 3600 * SECOND
  while ((started < TRANSFERS || running.length > 0) && clock.now() < end) {
    while (running.length < CONCURRENT && started < TRANSFERS) start(started++)
    clock.advance(100 * MILLISECOND)
    for (let i = running.length - 1; i >= 0; i--) {
      const { client, server } = running[i]
      if (!client.isDone || !server.isDone) continue
      running.splice(i, 1)
      for (const peer of [client, server]) if (peer.fault !== null) faults.push(peer.fault)
    }
  }
  for (const { client, server } of running) faults.push(`${client.fault} / ${server.fault}`)
  // TIME-WAIT, and what a lost last acknowledgment may still cause.
  clock.advance(300 * SECOND)
  const left = {
    packets: memory.inUse,
    connections: good.tcp.connections + bad.tcp.connections,
    timeWaits: good.tcp.timeWaits + bad.tcp.timeWaits,
    unread: good.tcp.receiveBytes + bad.tcp.receiveBytes,
    timers: clock.armedTimers - timers,
  }
  return { faults, left, bytes, link: bad.port, hosts }
}

const NOTHING = { packets: 0, connections: 0, timeWaits: 0, unread: 0, timers: 0 }

describe('a hundred random transfers over a bad link arrive whole, close cleanly, leave nothing', () => {
  for (const seed of seeds(20)) {
    test(`seed ${seed}`, () => {
      const { faults, left, bytes, link, hosts } = run(seed)
      expect(faults).toEqual([])
      expect(left).toEqual(NOTHING)
      // So that it was a trial at all.
      expect(bytes).toBeGreaterThan(10e6)
      for (const { counters } of [link.toStack, link.fromStack]) {
        for (const count of [counters.lost, counters.duplicated, counters.reordered, counters.corrupted]) {
          expect(count).toBeGreaterThan(3)
        }
        expect(counters.queueFull + counters.noMemory).toBe(0)
      }
      for (const { tcp } of hosts) expect(tcp.counters.InCsumErrors).toBeGreaterThan(0)
    })
  }
})
