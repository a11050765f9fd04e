import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCapture } from '../capture/index.ts'
import { SeededRandom, VirtualClock } from '../clock/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { RecentFrames } from './recent-frames.ts'
import { VirtualNetwork } from './virtual-network.ts'

const folder = mkdtempSync(join(tmpdir(), 'tapstack-recent-'))

test('the last frames, the oldest first, with time, direction and whole length; nothing is left in packet memory', async () => {
  const clock = new VirtualClock()
  const memory = new PacketMemory()
  const network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
  const recent = new RecentFrames({ frames: 8 })
  const netif = recent.watch(network.port(), clock)
  const received: number[] = []
  netif.attach({ frame: (packet) => received.push(packet.length), endOfBurst: () => {}, closed: () => {} })
  const other = network.port()
  expect(recent.save(join(folder, 'none.pcapng'))).toBe(0)
  for (let i = 0; i < 10; i++) {
    const sender = i % 2 === 0 ? netif : other
    const packet = memory.allocate(1_000)!
    packet.end = packet.start + 300 + i
    memory.bytes.fill(i, packet.start, packet.end)
    memory.bytes.fill(0xff, packet.start, packet.start + 6)
    sender.transmit(packet)
    sender.flush()
    clock.advance(1_000)
  }
  expect(received).toEqual([301, 303, 305, 307, 309])
  expect(recent.length).toBe(8)
  const file = join(folder, 'recent.pcapng')
  expect(recent.save(file)).toBe(8)
  const frames = [...readCapture(readFileSync(file))]
  expect(frames.map(({ originalLength, direction }) => [originalLength, direction])).toEqual(
    [2, 3, 4, 5, 6, 7, 8, 9].map((i) => [300 + i, i % 2 === 0 ? 'outbound' : 'inbound']),
  )
  expect(frames.map(({ bytes }) => [bytes.length, bytes[255]])).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map((i) => [256, i]))
  // One whose payload lies elsewhere: what is kept of it is copied, the rest is left to the device.
  const packet = memory.allocate(1_000)!
  memory.bytes.fill(0xff, packet.start, packet.start + 100)
  packet.gatheredAt = packet.start + 100
  packet.end = packet.start + 1_000
  packet.gathered = [new Uint8Array(50).fill(1), new Uint8Array(60).fill(2), new Uint8Array(800).fill(3)]
  packet.gatheredFrom = 10
  memory.bytes.fill(9, packet.gatheredAt, packet.end)
  netif.transmit(packet)
  recent.save(file)
  const { bytes, originalLength } = [...readCapture(readFileSync(file))].at(-1)!
  expect(originalLength).toBe(1_000)
  const runs = [100, 40, 60, 56].map((length, i) => Buffer.alloc(length, [0xff, 1, 2, 3][i]))
  expect(Buffer.from(bytes)).toEqual(Buffer.concat(runs))
  await Promise.all([netif.close(), other.close()])
  expect(memory.inUse).toBe(0)
  rmSync(folder, { recursive: true })
})
