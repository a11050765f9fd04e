import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MacAddress } from '../address/index.ts'
import { finish, pseudoHeaderSum4, pseudoHeaderSum6, sumBytes } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer, PacketMemory, Segmentation } from '../packet/index.ts'
import { type FrameReceiver, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import { SoftwareOffload } from './software-offload.ts'

interface SentFrame {
  readonly bytes: Uint8Array
  readonly checksum: ChecksumState
  readonly segmentation: Segmentation
  /** From the start of the frame. */
  readonly checksumStart: number
  readonly checksumField: number
}

/** Keeps a copy of what is transmitted. */
class RecordingNetif implements Netif {
  readonly name = 'recording'
  readonly mac = MacAddress.parse('02:00:00:00:00:01')
  readonly mtu = 1500
  readonly features: NetifFeatures
  readonly memory: PacketMemory
  readonly counters = newNetifCounters()
  readonly sent: SentFrame[] = []
  readonly calls: string[] = []
  /** Packets kept back unreleased, as in a device's queue. */
  readonly queue: PacketBuffer[] = []
  receiver: FrameReceiver | null = null
  holds = false

  constructor(features: Partial<NetifFeatures> = {}, memory = new PacketMemory({ smallSlots: 512, largeSlots: 8 })) {
    this.memory = memory
    this.features = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false, ...features }
  }

  attach(receiver: FrameReceiver): void {
    this.receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    this.sent.push({
      bytes: this.memory.bytes.slice(packet.start, packet.end),
      checksum: packet.checksum,
      segmentation: packet.segmentation,
      checksumStart: packet.checksumStart - packet.start,
      checksumField: packet.checksumField - packet.start,
    })
    if (this.holds) this.queue.push(packet)
    else packet.release()
  }

  flush(): void {
    this.calls.push('flush')
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }
}

interface Frame {
  readonly family: 4 | 6
  readonly vlanTags: number
  /** IPv4 options, or IPv6 extension header bytes; a multiple of 8. */
  readonly networkOptions: number
  /** A multiple of 4, up to 40. */
  readonly tcpOptions: Uint8Array
  readonly flags: number
  readonly sequence: number
  readonly identification: number
  readonly payload: Uint8Array
}

const ADDRESS_4 = [0x0a000002, 0x0a000001]
const ADDRESS_6 = [0xfd000000 | 0, 0, 0, 2, 0xfd000000 | 0, 0, 0, 1]

function pseudoHeader(family: 4 | 6, protocol: number, length: number): number {
  const [a, b, c, d, e, f, g, h] = ADDRESS_6
  return family === 4
    ? pseudoHeaderSum4(ADDRESS_4[0], ADDRESS_4[1], protocol, length)
    : pseudoHeaderSum6(a, b, c, d, e, f, g, h, protocol, length)
}

/** Writes Ethernet and IP headers. @returns where the transport header goes, from the start of the frame */
function writeNetwork(view: DataView, frame: Frame, protocol: number, transportLength: number): number {
  let at = 12
  for (let tag = 0; tag < frame.vlanTags; tag++, at += 4) {
    view.setUint16(at, tag === 0 && frame.vlanTags === 2 ? 0x88a8 : 0x8100)
    view.setUint16(at + 2, 100 + tag)
  }
  view.setUint16(at, frame.family === 4 ? 0x0800 : 0x86dd)
  const ip = at + 2
  if (frame.family === 4) {
    const headerLength = 20 + frame.networkOptions
    view.setUint8(ip, 0x40 | (headerLength / 4))
    view.setUint16(ip + 2, (headerLength + transportLength) & 0xffff)
    view.setUint16(ip + 4, frame.identification)
    view.setUint16(ip + 6, 0x4000)
    view.setUint8(ip + 8, 64)
    view.setUint8(ip + 9, protocol)
    view.setInt32(ip + 12, ADDRESS_4[0])
    view.setInt32(ip + 16, ADDRESS_4[1])
    // No-operation options, RFC 791.
    for (let i = 20; i < headerLength; i++) view.setUint8(ip + i, 1)
    const header = new Uint8Array(view.buffer, view.byteOffset + ip, headerLength)
    view.setUint16(ip + 10, finish(sumBytes(header, 0, headerLength, 0)))
    return ip + headerLength
  }
  view.setUint8(ip, 0x60)
  view.setUint16(ip + 4, (frame.networkOptions + transportLength) & 0xffff)
  view.setUint8(ip + 6, frame.networkOptions > 0 ? 60 : protocol)
  view.setUint8(ip + 7, 64)
  for (const [index, word] of ADDRESS_6.entries()) view.setInt32(ip + 8 + index * 4, word)
  if (frame.networkOptions > 0) {
    // One destination options header with a PadN option, RFC 8200, section 4.6.
    view.setUint8(ip + 40, protocol)
    view.setUint8(ip + 41, frame.networkOptions / 8 - 1)
    view.setUint8(ip + 42, 1)
    view.setUint8(ip + 43, frame.networkOptions - 4)
  }
  return ip + 40 + frame.networkOptions
}

function buildTcp(memory: PacketMemory, frame: Frame, segmentSize: number): PacketBuffer {
  const packet = memory.allocate(200 + frame.payload.length) as PacketBuffer
  memory.bytes.fill(0, packet.start, packet.start + 200)
  const view = new DataView(memory.bytes.buffer, packet.start)
  const headerLength = 20 + frame.tcpOptions.length
  const length = headerLength + frame.payload.length
  const tcp = writeNetwork(view, frame, 6, length)
  view.setUint16(tcp, 80)
  view.setUint16(tcp + 2, 40_000)
  view.setUint32(tcp + 4, frame.sequence)
  view.setUint32(tcp + 8, 0x12345678)
  view.setUint8(tcp + 12, (headerLength / 4) << 4)
  view.setUint8(tcp + 13, frame.flags)
  view.setUint16(tcp + 14, 500)
  view.setUint16(tcp + 16, pseudoHeader(frame.family, 6, length))
  memory.bytes.set(frame.tcpOptions, packet.start + tcp + 20)
  memory.bytes.set(frame.payload, packet.start + tcp + headerLength)
  packet.end = packet.start + tcp + length
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = packet.start + tcp
  packet.checksumField = packet.checksumStart + 16
  packet.segmentation = frame.family === 4 ? Segmentation.TcpV4 : Segmentation.TcpV6
  packet.segmentSize = segmentSize
  return packet
}

/** Takes a frame apart and checks every length and checksum in it, without any of the code under test. */
function dissect(bytes: Uint8Array, frame: Frame, protocol: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const ip = 14 + frame.vlanTags * 4
  const headerLength = frame.family === 4 ? (bytes[ip] & 15) * 4 : 40 + frame.networkOptions
  if (frame.family === 4) {
    expect(view.getUint16(ip + 2)).toBe(bytes.length - ip)
    expect(sumBytes(bytes, ip, ip + headerLength, 0)).toBe(0xffff)
  } else {
    expect(view.getUint16(ip + 4)).toBe(bytes.length - ip - 40)
  }
  const transport = ip + headerLength
  const length = bytes.length - transport
  expect(sumBytes(bytes, transport, bytes.length, pseudoHeader(frame.family, protocol, length))).toBe(0xffff)
  return { view, ip, transport }
}

const frames: fc.Arbitrary<Frame> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  vlanTags: fc.nat(2),
  networkOptions: fc.constantFrom(0, 0, 8, 16),
  tcpOptions: fc.nat(10).chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 })),
  flags: fc.nat(255),
  sequence: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constant(0xfffffff0)),
  identification: fc.oneof(fc.nat(0xffff), fc.constant(0xfffe)),
  payload: fc
    .tuple(fc.integer({ min: 0, max: 20_000 }), fc.nat(255))
    .map(([length, seed]) => Uint8Array.from({ length }, (_, index) => Math.imul(index + seed, 0x9e3779b1) >>> 24)),
})
const segmentSizes = fc.oneof(fc.constant(1448), fc.integer({ min: 100, max: 9000 }))

describe('SoftwareOffload', () => {
  it('cuts a packet into segments that are right in every field and make up the whole again', () => {
    fc.assert(
      fc.property(frames, segmentSizes, (frame, size) => {
        const netif = new RecordingNetif()
        const offload = new SoftwareOffload(netif)
        offload.transmit(buildTcp(netif.memory, frame, size))

        const count = Math.max(1, Math.ceil(frame.payload.length / size))
        expect(netif.sent.length).toBe(count)
        const joined: number[] = []
        for (const [index, { bytes, checksum, segmentation }] of netif.sent.entries()) {
          expect(segmentation).toBe(Segmentation.None)
          expect(checksum).toBe(ChecksumState.Unverified)
          const { view, ip, transport } = dissect(bytes, frame, 6)
          if (frame.family === 4) expect(view.getUint16(ip + 4)).toBe((frame.identification + index) & 0xffff)
          expect(view.getUint32(transport + 4)).toBe((frame.sequence + index * size) % 2 ** 32)
          expect(view.getUint32(transport + 8)).toBe(0x12345678)
          expect(view.getUint16(transport + 14)).toBe(500)
          const isLast = index === count - 1
          const flags = frame.flags & (isLast ? 0xff : ~0x09) & (index === 0 ? 0xff : ~0x80)
          expect(view.getUint8(transport + 13)).toBe(flags)
          const payload = transport + 20 + frame.tcpOptions.length
          expect(bytes.subarray(transport + 20, payload)).toEqual(frame.tcpOptions)
          expect(bytes.length - payload).toBe(isLast ? frame.payload.length - index * size : size)
          for (let i = payload; i < bytes.length; i++) joined.push(bytes[i])
        }
        expect(Buffer.from(joined).equals(Buffer.from(frame.payload))).toBe(true)
        expect(netif.memory.inUse).toBe(0)
        expect(netif.memory.counters.doubleFrees).toBe(0)
      }),
    )
  })

  it('leaves the checksums of segments to a device that completes them', () => {
    fc.assert(
      fc.property(frames, segmentSizes, (frame, size) => {
        const netif = new RecordingNetif({ checksumOffload: true })
        new SoftwareOffload(netif).transmit(buildTcp(netif.memory, frame, size))
        for (const { bytes, checksum, checksumStart, checksumField } of netif.sent) {
          expect(checksum).toBe(ChecksumState.Partial)
          expect(checksumField - checksumStart).toBe(16)
          const view = new DataView(bytes.buffer)
          view.setUint16(checksumField, finish(sumBytes(bytes, checksumStart, bytes.length, 0)))
          dissect(bytes, frame, 6)
        }
      }),
      { numRuns: 50 },
    )
  })

  it.each([
    [4, { checksumOffload: true, tcp4Segmentation: true }, { checksumOffload: true, tcp6Segmentation: true }],
    [6, { checksumOffload: true, tcp6Segmentation: true }, { checksumOffload: true, tcp4Segmentation: true }],
  ] as const)('segments only what the device does not, IPv%i', (family, able, unable) => {
    const frame = { ...plainFrame, family, payload: new Uint8Array(5000) }
    const passing = new RecordingNetif(able)
    new SoftwareOffload(passing).transmit(buildTcp(passing.memory, frame, 1448))
    expect(passing.sent.map((sent) => sent.segmentation)).toEqual([family === 4 ? 1 : 2])
    const cutting = new RecordingNetif(unable)
    new SoftwareOffload(cutting).transmit(buildTcp(cutting.memory, frame, 1448))
    expect(cutting.sent.map((sent) => sent.segmentation)).toEqual([0, 0, 0, 0])
  })

  it('completes checksums in place', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        fc.pre(frame.payload.length < 1600)
        const netif = new RecordingNetif()
        const offload = new SoftwareOffload(netif)
        const packet = buildTcp(netif.memory, frame, 0)
        packet.segmentation = Segmentation.None
        offload.transmit(packet)
        expect(netif.sent.length).toBe(1)
        const { view, transport } = dissect(netif.sent[0].bytes, frame, 6)
        expect(view.getUint8(transport + 13)).toBe(frame.flags)
        expect(offload.offloadCounters.checksumsCompleted).toBe(1)
      }),
    )
  })

  it.each([
    // Linux would send 0xffff for both; for TCP 0 is as good, and what RFC 9293 says.
    ['UDP', 17, 6, 0xffff],
    ['TCP', 6, 16, 0],
  ])('sends a sum of zero as %s does', (_, protocol, field, expected) => {
    const netif = new RecordingNetif()
    const packet = netif.memory.allocate(100) as PacketBuffer
    netif.memory.bytes.fill(0, packet.start, packet.start + 100)
    const view = new DataView(netif.memory.bytes.buffer, packet.start)
    const length = 24
    const transport = writeNetwork(view, plainFrame, protocol, length)
    const seed = pseudoHeader(4, protocol, length)
    view.setUint16(transport + field, seed)
    // Any word that brings the sum to 0xffff.
    view.setUint16(transport + 20, 0xffff - seed)
    packet.end = packet.start + transport + length
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start + transport
    packet.checksumField = packet.checksumStart + field
    new SoftwareOffload(netif).transmit(packet)
    expect(new DataView(netif.sent[0].bytes.buffer).getUint16(transport + field)).toBe(expected)
  })

  it('passes on whatever needs nothing done, untouched', () => {
    const netif = new RecordingNetif()
    const offload = new SoftwareOffload(netif)
    const packet = buildTcp(netif.memory, plainFrame, 0)
    packet.segmentation = Segmentation.None
    packet.checksum = ChecksumState.Verified
    const before = netif.memory.bytes.slice(packet.start, packet.end)
    offload.transmit(packet)
    expect(netif.sent[0].bytes).toEqual(before)
    expect(netif.sent[0].checksum).toBe(ChecksumState.Verified)
  })

  it('drops and counts the segments that memory has no room for', () => {
    const netif = new RecordingNetif({}, new PacketMemory({ smallSlots: 16, largeSlots: 4 }))
    netif.holds = true
    const offload = new SoftwareOffload(netif)
    offload.transmit(buildTcp(netif.memory, { ...plainFrame, payload: new Uint8Array(30_000) }, 1448))
    // 21 segments, 16 slots.
    expect(netif.sent.length).toBe(16)
    expect(offload.offloadCounters.segmentNoMemory).toBe(5)
    expect(netif.counters.transmitError).toBe(5)
    for (const packet of netif.queue) packet.release()
    expect(netif.memory.inUse).toBe(0)
  })

  it('drops and counts packets whose fields contradict each other', () => {
    const spoil: ((packet: PacketBuffer, bytes: Uint8Array) => void)[] = [
      (packet) => (packet.segmentSize = 0),
      (packet) => (packet.checksum = ChecksumState.Verified),
      (packet) => packet.checksumField++,
      (packet) => (packet.checksumStart = packet.start),
      (packet) => (packet.end = packet.checksumStart + 19),
      (packet, bytes) => (bytes[packet.checksumStart + 12] = 0x40),
      (packet, bytes) => {
        bytes[packet.checksumStart + 12] = 0xf0
        packet.end = packet.checksumStart + 59
      },
      (packet) => {
        packet.segmentation = Segmentation.None
        packet.checksumField = packet.end - 1
      },
      (packet) => {
        packet.segmentation = Segmentation.None
        packet.checksumStart = packet.start - 1
      },
    ]
    for (const change of spoil) {
      const netif = new RecordingNetif()
      const offload = new SoftwareOffload(netif)
      const packet = buildTcp(netif.memory, { ...plainFrame, payload: new Uint8Array(3000) }, 1448)
      change(packet, netif.memory.bytes)
      offload.transmit(packet)
      expect(netif.sent.length).toBe(0)
      expect(offload.offloadCounters.malformed).toBe(1)
      expect(netif.counters.transmitError).toBe(1)
      expect(netif.memory.inUse).toBe(0)
    }
  })

  it('passes everything else through, and leaves alone a netif that needs no help', async () => {
    const netif = new RecordingNetif()
    const offload = SoftwareOffload.over(netif)
    expect(offload.features).toEqual({ checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true })
    expect([offload.name, offload.mac, offload.mtu]).toEqual(['recording', netif.mac, 1500])
    expect(offload.counters).toBe(netif.counters)
    expect(offload.memory).toBe(netif.memory)
    const receiver: FrameReceiver = { frame() {}, endOfBurst() {}, closed() {} }
    offload.attach(receiver)
    expect(netif.receiver).toBe(receiver)
    offload.flush()
    await offload.close()
    expect(netif.calls).toEqual(['flush', 'close'])
    expect(SoftwareOffload.over(offload)).toBe(offload)
  })
})

const plainFrame: Frame = {
  family: 4,
  vlanTags: 0,
  networkOptions: 0,
  tcpOptions: new Uint8Array(12),
  flags: 0x18,
  sequence: 1000,
  identification: 7,
  payload: new Uint8Array(100),
}
