/** The TCP header, RFC 9293, section 3.1. Offsets from its first byte. */
import { type SequenceNumber, sequenceNumber } from './sequence-number.ts'

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const SEQUENCE_NUMBER = 4
const ACKNOWLEDGMENT_NUMBER = 8
const DATA_OFFSET = 12
const FLAGS = 13
const WINDOW = 14
/** Public: whoever completes a Partial checksum needs the field's place. */
export const CHECKSUM_OFFSET = 16
const URGENT_POINTER = 18

/** Without options. */
export const HEADER_LENGTH = 20
/** The data offset counts 32-bit words in four bits. */
export const LONGEST_HEADER = 60
/** What one packet carries for the device to cut: the IP length field covers 64 KiB less one; the longest IPv4 and TCP headers come off. */
export const LARGEST_PAYLOAD = 65_535 - 60 - LONGEST_HEADER

/** Control bits, RFC 9293, section 3.1. */
export const Flag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const

export function sourcePort(view: DataView, header: number): number {
  return view.getUint16(header + SOURCE_PORT)
}

export function destinationPort(view: DataView, header: number): number {
  return view.getUint16(header + DESTINATION_PORT)
}

/** Both ports in one word, source first: the form in which tables compare them. */
export function portPair(view: DataView, header: number): number {
  return view.getInt32(header + SOURCE_PORT)
}

export function sequence(view: DataView, header: number): SequenceNumber {
  return sequenceNumber(view.getInt32(header + SEQUENCE_NUMBER))
}

export function acknowledgment(view: DataView, header: number): SequenceNumber {
  return sequenceNumber(view.getInt32(header + ACKNOWLEDGMENT_NUMBER))
}

/** In bytes, options included; 0 to 60, as it stands: less than 20 is malformed. */
export function headerLength(view: DataView, header: number): number {
  return (view.getUint8(header + DATA_OFFSET) >> 4) << 2
}

/** The four bits behind the data offset: RFC 9293, 3.1, "must be zero in generated segments and must be ignored". */
export function reservedBits(view: DataView, header: number): number {
  return view.getUint8(header + DATA_OFFSET) & 15
}

export function flags(view: DataView, header: number): number {
  return view.getUint8(header + FLAGS)
}

/** As it stands in the header, before window scaling. */
export function windowField(view: DataView, header: number): number {
  return view.getUint16(header + WINDOW)
}

/** A whole header within [header, end), with a data offset that fits. After this no reader goes out of bounds. */
export function isValidHeader(view: DataView, header: number, end: number): boolean {
  if (end - header < HEADER_LENGTH) return false
  const length = headerLength(view, header)
  return length >= HEADER_LENGTH && header + length <= end
}

/** Writes a header without options; the checksum field gets `pseudoHeaderSum`, to be completed below. */
export function writeHeader(
  view: DataView,
  header: number,
  ports: number,
  sequence: SequenceNumber,
  acknowledgment: SequenceNumber,
  length: number,
  flags: number,
  window: number,
  pseudoHeaderSum: number,
): void {
  view.setInt32(header + SOURCE_PORT, ports)
  view.setInt32(header + SEQUENCE_NUMBER, sequence)
  view.setInt32(header + ACKNOWLEDGMENT_NUMBER, acknowledgment)
  view.setUint8(header + DATA_OFFSET, (length >> 2) << 4)
  view.setUint8(header + FLAGS, flags)
  view.setUint16(header + WINDOW, window)
  view.setUint16(header + CHECKSUM_OFFSET, pseudoHeaderSum)
  view.setUint16(header + URGENT_POINTER, 0)
}
