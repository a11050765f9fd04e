import { closeSync, openSync } from 'node:fs'
import { ByteSource } from './byte-source.ts'
import { type CapturedFrame, CaptureFormatError } from './captured-frame.ts'
import { isPcapMagic, readPcap } from './pcap-reader.ts'
import { Block } from './pcapng-format.ts'
import { readPcapng } from './pcapng-reader.ts'

/**
 * The frames of a pcap or pcapng file, one by one; the whole is never in memory.
 *
 * ```ts
 * for (const frame of readCapture('trace.pcapng')) console.log(frame.timestampNanoseconds, frame.bytes.length)
 * ```
 *
 * @param source a path, an open descriptor (which stays open), or the bytes of a file
 * @throws CaptureFormatError where the file is damaged, after the frames before that place; the errors of `open` and
 *   `read`
 */
export function* readCapture(source: string | number | Uint8Array): Generator<CapturedFrame, void, undefined> {
  if (typeof source !== 'string') {
    yield* readFrames(new ByteSource(source))
    return
  }
  const descriptor = openSync(source, 'r')
  try {
    yield* readFrames(new ByteSource(descriptor))
  } finally {
    closeSync(descriptor)
  }
}

function readFrames(source: ByteSource): Generator<CapturedFrame, void, undefined> {
  const bytes = source.read(4)
  const magic = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
  if (magic === Block.SectionHeader) return readPcapng(source)
  if (isPcapMagic(magic)) return readPcap(source, magic)
  throw new CaptureFormatError(`neither pcap nor pcapng: the file begins with ${Buffer.from(bytes).toString('hex')}`, 0)
}
