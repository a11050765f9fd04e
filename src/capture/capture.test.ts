import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MacAddress } from '../address/index.ts'
import { CaptureFormatError, FileSink, MemorySink, PcapngWriter, readCapture, StreamSink } from './index.ts'

const EPOCH = 1_577_836_800_000_000
const mac = MacAddress.parse('02:00:00:00:00:01')

const directories: string[] = []
function temporaryFile(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'capture-'))
  directories.push(directory)
  return join(directory, name)
}
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

/** Little pieces of capture files, in either byte order. */
class Builder {
  readonly #parts: Buffer[] = []
  readonly #littleEndian: boolean

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian
  }

  u16(...values: number[]): this {
    for (const value of values)
      this.#add(2, (part) => (this.#littleEndian ? part.writeUInt16LE(value) : part.writeUInt16BE(value)))
    return this
  }

  u32(...values: number[]): this {
    for (const value of values)
      this.#add(4, (part) => (this.#littleEndian ? part.writeUInt32LE(value) : part.writeUInt32BE(value)))
    return this
  }

  raw(bytes: Uint8Array | string): this {
    this.#parts.push(Buffer.from(bytes as string))
    return this
  }

  /** A pcapng block around a body, which is padded. */
  block(type: number, body: Builder): this {
    const bytes = body.bytes()
    const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
    return this.u32(type, padded.length + 12)
      .raw(padded)
      .u32(padded.length + 12)
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  #add(length: number, write: (part: Buffer) => void): void {
    const part = Buffer.alloc(length)
    write(part)
    this.#parts.push(part)
  }
}

function sectionHeader(littleEndian: boolean): Buffer {
  const body = new Builder(littleEndian).u32(0x1a2b3c4d).u16(1, 0).u32(0xffffffff, 0xffffffff)
  return new Builder(littleEndian).block(0x0a0d0d0a, body).bytes()
}

describe('pcapng writer', () => {
  test('what is written is read back', async () => {
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink, { comment: 'a test' })
    const first = writer.addInterface({ name: 'tap0', mac, epoch: EPOCH, description: 'the first' })
    const second = writer.addInterface({ name: 'tap1', epoch: EPOCH })
    const frame = Uint8Array.from({ length: 61 }, (_, i) => i)
    writer.write(first, 1, frame, 0, 61, 'inbound')
    writer.write(second, 1_000_000.25, frame, 10, 15, 'outbound', 'grüße')
    writer.write(first, 2 ** 32, frame, 0, 0, null)
    await writer.close()
    const frames = [...readCapture(sink.bytes())]
    expect(frames).toMatchObject([
      {
        timestampNanoseconds: 1_577_836_800_000_001_000n,
        interface: { id: 0, name: 'tap0', description: 'the first', linkType: 1, mac },
        direction: 'inbound',
        bytes: frame,
        originalLength: 61,
        comment: null,
      },
      {
        timestampNanoseconds: 1_577_836_801_000_000_250n,
        interface: { id: 1, name: 'tap1', description: null, mac: null },
        direction: 'outbound',
        bytes: frame.slice(10, 15),
        comment: 'grüße',
      },
      { timestampNanoseconds: 1_577_841_094_967_296_000n, direction: null, bytes: new Uint8Array(0), comment: null },
    ])
    expect(writer.counters).toEqual({ frames: 3, dropped: 0 })
  })

  test('frames and comments of any size, in any number', () => {
    const record = fc.record({
      length: fc.oneof(fc.nat(300), fc.nat(70_000), fc.constant(300_000)),
      comment: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
      now: fc.nat({ max: 2 ** 48 }),
    })
    const source = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (records) => {
        const sink = new MemorySink()
        const writer = new PcapngWriter(sink)
        const device = writer.addInterface({ name: 'x', epoch: EPOCH })
        for (const { length, comment, now } of records) writer.write(device, now, source, 0, length, 'inbound', comment)
        writer.flush()
        const frames = [...readCapture(sink.bytes())]
        expect(frames.length).toBe(records.length)
        for (const [i, { length, comment, now }] of records.entries()) {
          expect(frames[i].originalLength).toBe(length)
          expect(Buffer.compare(frames[i].bytes, source.subarray(0, Math.min(length, 262_144)))).toBe(0)
          expect(frames[i].timestampNanoseconds).toBe(BigInt(EPOCH + now) * 1000n)
          expect(frames[i].comment).toBe(comment?.replace(/\0+$/, '') ?? null)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('application and comment may both be of the greatest length', async () => {
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink, { application: 'a'.repeat(65_532), comment: 'c'.repeat(65_532) })
    const device = writer.addInterface({ name: 'i'.repeat(65_532), description: 'd'.repeat(65_532) })
    writer.write(device, 0, new Uint8Array(60), 0, 60, null)
    await writer.close()
    expect([...readCapture(sink.bytes())].length).toBe(1)
  })

  test('a comment that is too long is cut between characters', () => {
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink)
    writer.write(writer.addInterface({ name: 'x' }), 0, new Uint8Array(4), 0, 4, null, `x${'ü'.repeat(40_000)}`)
    writer.flush()
    const [frame] = readCapture(sink.bytes())
    expect(frame.comment).toBe(`x${'ü'.repeat(32_765)}`)
  })

  test('a file holds all after close, in order, also when the buffer overflowed many times', async () => {
    const path = temporaryFile('many.pcapng')
    const writer = new PcapngWriter(new FileSink(path))
    const device = writer.addInterface({ name: 'tap0', mac })
    const frame = new Uint8Array(65_550)
    for (let i = 0; i < 100; i++) {
      frame[0] = i
      writer.write(device, i, frame, 0, frame.length, 'outbound')
    }
    await writer.close()
    await writer.close()
    const frames = [...readCapture(path)]
    expect(frames.map((captured) => captured.bytes[0])).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  test('a full disk stops the capture and nothing else', async () => {
    const told: Error[] = []
    const writer = new PcapngWriter(new FileSink('/dev/full'), { onError: (error) => told.push(error) })
    const device = writer.addInterface({ name: 'tap0' })
    writer.flush()
    expect(writer.error).toMatchObject({ code: 'ENOSPC' })
    writer.write(device, 0, new Uint8Array(60), 0, 60, 'inbound')
    expect(writer.counters).toEqual({ frames: 0, dropped: 1 })
    await expect(writer.close()).rejects.toMatchObject({ code: 'ENOSPC', path: '/dev/full' })
    expect(told).toEqual([writer.error])
    expect(told[0].message).toMatch(/^ENOSPC: .* '\/dev\/full'$/)
  })

  test('a stream gets whole blocks; one that does not drain loses frames, not the format', async () => {
    const parts: Buffer[] = []
    let proceed: () => void = () => {}
    const stalled = new Promise<void>((resolve) => {
      proceed = resolve
    })
    const stream = new Writable({
      write(chunk, _encoding, done) {
        parts.push(chunk)
        stalled.then(() => done())
      },
    })
    const writer = new PcapngWriter(new StreamSink(stream, 1000))
    const device = writer.addInterface({ name: 'tap0' })
    for (let i = 0; i < 10; i++) {
      writer.write(device, i, new Uint8Array(600), 0, 600, 'inbound')
      writer.flush()
    }
    expect(writer.counters.dropped).toBe(8)
    const late = writer.addInterface({ name: 'tap1' })
    proceed()
    await new Promise((resolve) => setImmediate(resolve))
    writer.flush()
    await new Promise((resolve) => setImmediate(resolve))
    writer.write(late, 20, new Uint8Array(1), 0, 1, 'inbound')
    await writer.close()
    const frames = [...readCapture(Buffer.concat(parts))]
    expect(frames.map((frame) => [frame.interface.name, frame.originalLength])).toEqual([
      ['tap0', 600],
      ['tap0', 600],
      ['tap1', 1],
    ])
  })

  test('a stream that fails stops the capture and nothing else', async () => {
    const stream = new PassThrough()
    const writer = new PcapngWriter(new StreamSink(stream))
    stream.destroy(new Error('gone'))
    await new Promise((resolve) => setImmediate(resolve))
    writer.write(writer.addInterface({ name: 'x' }), 0, new Uint8Array(1), 0, 1, null)
    expect(writer.counters.dropped).toBe(1)
    await expect(writer.close()).rejects.toThrow('gone')
  })

  test('a memory sink is bounded', () => {
    const sink = new MemorySink(1000)
    const writer = new PcapngWriter(sink)
    const device = writer.addInterface({ name: 'x' })
    for (let i = 0; i < 20; i++) {
      writer.write(device, i, new Uint8Array(500), 0, 500, null)
      writer.flush()
    }
    expect(writer.counters).toEqual({ frames: 2, dropped: 18 })
    expect([...readCapture(sink.bytes())]).toHaveLength(2)
  })
})

describe('pcap reader', () => {
  for (const littleEndian of [true, false]) {
    for (const [magic, unit] of [
      [0xa1b2c3d4, 1000n],
      [0xa1b23c4d, 1n],
    ] as const) {
      test(`${littleEndian ? 'little' : 'big'}-endian, fractions of ${unit} ns`, () => {
        const file = new Builder(littleEndian)
          .u32(magic)
          .u16(2, 4)
          .u32(0, 0, 65535, 1)
          .u32(1_600_000_000, 999_999, 3, 1500)
          .raw('abc')
          .u32(4_000_000_000, 1, 0, 0)
          .bytes()
        expect([...readCapture(file)]).toMatchObject([
          {
            timestampNanoseconds: 1_600_000_000_000_000_000n + 999_999n * unit,
            interface: { id: 0, name: null, linkType: 1, snapLength: 65535 },
            direction: null,
            bytes: new Uint8Array(Buffer.from('abc')),
            originalLength: 1500,
          },
          { timestampNanoseconds: 4_000_000_000_000_000_000n + unit, originalLength: 0 },
        ])
      })
    }
  }

  test('a damaged file gives the frames before the damage and then an error that says where', () => {
    const good = new Builder(true).u32(0xa1b2c3d4).u16(2, 4).u32(0, 0, 65535, 1).u32(1, 2, 3, 3).raw('abc')
    const seen: number[] = []
    const read = (bytes: Uint8Array) => {
      for (const frame of readCapture(bytes)) seen.push(frame.originalLength)
    }
    expect(() => read(good.u32(1, 2, 300_000, 300_000).bytes())).toThrow(
      '300000 bytes is too long to be one (at byte 43)',
    )
    expect(seen).toEqual([3])
    expect(() => read(good.bytes().subarray(0, 41))).toThrow(CaptureFormatError)
    expect(() => read(Buffer.from('GIF89a'))).toThrow('neither pcap nor pcapng: the file begins with 47494638')
    expect(() => read(new Uint8Array(0))).toThrow('cut off')
  })
})

describe('pcapng reader', () => {
  for (const littleEndian of [true, false]) {
    test(`${littleEndian ? 'little' : 'big'}-endian: every kind of block, in a section before one of the other order`, () => {
      const build = () => new Builder(littleEndian)
      const file = build()
        .raw(sectionHeader(littleEndian))
        // Microseconds by default, and a resolution of 2^-10 seconds with an offset of 5 seconds.
        .block(1, build().u16(1, 0).u32(4).u16(2, 5).raw('ether\0\0\0').u16(0, 0))
        .block(
          1,
          build()
            .u16(101, 0)
            .u32(0)
            .u16(9, 1)
            .raw(Buffer.from([0x8a, 0, 0, 0]))
            .u16(14, 8)
            .raw(littleEndian ? build().u32(5, 0).bytes() : build().u32(0, 5).bytes()),
        )
        .block(0x0bad, build().raw(Buffer.alloc(200_000)))
        .block(6, build().u32(0, 1, 2, 3, 3).raw('abc\0').u16(2, 4).u32(0x0000_0001).u16(1, 2).raw('hi'))
        .block(6, build().u32(1, 0, 512, 1, 9).raw('x'))
        .block(2, build().u16(0, 7).u32(0, 5, 2, 2).raw('pb\0\0').u16(2, 4).u32(2))
        .block(3, build().u32(9).raw('simp'))
        .raw(sectionHeader(!littleEndian))
        .raw(new Builder(!littleEndian).block(1, new Builder(!littleEndian).u16(1, 0).u32(0)).bytes())
        .raw(new Builder(!littleEndian).block(6, new Builder(!littleEndian).u32(0, 0, 1, 1, 1).raw('z')).bytes())
        .bytes()
      const frames = [...readCapture(file)]
      const text = frames.map((frame) => Buffer.from(frame.bytes).toString())
      expect(text).toEqual(['abc', 'x', 'pb', 'simp', 'z'])
      expect(frames.map((frame) => frame.timestampNanoseconds)).toEqual([
        4_294_967_298_000n,
        5_500_000_000n,
        5000n,
        0n,
        1000n,
      ])
      expect(frames.map((frame) => frame.direction)).toEqual(['inbound', null, 'outbound', null, null])
      expect(frames.map((frame) => frame.interface.linkType)).toEqual([1, 101, 1, 1, 1])
      expect(frames.map((frame) => frame.originalLength)).toEqual([3, 9, 2, 9, 1])
      expect(frames[0]).toMatchObject({ comment: 'hi', interface: { name: 'ether', snapLength: 4 } })
    })
  }

  const section = sectionHeader(true)
  const description = new Builder(true).block(1, new Builder(true).u16(1, 0).u32(0)).bytes()
  const damaged: [string, Buffer, string][] = [
    ['no byte-order magic', Buffer.from('0a0d0d0a1c00000000000000', 'hex'), 'no byte-order magic'],
    ['a block of 8 bytes', Buffer.concat([section, new Builder(true).u32(99, 8, 8).bytes()]), 'cannot have 8 bytes'],
    [
      'a block of 13 bytes',
      Buffer.concat([section, new Builder(true).u32(99, 13, 0, 0).bytes()]),
      'cannot have 13 bytes',
    ],
    ['an endless block', Buffer.concat([section, new Builder(true).u32(99, 0xfffffffc, 0).bytes()]), 'cut off'],
    ['a huge frame block', Buffer.concat([section, new Builder(true).u32(6, 0xfffffffc, 0).bytes()]), 'too long'],
    [
      'two lengths',
      Buffer.concat([section, new Builder(true).u32(99, 12, 16).bytes()]),
      '12 bytes at its start and 16 at its end',
    ],
    [
      'an unknown interface',
      Buffer.concat([section, new Builder(true).block(6, new Builder(true).u32(0, 0, 0, 0, 0)).bytes()]),
      'interface 0, which has no description',
    ],
    [
      'a frame longer than its block',
      Buffer.concat([
        section,
        description,
        new Builder(true).block(6, new Builder(true).u32(0, 0, 0, 100, 100).raw('short')).bytes(),
      ]),
      'does not fit its block',
    ],
    [
      'a frame too long',
      Buffer.concat([
        section,
        description,
        new Builder(true).block(6, new Builder(true).u32(0, 0, 0, 0x80000000, 1)).bytes(),
      ]),
      'too long to be one',
    ],
    [
      'a packet block without a body',
      Buffer.concat([section, description, new Builder(true).block(6, new Builder(true)).bytes()]),
      'too short for its type',
    ],
    [
      'a long option',
      Buffer.concat([section, new Builder(true).block(1, new Builder(true).u16(1, 0).u32(0).u16(2, 500)).bytes()]),
      'option of 500 bytes does not fit',
    ],
    [
      'thousands of interfaces',
      Buffer.concat([section, ...new Array(4097).fill(description)]),
      'more than 4096 interfaces',
    ],
  ]
  for (const [name, file, message] of damaged) {
    test(`${name} is a clear error`, () => {
      const read = () => [...readCapture(file)]
      expect(read).toThrow(CaptureFormatError)
      expect(read).toThrow(message)
    })
  }

  test('flipped bits and cuts end in frames or in a CaptureFormatError', () => {
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink)
    const device = writer.addInterface({ name: 'tap0', mac })
    for (let i = 0; i < 5; i++) writer.write(device, i, new Uint8Array(40), 0, 40, 'inbound', 'comment')
    writer.flush()
    const file = sink.bytes()
    fc.assert(
      fc.property(
        fc.nat(file.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.nat(file.length),
        (at, flip, length) => {
          const copy = file.slice(0, length)
          if (at < length) copy[at] ^= flip
          try {
            expect([...readCapture(copy)].length).toBeLessThanOrEqual(5)
          } catch (error) {
            expect(error).toBeInstanceOf(CaptureFormatError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('a file is read in pieces and closed, also when reading stops early', () => {
    const path = temporaryFile('stop.pcapng')
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink)
    const device = writer.addInterface({ name: 'tap0' })
    for (let i = 0; i < 50; i++) writer.write(device, i, new Uint8Array(5000), 0, 1 + i * 100, null)
    writer.flush()
    writeFileSync(path, sink.bytes())
    expect([...readCapture(path)].map((frame) => frame.bytes.length)).toEqual(
      Array.from({ length: 50 }, (_, i) => 1 + i * 100),
    )
    for (let i = 0; i < 2000; i++) for (const _ of readCapture(path)) break
    expect(() => [...readCapture(`${path}.not`)]).toThrow('ENOENT')
    expect(readFileSync(path).length).toBe(sink.bytes().length)
  })
})
