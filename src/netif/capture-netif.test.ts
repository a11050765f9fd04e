import { expect, test } from 'vitest'
import { between } from '../../test/support/frames.ts'
import { FrameCollector, transmit } from '../../test/support/packets.ts'
import { TestNetif } from '../../test/support/test-netif.ts'
import { type CaptureSink, MemorySink, PcapngWriter, readCapture } from '../capture/index.ts'
import { MILLISECOND, VirtualClock } from '../clock/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { CaptureNetif } from './index.ts'

const a = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }
const b = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }
const request = between(a, b).arpRequest()
const reply = between(b, a).arpReply()

test('both directions are recorded with the time of the clock, and passed on', async () => {
  const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4, debug: true })
  const clock = new VirtualClock()
  const inner = new TestNetif(memory)
  const sink = new MemorySink()
  const netif = new CaptureNetif(inner, new PcapngWriter(sink), clock)
  const inbox = new FrameCollector(netif)
  expect(netif).toMatchObject({ name: inner.name, mac: inner.mac, mtu: inner.mtu, features: inner.features })
  expect(netif.memory).toBe(memory)
  expect(netif.counters).toBe(inner.counters)

  clock.advance(10)
  inner.receive(request)
  clock.advance(5)
  transmit(netif, reply)
  expect(inbox.frames).toEqual([request])
  expect(inbox.bursts).toEqual([1])
  expect(inner.takeFrames()).toEqual([reply])

  inner.fail(new Error('gone'))
  expect(inbox.isClosed).toBe(true)
  await netif.close()
  expect(inner.isClosed).toBe(true)
  const start = BigInt(clock.epoch) * 1000n
  expect([...readCapture(sink.bytes())]).toMatchObject([
    { direction: 'inbound', bytes: request, timestampNanoseconds: start + 10_000n, interface: { name: 'test0' } },
    { direction: 'outbound', bytes: reply, timestampNanoseconds: start + 15_000n },
  ])
  expect(memory.inUse).toBe(0)
})

test('whoever watches a live capture sees frames within a quarter of a second, and idle costs no timer', async () => {
  const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4 })
  const clock = new VirtualClock()
  const written: number[] = []
  const sink: CaptureSink = {
    isFull: false,
    isLive: true,
    error: null,
    write: (bytes) => written.push(bytes.length),
    close: async () => {},
  }
  const inner = new TestNetif(memory)
  const netif = new CaptureNetif(inner, new PcapngWriter(sink), clock)
  netif.attach(new FrameCollector())
  expect(clock.armedTimers).toBe(0)
  for (let i = 0; i < 10; i++) inner.receive(request)
  expect(clock.armedTimers).toBe(1)
  clock.advance(249 * MILLISECOND)
  expect(written).toHaveLength(0)
  clock.advance(1 * MILLISECOND)
  expect(written).toHaveLength(1)
  expect(clock.armedTimers).toBe(0)
  inner.receive(request)
  await netif.close()
  expect(written).toHaveLength(2)
  expect(clock.armedTimers).toBe(0)
})
