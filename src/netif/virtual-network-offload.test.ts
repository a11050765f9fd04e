import { beforeEach, describe, expect, test } from 'vitest'
import '../../test/support/packet-matchers.ts'
import { transmit } from '../../test/support/packets.ts'
import {
  clock,
  introduce,
  memory,
  network,
  newNetwork,
  numbered,
  station,
  superFrame,
} from '../../test/support/stations.ts'
import { MemorySink, PcapngWriter, readCapture } from '../capture/index.ts'
import { ChecksumState, Segmentation } from '../packet/index.ts'
import type { VirtualPortOptions } from './index.ts'

beforeEach(() => newNetwork())

describe('offload', () => {
  test("'auto' is on without impairments, with latency too", () => {
    const on = { checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true }
    const off = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
    expect(network.port().features).toEqual(on)
    expect(network.port({ latency: 1000 }).features).toEqual(on)
    expect(network.port({ toStack: { loss: 0.1 } }).features).toEqual(off)
    expect(network.port({ bandwidth: 1e9 }).features).toEqual(off)
    expect(network.port({ corruption: 0.1, offload: true }).features).toEqual(on)
    expect(network.port({ offload: false }).features).toEqual(off)
  })

  test('a super-frame passes whole between ports with offload, its checksum trusted', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const seen: unknown[] = []
    b.port.attach({
      frame: (packet) => seen.push(packet.length, packet.checksum, packet.segmentation, packet.segmentSize),
      endOfBurst: () => {},
      closed: () => {},
    })
    a.port.transmit(superFrame(a, b, 60_000, 1460))
    clock.runUntilIdle()
    expect(seen).toEqual([60_054, ChecksumState.Partial, Segmentation.TcpV4, 1460])
    expect(memory.inUse).toBe(0)
  })

  const ends: [string, VirtualPortOptions, VirtualPortOptions][] = [
    ['to a port without offload', {}, { offload: false }],
    ['over a link that may lose', { offload: true, reordering: 1e-9 }, {}],
    ['over a link with a bandwidth', {}, { offload: true, bandwidth: 1e9 }],
  ]
  for (const [name, first, second] of ends) {
    test(`${name} go segments with right checksums`, () => {
      const [a, b] = [station(first), station(second)]
      introduce(a, b)
      a.port.transmit(superFrame(a, b, 5000, 1460))
      a.port.transmit(superFrame(a, b, 100, 1460))
      clock.runUntilIdle()
      const frames = b.inbox.take()
      expect(frames).toHaveLength(5)
      for (const [i, frame] of frames.slice(0, 4).entries()) {
        expect(frame).toBeTcp({
          seq: 1000 + i * 1460,
          length: i < 3 ? 1460 : 620,
          flags: i < 3 ? 'A' : 'PA',
          checksum: 'right',
        })
      }
      expect(frames[4]).toBeTcp({ length: 100, checksum: 'right' })
      expect(memory.inUse).toBe(0)
    })
  }

  test('a super-frame counts by its segments against the MTU', () => {
    const [a, b] = [station({ mtu: 1500 }), station({ mtu: 1400 })]
    introduce(a, b)
    a.port.transmit(superFrame(a, b, 10_000, 1360))
    a.port.transmit(superFrame(a, b, 10_000, 1361))
    a.port.transmit(superFrame(a, b, 10_000, 1461))
    clock.runUntilIdle()
    expect(b.inbox.frames).toHaveLength(1)
    expect([b.port.toStack.counters.tooLong, a.port.fromStack.counters.tooLong]).toEqual([1, 1])
  })
})

describe('captures', () => {
  function run(seed: number): Uint8Array {
    newNetwork({ seed, slots: { smallSlots: 1024, largeSlots: 8, debug: false } })
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink)
    const a = station({ latency: 300, loss: 0.1, corruption: 0.1 })
    network.capture(writer)
    const b = station({ reordering: 0.2, duplication: 0.1, bandwidth: 1e7 })
    for (let i = 0; i < 200; i++) {
      transmit(a.port, numbered(a, b, i, i))
      transmit(b.port, numbered(b, a, i))
      clock.advance(50)
    }
    clock.runUntilIdle()
    writer.flush()
    return sink.bytes()
  }

  test('of two runs with one seed are the same, byte for byte', () => {
    const first = run(42)
    expect(Buffer.compare(first, run(42))).toBe(0)
    expect(Buffer.compare(first, run(43))).not.toBe(0)
    const frames = [...readCapture(first)]
    expect(new Set(frames.map((frame) => `${frame.interface.name} ${frame.direction}`))).toEqual(
      new Set(['port0 inbound', 'port0 outbound', 'port1 inbound', 'port1 outbound']),
    )
    expect(frames[0].timestampNanoseconds).toBe(BigInt(clock.epoch) * 1000n)
  })

  test('end when told', () => {
    const [a, b] = [station(), station()]
    const writer = new PcapngWriter(new MemorySink())
    network.capture(writer)
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(writer.counters.frames).toBe(2)
    network.capture(null)
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(writer.counters.frames).toBe(2)
  })
})
