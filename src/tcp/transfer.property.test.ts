/** Two stacks, any traffic, any bad link: what arrives is what was sent, and nothing is left behind. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern } from '../../test/support/scripted-peer.ts'
import { Collector, Recorder, type VirtualHost, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { loadAddon, type VirtualPortOptions } from '../netif/index.ts'
import { PacketMemory } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import type { TcpSettings } from './settings.ts'

/** What one application does, at times counted from when the connection is open. */
interface Script {
  writes: { at: number; size: number; inPlace: boolean }[]
  /** Milliseconds during which it does not read. */
  pauses: { at: number; length: number }[]
  /** Whether it closes as soon as the peer has, and not before. */
  closesSecond: boolean
  noDelay: boolean
}

interface Case {
  seed: number
  link: VirtualPortOptions
  settings: Partial<TcpSettings>
  client: Script
  server: Script
}

const time = fc.integer({ min: 0, max: 3000 })

const script: fc.Arbitrary<Script> = fc.record({
  writes: fc.array(
    fc.record({
      at: time,
      size: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 2000 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 100_000 }) },
      ),
      inPlace: fc.boolean(),
    }),
    { maxLength: 8 },
  ),
  pauses: fc.array(fc.record({ at: time, length: fc.integer({ min: 1, max: 5000 }) }), { maxLength: 3 }),
  closesSecond: fc.boolean(),
  noDelay: fc.boolean(),
})

const probability = (max: number) => fc.oneof(fc.constant(0), fc.double({ min: 0, max, noNaN: true }))

const link: fc.Arbitrary<VirtualPortOptions> = fc.record({
  latency: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 200_000 })),
  loss: probability(0.1),
  duplication: probability(0.1),
  corruption: probability(0.05),
  reordering: fc.record({ probability: probability(0.2), distance: fc.integer({ min: 1, max: 10 }) }),
  bandwidth: fc.constantFrom(undefined, 1e6, 1e7, 1e9),
  queue: fc.constantFrom(1 << 20, 20_000),
  mtu: fc.constantFrom(576, 1500, 9000),
  offload: fc.constantFrom('auto' as const, true, false),
})

const settings: fc.Arbitrary<Partial<TcpSettings>> = fc.record({
  receiveBuffer: fc.constantFrom(2048, 10_000, 262_144),
  sendBuffer: fc.constantFrom(4096, 1_048_576),
  windowScaling: fc.boolean(),
  timestamps: fc.boolean(),
  delayedAcknowledgment: fc.constantFrom(0, 40 * MILLISECOND),
})

const cases: fc.Arbitrary<Case> = fc.record({
  seed: fc.integer(),
  link,
  settings,
  client: script,
  server: script,
})

const QUIET: Script = { writes: [], pauses: [], closesSecond: false, noDelay: false }

/** What once failed. */
const KEPT: [Case][] = [
  [
    // Loss after loss without a round-trip sample in between.
    {
      seed: -2013257712,
      link: { loss: 0.094, corruption: 5e-324, reordering: { probability: 5e-324, distance: 1 }, mtu: 576 },
      settings: { sendBuffer: 4096, windowScaling: false, timestamps: true, delayedAcknowledgment: 0 },
      client: { ...QUIET, writes: [{ at: 0, size: 25_193, inPlace: false }] },
      server: { ...QUIET, writes: [{ at: 0, size: 1072, inPlace: false }] },
    },
  ],
]

/** Lets both applications do what their scripts say, and checks what came of it. */
function run({ seed, link: options, settings: overrides, client, server }: Case): void {
  const memory = new PacketMemory({ smallSlots: 4096, largeSlots: 64, debug: true })
  const world = new VirtualWorld(seed, memory)
  const { clock } = world
  const { mtu, ...impairments } = options
  if (!overrides.timestamps) {
    // Without timestamps a retransmission gives no sample, and the backoff grows with each loss until new data does
    // (Karn's algorithm, RFC 6298, section 3): a link that loses much is then given up before long.
    impairments.loss = (impairments.loss ?? 0) / 5
    impairments.corruption = (impairments.corruption ?? 0) / 5
  }
  const a = world.host({ ...impairments, mtu }, overrides)
  // One bad link: two flipped bits could make a right checksum of a wrong frame.
  const b = world.host({ mtu }, overrides)
  introduce(a, b)
  introduce(b, a)
  clock.advance(10 * SECOND)
  const timers = clock.armedTimers

  const acceptor = new Collector()
  b.tcp.listen(null, 80, 16, acceptor)
  const clientUser = new Recorder()
  const connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user: clientUser })
  for (let i = 0; acceptor.connections.length === 0 && i < 1000; i++) clock.advance(100 * MILLISECOND)
  expect(acceptor.connections).toHaveLength(1)

  const sent = [[] as Buffer[], [] as Buffer[]]
  const ends = [
    { connection, user: clientUser, script: client, sent: sent[0] },
    { connection: acceptor.connections[0], user: acceptor.recorders[0], script: server, sent: sent[1] },
  ]
  const start = clock.now()
  const events: { at: number; act(): void }[] = []
  for (const end of ends) {
    const { connection: own, user, script: what } = end
    if (what.noDelay) own.setNoDelay(true)
    let last = 0
    for (const { at, size, inPlace } of what.writes) {
      last = Math.max(last, at)
      events.push({ at, act: () => write(own, end.sent, size, inPlace) })
    }
    for (const { at, length } of what.pauses) {
      events.push({ at, act: () => (user.reading = false) })
      events.push({
        at: at + length,
        act: () => {
          user.reading = true
          user.readAll(own)
        },
      })
    }
    const other = end === ends[0] ? ends[1] : ends[0]
    // If both wait for the other, the client goes first.
    const waits = what.closesSecond && !(end === ends[0] && other.script.closesSecond)
    if (!waits) events.push({ at: last, act: () => own.shutdownWrite() })
    else {
      const closeAfterEnd = () => {
        if (user.ended && end.sent.length === what.writes.length) own.shutdownWrite()
      }
      user.whenReadable = closeAfterEnd
      events.push({ at: last, act: closeAfterEnd })
      for (const { at, length } of what.pauses) events.push({ at: at + length, act: closeAfterEnd })
    }
  }
  events.sort((x, y) => x.at - y.at)
  for (const { at, act } of events) {
    clock.advanceTo(Math.max(clock.now(), start + at * MILLISECOND))
    act()
  }
  for (let i = 0; i < 600 && !ends.every((end) => end.user.isClosed); i++) clock.advance(10 * SECOND)

  for (let i = 0; i < 2; i++) {
    const { user } = ends[i]
    expect(user.error).toBe(null)
    expect(user.isClosed).toBe(true)
    expect(user.events).toContain('closed')
    const expected = Buffer.concat(sent[1 - i])
    expect(user.data.length).toBe(expected.length)
    expect(user.data.equals(expected)).toBe(true)
  }
  clock.advance(130 * SECOND)
  expect([a.tcp.connections, b.tcp.connections, a.tcp.timeWaits, b.tcp.timeWaits]).toEqual([0, 0, 0, 0])
  expect([a.tcp.receiveBytes, b.tcp.receiveBytes]).toEqual([0, 0])
  expect(memory.leaks()).toEqual([])
  expect(clock.armedTimers).toBe(timers)
}

/** Enters a neighbour for good: ARP has no checksum of its own, and is not what is tested here. */
function introduce(host: VirtualHost, neighbor: VirtualHost): void {
  host.arp.addStatic(neighbor.ipv4.addresses[0].address.word3, neighbor.ethernet.mac)
}

function write(connection: Connection, sent: Buffer[], size: number, inPlace: boolean): void {
  const data = pattern(size, sent.length * 31)
  sent.push(data)
  const { memory } = connection.context
  const packet = inPlace && size <= 65_536 && memory.freeLarge > 32 ? memory.allocate(size) : null
  if (inPlace && packet === null) {
    // What nobody else looks at is given back as soon as it is acknowledged.
    connection.enqueue(Uint8Array.from(data), true)
    connection.push()
  } else if (packet === null) connection.write(data, null)
  else {
    const view = memory.bytes.subarray(packet.start, packet.start + size)
    view.set(data)
    connection.write(view, packet)
  }
}

// Gives memory back.
loadAddon()

describe('between two stacks', () => {
  test('any traffic over any link arrives as it was sent, and leaves nothing behind', () => {
    fc.assert(fc.property(cases, run), { numRuns: Number(process.env.TAPSTACK_RUNS ?? 60), examples: KEPT })
  })
})
