import { describe, expect, test } from 'vitest'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { queueOf } from './flow-queue.ts'

const memory = new PacketMemory()
const MACS = '020000000001020000000002'

function frame(hex: string): PacketBuffer {
  const bytes = Buffer.from(hex, 'hex')
  const packet = memory.allocate(bytes.length)!
  memory.bytes.set(bytes, packet.start)
  packet.end = packet.start + bytes.length
  return packet
}

function queueFor(hex: string, queues: number): number {
  const packet = frame(hex)
  const queue = queueOf(packet, queues)
  packet.release()
  return queue
}

const port = (number: number) => number.toString(16).padStart(4, '0')
const tcp4 = (source: number, rest = '', fragment = '0000') =>
  `${MACS}080045000028${'0001'}${fragment}4006${'0000'}0a0000020a000001${port(source)}0007${rest.padEnd(32, '0')}`
const udp6 = (source: number) =>
  `${MACS}86dd6000000000081140${'fd'.padEnd(30, '0')}02${'fd'.padEnd(30, '0')}01${port(source)}000900080000`

describe.each([
  ['TCP over IPv4', tcp4],
  ['UDP over IPv6', udp6],
] as const)('flows of %s', (_what, build) => {
  test('spread evenly over all queues, and stay in theirs', () => {
    for (const queues of [1, 3, 4, 16]) {
      const counts = Array.from({ length: queues }, () => 0)
      for (let source = 40_000; source < 41_600; source++) counts[queueFor(build(source), queues)]!++
      for (const count of counts) {
        expect(count).toBeGreaterThan((1600 / queues) * 0.6)
        expect(count).toBeLessThan((1600 / queues) * 1.4)
      }
    }
  })
})

test('what differs beyond the flow makes no difference', () => {
  expect(queueFor(tcp4(1234, 'ffffffff'), 16)).toBe(queueFor(tcp4(1234, '12345678'), 16))
})

test('fragments of a datagram stay together, whatever they begin with', () => {
  const queues = [1, 2, 3, 4, 5, 6, 7, 8].map((source) => queueFor(tcp4(source, '', '2000'), 16))
  expect(new Set(queues).size).toBe(1)
})

test('what is not IP, or too short to tell, goes through the first', () => {
  expect(queueFor(`${MACS}0806${'ab'.repeat(46)}`, 16)).toBe(0)
  expect(queueFor(`${MACS}0800`, 16)).toBe(0)
  expect(queueFor(udp6(7).slice(0, 100), 16)).toBe(0)
})
