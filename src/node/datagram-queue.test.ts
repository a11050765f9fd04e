import { afterEach, expect, test } from 'vitest'
import { IpAddress } from '../address/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { DatagramQueue } from './datagram-queue.ts'

const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4, debug: true })

afterEach(() => expect(memory.inUse).toBe(0))

function add(queue: DatagramQueue, text: string, from = '10.0.0.1'): void {
  const packet = memory.allocate(text.length) as PacketBuffer
  const { word0, word1, word2, word3 } = IpAddress.parse(from)
  Object.assign(packet, { source0: word0, source1: word1, source2: word2, source3: word3 })
  packet.payload = packet.start
  packet.payloadEnd = packet.start + text.length
  memory.bytes.set(Buffer.from(text), packet.payload)
  queue.addPacket(packet, 7)
  packet.release()
}

test('datagrams come out as they went in, with their senders', () => {
  const queue = new DatagramQueue()
  add(queue, 'one')
  add(queue, 'two')
  add(queue, 'three', 'fd00::1')
  const seen = []
  for (let next = queue.shift(); next !== null; next = queue.shift()) {
    seen.push([next.data.toString(), next.from.toString(), next.port])
  }
  expect(seen).toEqual([
    ['one', '10.0.0.1', 7],
    ['two', '10.0.0.1', 7],
    ['three', 'fd00::1', 7],
  ])
  expect(queue.isEmpty).toBe(true)
})

test('what does not fit is dropped and counted', () => {
  const queue = new DatagramQueue()
  queue.limit = 2000
  for (let i = 0; i < 5; i++) add(queue, 'x'.repeat(100))
  expect(queue.dropped).toBe(2)
  let count = 0
  while (queue.shift() !== null) count++
  expect(count).toBe(3)
  add(queue, 'again')
  expect(queue.shift()?.data.toString()).toBe('again')
})

test('an error is told once, however often it came, and goes when the socket does', () => {
  const queue = new DatagramQueue()
  queue.error = -111
  queue.error = -90
  expect([queue.takeError(), queue.takeError()]).toEqual([-90, 0])
  queue.error = -111
  queue.clear()
  expect(queue.takeError()).toBe(0)
})
