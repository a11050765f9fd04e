import { describe, expect, test } from 'vitest'
import { finish, sumBytes } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { newNetifCounters } from './netif.ts'
import { deliverDatagrams } from './udp-segments.ts'

const MACS = '020000000001020000000002'
const PAYLOAD = Buffer.from(Array.from({ length: 2500 }, (_, i) => i & 255))

/** One frame with the payload of several datagrams, as a packet socket delivers it. */
function frame(memory: PacketMemory, family: 4 | 6): PacketBuffer {
  const network =
    family === 4 ? '0800450000000007400040110000' + '0a0000010a000002' : `86dd600000000000 1140${'00'.repeat(32)}`
  const head = Buffer.from(`${MACS}${network.replace(' ', '')}1388 1389 0000 abcd`.replaceAll(' ', ''), 'hex')
  const packet = memory.allocate(head.length + PAYLOAD.length)!
  packet.memory.bytes.set(head, packet.start)
  packet.memory.bytes.set(PAYLOAD, packet.start + head.length)
  packet.end = packet.start + head.length + PAYLOAD.length
  packet.link = packet.start
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = packet.start + (family === 4 ? 34 : 54)
  packet.checksumField = packet.checksumStart + 6
  return packet
}

function deliver(packet: PacketBuffer, size: number) {
  const frames: Buffer[] = []
  const states: ChecksumState[] = []
  const counters = newNetifCounters()
  const receiver = {
    frame(each: PacketBuffer) {
      frames.push(Buffer.from(each.memory.bytes.slice(each.start, each.end)))
      states.push(each.checksum)
    },
    endOfBurst() {},
    closed() {},
  }
  deliverDatagrams(packet, size, receiver, counters)
  packet.release()
  return { frames, states, counters }
}

describe.each([4, 6] as const)('datagrams in one frame over IPv%i', (family) => {
  test('become frames of their own, with headers that say so', () => {
    const memory = new PacketMemory({ debug: true })
    const { frames, states } = deliver(frame(memory, family), 1000)
    const udp = family === 4 ? 34 : 54
    expect(frames.map((each) => each.length - udp - 8)).toEqual([1000, 1000, 500])
    expect(Buffer.concat(frames.map((each) => each.subarray(udp + 8)))).toEqual(PAYLOAD)
    expect(states).toEqual([ChecksumState.Verified, ChecksumState.Verified, ChecksumState.Verified])
    for (const [index, each] of frames.entries()) {
      expect(each.readUInt16BE(udp + 4)).toBe(each.length - udp)
      expect(each.subarray(udp, udp + 4).toString('hex')).toBe('13881389')
      if (family === 6) expect(each.readUInt16BE(18)).toBe(each.length - 54)
      else {
        expect(each.readUInt16BE(16)).toBe(each.length - 14)
        expect(each.readUInt16BE(18)).toBe(7 + index)
        // RFC 1071: the sum over a header with a right checksum is all ones.
        expect(finish(sumBytes(each, 14, 34, 0))).toBe(0)
      }
    }
    expect(memory.inUse).toBe(0)
  })

  test.each([
    ['no checksum to complete', (packet: PacketBuffer) => (packet.checksum = ChecksumState.Unverified)],
    ['not UDP', (packet: PacketBuffer) => (packet.checksumField = packet.checksumStart + 16)],
    ['headers that overlap', (packet: PacketBuffer) => (packet.checksumField = (packet.checksumStart -= 1) + 6)],
    ['no payload', (packet: PacketBuffer) => (packet.end = packet.checksumStart + 8)],
    ['neither IPv4 nor IPv6', (packet: PacketBuffer) => (packet.memory.bytes[packet.start + 12] = 0x90)],
  ])('%s: counted as malformed', (_what, spoil) => {
    const memory = new PacketMemory({ debug: true })
    const packet = frame(memory, family)
    spoil(packet)
    const { frames, counters } = deliver(packet, 1000)
    expect(frames).toEqual([])
    expect(counters.receiveMalformed).toBe(1)
    expect(memory.inUse).toBe(0)
  })
})

test('where memory is short, the rest is counted', () => {
  const memory = new PacketMemory({ smallSlots: 16, largeSlots: 16 })
  const packet = frame(memory, 4)
  const taken: (PacketBuffer | null)[] = []
  while (memory.freeSmall > 0) taken.push(memory.takeSmall())
  const { frames, counters } = deliver(packet, 1000)
  expect(frames).toEqual([])
  expect(counters.receiveNoMemory).toBe(3)
  for (const each of taken) each?.release()
  expect(memory.inUse).toBe(0)
})
