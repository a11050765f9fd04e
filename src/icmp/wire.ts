/** ICMP for IPv4, RFC 792. Functions over `(bytes, position)`, where `position` is the first byte of the message. */
import { IpErrorKind } from '../ip/index.ts'

/** Type, code, checksum and four bytes whose meaning depends on the type. */
export const HEADER_LENGTH = 8

/** IANA "ICMP Parameters". */
export const IcmpType = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  EchoRequest: 8,
  RouterAdvertisement: 9,
  RouterSolicitation: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  TimestampRequest: 13,
  TimestampReply: 14,
  InformationRequest: 15,
  InformationReply: 16,
  AddressMaskRequest: 17,
  AddressMaskReply: 18,
  ExtendedEchoRequest: 42,
  ExtendedEchoReply: 43,
} as const

const TYPE = 0
const CODE = 1
const CHECKSUM = 2
const IDENTIFIER = 4
const SEQUENCE = 6
/** RFC 1191, section 4: the low 16 bits of what RFC 792 left unused. */
const NEXT_HOP_MTU = 6

function word16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

function writeWord16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

export function type(bytes: Uint8Array, position: number): number {
  return bytes[position + TYPE]
}

export function code(bytes: Uint8Array, position: number): number {
  return bytes[position + CODE]
}

export function checksum(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + CHECKSUM)
}

/** Of echo messages, 0 to 65,535. */
export function identifier(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + IDENTIFIER)
}

/** Of echo messages, 0 to 65,535. */
export function sequence(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + SEQUENCE)
}

/** Of "fragmentation needed"; 0 from routers older than RFC 1191. */
export function nextHopMtu(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + NEXT_HOP_MTU)
}

/** Of a redirect: the better first hop, a signed 32-bit integer. */
export function gateway(bytes: Uint8Array, position: number): number {
  return (word16(bytes, position + IDENTIFIER) << 16) | word16(bytes, position + SEQUENCE)
}

export function writeType(bytes: Uint8Array, position: number, value: number): void {
  bytes[position + TYPE] = value
}

export function writeChecksum(bytes: Uint8Array, position: number, value: number): void {
  writeWord16(bytes, position + CHECKSUM, value)
}

/** Writes 8 bytes with the checksum 0. @param high bytes 4 and 5 @param low bytes 6 and 7 */
export function writeHeader(
  bytes: Uint8Array,
  position: number,
  messageType: number,
  messageCode: number,
  high: number,
  low: number,
): void {
  bytes[position + TYPE] = messageType
  bytes[position + CODE] = messageCode
  writeWord16(bytes, position + CHECKSUM, 0)
  writeWord16(bytes, position + IDENTIFIER, high)
  writeWord16(bytes, position + SEQUENCE, low)
}

/** Messages that ask or answer; all others are errors, or might be (RFC 1122, 3.2.2: no error is sent about those). */
export function isQuery(messageType: number): boolean {
  switch (messageType) {
    case IcmpType.EchoReply:
    case IcmpType.EchoRequest:
    case IcmpType.RouterAdvertisement:
    case IcmpType.RouterSolicitation:
    case IcmpType.TimestampRequest:
    case IcmpType.TimestampReply:
    case IcmpType.InformationRequest:
    case IcmpType.InformationReply:
    case IcmpType.AddressMaskRequest:
    case IcmpType.AddressMaskReply:
    case IcmpType.ExtendedEchoRequest:
    case IcmpType.ExtendedEchoReply:
      return true
    default:
      return false
  }
}

/** Codes of destination unreachable, RFC 792, RFC 1122 section 3.2.2.1 and RFC 1812 section 5.2.7.1, in their order. */
const UNREACHABLE_KINDS: readonly IpErrorKind[] = [
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.HostUnreachable,
  IpErrorKind.ProtocolUnreachable,
  IpErrorKind.PortUnreachable,
  IpErrorKind.PacketTooBig,
  // Source route failed: we send none; RFC 1122, 4.2.3.9 treats it as a soft error.
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.HostUnreachable,
  IpErrorKind.HostUnreachable,
  IpErrorKind.Prohibited,
  IpErrorKind.Prohibited,
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.HostUnreachable,
  IpErrorKind.Prohibited,
  IpErrorKind.Prohibited,
  IpErrorKind.Prohibited,
]

/** What an error message means, or null for a code that no RFC defines. */
export function errorKind(messageType: number, messageCode: number): IpErrorKind | null {
  switch (messageType) {
    case IcmpType.DestinationUnreachable:
      return UNREACHABLE_KINDS[messageCode] ?? null
    case IcmpType.TimeExceeded:
      return messageCode <= 1 ? IpErrorKind.TimeExceeded : null
    case IcmpType.ParameterProblem:
      return messageCode <= 2 ? IpErrorKind.ParameterProblem : null
    default:
      return null
  }
}

/** Type and code, as one 16-bit word, in which we say what `kind` means. */
export function errorTypeAndCode(kind: IpErrorKind): number {
  const unreachable = IcmpType.DestinationUnreachable << 8
  switch (kind) {
    case IpErrorKind.NetworkUnreachable:
      return unreachable
    case IpErrorKind.HostUnreachable:
      return unreachable | 1
    case IpErrorKind.ProtocolUnreachable:
      return unreachable | 2
    case IpErrorKind.PortUnreachable:
      return unreachable | 3
    case IpErrorKind.PacketTooBig:
      return unreachable | 4
    case IpErrorKind.Prohibited:
      // RFC 1812, 5.2.7.1: communication administratively prohibited.
      return unreachable | 13
    case IpErrorKind.TimeExceeded:
      // In transit; RFC 792 has 1 for reassembly.
      return IcmpType.TimeExceeded << 8
    case IpErrorKind.ParameterProblem:
      return IcmpType.ParameterProblem << 8
  }
}
