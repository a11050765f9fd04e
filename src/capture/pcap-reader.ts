import type { ByteSource } from './byte-source.ts'
import { type CapturedFrame, CaptureFormatError, type CaptureInterface, LONGEST_FRAME } from './captured-frame.ts'

/**
 * Reads the classic format, draft-ietf-opsawg-pcap: a header of 24 bytes, then records. The first four bytes tell the
 * byte order and whether fractions of seconds are micro- or nanoseconds.
 */

/** The file's first four bytes, read as big-endian. */
export const PCAP_MAGIC = {
  microsecondsBig: 0xa1b2c3d4,
  nanosecondsBig: 0xa1b23c4d,
  microsecondsLittle: 0xd4c3b2a1,
  nanosecondsLittle: 0x4d3cb2a1,
} as const

export function isPcapMagic(magic: number): boolean {
  return Object.values(PCAP_MAGIC).some((known) => known === magic)
}

/** @param magic the first four bytes, which have been read already */
export function* readPcap(source: ByteSource, magic: number): Generator<CapturedFrame, void, undefined> {
  const littleEndian = magic === PCAP_MAGIC.microsecondsLittle || magic === PCAP_MAGIC.nanosecondsLittle
  const isNano = magic === PCAP_MAGIC.nanosecondsBig || magic === PCAP_MAGIC.nanosecondsLittle
  const header = viewOf(source.read(20))
  const major = header.getUint16(0, littleEndian)
  if (major !== 2) throw new CaptureFormatError(`pcap version ${major} is not supported`, 4)
  const device: CaptureInterface = {
    id: 0,
    name: null,
    description: null,
    mac: null,
    // The upper bits say whether a frame check sequence follows each frame.
    linkType: header.getUint32(16, littleEndian) & 0xffff,
    snapLength: header.getUint32(12, littleEndian),
  }
  for (let bytes = source.tryRead(16); bytes !== null; bytes = source.tryRead(16)) {
    const record = viewOf(bytes)
    const seconds = record.getUint32(0, littleEndian)
    const fraction = record.getUint32(4, littleEndian)
    const length = record.getUint32(8, littleEndian)
    const originalLength = record.getUint32(12, littleEndian)
    if (length > LONGEST_FRAME) {
      throw new CaptureFormatError(`a frame of ${length} bytes is too long to be one`, source.position - 16)
    }
    yield {
      timestampNanoseconds: BigInt(seconds) * 1_000_000_000n + BigInt(isNano ? fraction : fraction * 1000),
      interface: device,
      direction: null,
      bytes: source.read(length).slice(),
      originalLength,
      comment: null,
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
