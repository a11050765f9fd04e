import { beforeEach, describe, expect, test } from 'vitest'
import { ChecksumState, type PacketBuffer, PacketMemory, Segmentation } from '../packet/index.ts'
import { ReceivedOffload } from './received-offload.ts'

const IPV4 = { header: 20, source: '0a000001', destination: '0a000002' }
const IPV6 = { header: 40, source: `fd${'00'.repeat(14)}01`, destination: `fd${'00'.repeat(14)}02` }

describe('what the kernel has left undone', () => {
  let memory: PacketMemory
  let offload: ReceivedOffload
  beforeEach(() => {
    memory = new PacketMemory({ smallSlots: 16, largeSlots: 4, debug: true })
    offload = new ReceivedOffload(memory, 1500)
  })

  /** The sum over the pseudo-header alone, added up word by word. */
  function pseudoHeader(addresses: string, protocol: number, length: number): number {
    let sum = protocol + length
    for (const [word] of addresses.matchAll(/.{4}/g)) sum += Number.parseInt(word, 16)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    return sum
  }

  function packet(family: 4 | 6, protocol: 6 | 17, length: number, settings: { checksum?: number; fragment?: number }) {
    const { header, source, destination } = family === 4 ? IPV4 : IPV6
    const made = memory.takeLarge()!
    const at = made.start
    const view = memory.view
    memory.bytes.fill(0, at, at + header + length)
    if (family === 4) {
      memory.bytes[at] = 0x45
      view.setUint16(at + 2, header + length)
      view.setUint16(at + 6, settings.fragment ?? 0)
      memory.bytes[at + 9] = protocol
    } else {
      memory.bytes[at] = 0x60
      view.setUint16(at + 4, length)
      memory.bytes[at + 6] = protocol
    }
    memory.bytes.set(Buffer.from(source + destination, 'hex'), at + (family === 4 ? 12 : 8))
    if (protocol === 6) memory.bytes[at + header + 12] = 8 << 4
    const field = at + header + (protocol === 6 ? 16 : 6)
    view.setUint16(field, settings.checksum ?? pseudoHeader(source + destination, protocol, length))
    made.end = at + header + length
    return { made, field, transport: at + header }
  }

  function inspect(made: PacketBuffer): boolean {
    const result = offload.inspect(made, made.start)
    made.release()
    return result
  }

  test.each([
    [4, 6],
    [4, 17],
    [6, 6],
    [6, 17],
  ] as const)(
    'IPv%i, protocol %i: a checksum that is the sum of the pseudo-header is unfinished',
    (family, protocol) => {
      const { made, field, transport } = packet(family, protocol, 500, {})
      expect(inspect(made.retain())).toBe(true)
      expect(made).toMatchObject({ checksum: ChecksumState.Partial, checksumStart: transport, checksumField: field })
      made.release()
      const other = packet(family, protocol, 500, { checksum: 0x1234 })
      expect(inspect(other.made.retain())).toBe(true)
      expect(other.made).toMatchObject({ checksum: ChecksumState.Unverified, segmentation: Segmentation.None })
      other.made.release()
      expect(offload.counters).toEqual({ partialChecksums: 1, coalesced: 0, coalescedDatagrams: 0 })
      expect(memory.inUse).toBe(0)
    },
  )

  test.each([
    [4, Segmentation.TcpV4, 1500 - 20 - 32],
    [6, Segmentation.TcpV6, 1500 - 40 - 32],
  ] as const)('TCP over IPv%i that is longer than the MTU stands for segments that fit it', (family, kind, size) => {
    const { made } = packet(family, 6, 40_000, {})
    expect(inspect(made.retain())).toBe(true)
    expect(made).toMatchObject({ segmentation: kind, segmentSize: size })
    made.release()
  })

  test('datagrams that came as one cannot be told apart, and are dropped; fragments are none', () => {
    expect(inspect(packet(4, 17, 3000, {}).made)).toBe(false)
    expect(inspect(packet(6, 17, 3000, {}).made)).toBe(false)
    const { made } = packet(4, 17, 1400, { fragment: 0x2000 })
    expect(inspect(made.retain())).toBe(true)
    expect(made.checksum).toBe(ChecksumState.Unverified)
    made.release()
    expect(offload.counters.coalescedDatagrams).toBe(2)
  })

  test('what is no whole packet is left alone, wherever it is cut off', () => {
    for (const family of [4, 6] as const) {
      const { made } = packet(family, 6, 100, {})
      const { end } = made
      for (made.end = made.start; made.end < end; made.end++) {
        expect(offload.inspect(made, made.start)).toBe(true)
        expect(made.checksum).toBe(ChecksumState.Unverified)
      }
      made.release()
    }
  })
})
