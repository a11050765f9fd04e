import { MacAddress } from '../address/index.ts'
import type { ByteSource } from './byte-source.ts'
import {
  type CaptureDirection,
  type CapturedFrame,
  CaptureFormatError,
  type CaptureInterface,
  LONGEST_FRAME,
} from './captured-frame.ts'
import { Block, BYTE_ORDER_MAGIC, DIRECTION_MASK, INBOUND, Option, OUTBOUND } from './pcapng-format.ts'

/**
 * Reads pcapng, draft-ietf-opsawg-pcapng: blocks of a type and a length, in sections that may differ in byte order.
 * Files come from strangers: lengths are checked before anything is read or kept, each step consumes bytes, and what
 * is kept is bounded.
 */

/** Longest block that is read and not passed over, as in libpcap. */
const LONGEST_BLOCK = 16 * 1024 * 1024
/** Interfaces in one section. */
const MAXIMUM_INTERFACES = 4096

/** An interface with what turns its timestamps into nanoseconds: value * multiplier / divisor + offset. */
interface Source {
  device: CaptureInterface
  multiplier: bigint
  divisor: bigint
  offset: bigint
}

interface Section {
  littleEndian: boolean
  sources: Source[]
}

/** The first four bytes, the type of a section header, have been read already. */
export function* readPcapng(source: ByteSource): Generator<CapturedFrame, void, undefined> {
  let section = readSectionHeader(source)
  for (;;) {
    const start = source.position
    const typeBytes = source.tryRead(4)
    if (typeBytes === null) return
    const type = viewOf(typeBytes).getUint32(0, section.littleEndian)
    // It reads the same in both byte orders.
    if (type === Block.SectionHeader) {
      section = readSectionHeader(source)
      continue
    }
    const length = viewOf(source.read(4)).getUint32(0, section.littleEndian)
    checkBlockLength(length, 12, start)
    if (isKnown(type)) {
      if (length > LONGEST_BLOCK) throw new CaptureFormatError(`a block of ${length} bytes is too long`, start)
      const body = viewOf(source.read(length - 8))
      checkTrailer(body.getUint32(body.byteLength - 4, section.littleEndian), length, start)
      const content = new DataView(body.buffer, body.byteOffset, body.byteLength - 4)
      const frame = readBlock(type, content, section, start)
      if (frame !== null) yield frame
    } else {
      source.skip(length - 12)
      checkTrailer(viewOf(source.read(4)).getUint32(0, section.littleEndian), length, start)
    }
  }
}

function isKnown(type: number): boolean {
  return (
    type === Block.InterfaceDescription ||
    type === Block.EnhancedPacket ||
    type === Block.SimplePacket ||
    type === Block.Packet
  )
}

function readSectionHeader(source: ByteSource): Section {
  const start = source.position - 4
  const head = viewOf(source.read(8))
  const littleEndian = head.getUint32(4, true) === BYTE_ORDER_MAGIC
  if (!littleEndian && head.getUint32(4) !== BYTE_ORDER_MAGIC) {
    throw new CaptureFormatError('no byte-order magic in a section header', start + 8)
  }
  const length = head.getUint32(0, littleEndian)
  checkBlockLength(length, 28, start)
  const major = viewOf(source.read(4)).getUint16(0, littleEndian)
  if (major !== 1) throw new CaptureFormatError(`pcapng version ${major} is not supported`, start + 12)
  source.skip(length - 20)
  checkTrailer(viewOf(source.read(4)).getUint32(0, littleEndian), length, start)
  return { littleEndian, sources: [] }
}

function checkBlockLength(length: number, least: number, position: number): void {
  if (length < least || length % 4 !== 0) throw new CaptureFormatError(`a block cannot have ${length} bytes`, position)
}

function checkTrailer(trailer: number, length: number, position: number): void {
  if (trailer === length) return
  throw new CaptureFormatError(`a block says ${length} bytes at its start and ${trailer} at its end`, position)
}

function readBlock(type: number, body: DataView, section: Section, position: number): CapturedFrame | null {
  switch (type) {
    case Block.InterfaceDescription:
      readInterface(body, section, position)
      return null
    case Block.EnhancedPacket:
      needBytes(body, 20, position)
      return readPacket(body, section, body.getUint32(0, section.littleEndian), position)
    case Block.Packet:
      // The same layout, but the interface has 16 bits and a count of drops follows it.
      needBytes(body, 20, position)
      return readPacket(body, section, body.getUint16(0, section.littleEndian), position)
    default:
      return readSimplePacket(body, section, position)
  }
}

function readInterface(body: DataView, section: Section, position: number): void {
  needBytes(body, 8, position)
  if (section.sources.length === MAXIMUM_INTERFACES) {
    throw new CaptureFormatError(`more than ${MAXIMUM_INTERFACES} interfaces`, position)
  }
  const { littleEndian } = section
  let name: string | null = null
  let description: string | null = null
  let mac: MacAddress | null = null
  let offset = 0n
  // Without the option, timestamps are in microseconds.
  let unitsPerSecond = 1_000_000n
  readOptions(body, 8, littleEndian, position, (code, value) => {
    if (code === Option.InterfaceName) name = textOf(value)
    else if (code === Option.InterfaceDescription) description = textOf(value)
    else if (code === Option.InterfaceMac && value.length === 6) mac = MacAddress.fromBytes(value, 0)
    else if (code === Option.InterfaceTimestampResolution && value.length === 1) {
      const exponent = BigInt(value[0] & 0x7f)
      unitsPerSecond = (value[0] & 0x80) === 0 ? 10n ** exponent : 2n ** exponent
    } else if (code === Option.InterfaceTimestampOffset && value.length === 8) {
      offset = viewOf(value).getBigInt64(0, littleEndian) * 1_000_000_000n
    }
  })
  section.sources.push({
    device: {
      id: section.sources.length,
      name,
      description,
      mac,
      linkType: body.getUint16(0, littleEndian),
      snapLength: body.getUint32(4, littleEndian),
    },
    multiplier: 1_000_000_000n,
    divisor: unitsPerSecond,
    offset,
  })
}

function readPacket(body: DataView, section: Section, id: number, position: number): CapturedFrame {
  const { littleEndian } = section
  const source = sourceOf(section, id, position)
  const length = body.getUint32(12, littleEndian)
  needFrame(body, 20, length, position)
  let direction: CaptureDirection | null = null
  let comment: string | null = null
  readOptions(body, 20 + ((length + 3) & ~3), littleEndian, position, (code, value) => {
    if (code === Option.PacketFlags && value.length === 4) {
      const bits = viewOf(value).getUint32(0, littleEndian) & DIRECTION_MASK
      direction = bits === INBOUND ? 'inbound' : bits === OUTBOUND ? 'outbound' : null
    } else if (code === Option.Comment && comment === null) comment = textOf(value)
  })
  const time = (BigInt(body.getUint32(4, littleEndian)) << 32n) | BigInt(body.getUint32(8, littleEndian))
  return {
    timestampNanoseconds: (time * source.multiplier) / source.divisor + source.offset,
    interface: source.device,
    direction,
    bytes: new Uint8Array(body.buffer, body.byteOffset + 20, length).slice(),
    originalLength: body.getUint32(16, littleEndian),
    comment,
  }
}

/** Section 4.4: no timestamp, the first interface, and as much of the frame as its snap length lets through. */
function readSimplePacket(body: DataView, section: Section, position: number): CapturedFrame {
  needBytes(body, 4, position)
  const { device } = sourceOf(section, 0, position)
  const originalLength = body.getUint32(0, section.littleEndian)
  const length = device.snapLength === 0 ? originalLength : Math.min(originalLength, device.snapLength)
  needFrame(body, 4, length, position)
  return {
    timestampNanoseconds: 0n,
    interface: device,
    direction: null,
    bytes: new Uint8Array(body.buffer, body.byteOffset + 4, length).slice(),
    originalLength,
    comment: null,
  }
}

function sourceOf(section: Section, id: number, position: number): Source {
  if (id < section.sources.length) return section.sources[id]
  throw new CaptureFormatError(`a frame is from interface ${id}, which has no description`, position)
}

function needBytes(body: DataView, length: number, position: number): void {
  if (body.byteLength < length) throw new CaptureFormatError('a block is too short for its type', position)
}

function needFrame(body: DataView, start: number, length: number, position: number): void {
  if (length > LONGEST_FRAME) throw new CaptureFormatError(`a frame of ${length} bytes is too long to be one`, position)
  if (body.byteLength < start + length) {
    throw new CaptureFormatError(`a frame of ${length} bytes does not fit its block`, position)
  }
}

/** Section 3.5: code, length, value padded to 32 bits. The end option may be missing where the block ends. */
function readOptions(
  body: DataView,
  start: number,
  littleEndian: boolean,
  position: number,
  take: (code: number, value: Uint8Array) => void,
): void {
  for (let at = start; at + 4 <= body.byteLength; ) {
    const code = body.getUint16(at, littleEndian)
    const length = body.getUint16(at + 2, littleEndian)
    if (code === Option.End) return
    if (at + 4 + length > body.byteLength) {
      throw new CaptureFormatError(`an option of ${length} bytes does not fit its block`, position)
    }
    take(code, new Uint8Array(body.buffer, body.byteOffset + at + 4, length))
    at += 4 + ((length + 3) & ~3)
  }
}

/** UTF-8, not zero-terminated, though some programs do. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\0+$/, '')
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
