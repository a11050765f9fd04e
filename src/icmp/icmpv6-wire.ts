/**
 * ICMPv6, RFC 4443. Functions over types, codes and `(bytes, position)`, where `position` is the first byte of the message;
 * the fields that ICMP for IPv4 has in the same places are in wire.ts.
 */
import { IpErrorKind } from '../ip/index.ts'

/** Type, code, checksum and four bytes whose meaning depends on the type. */
export const HEADER_LENGTH = 8

/** IANA "ICMPv6 Parameters". */
export const Icmpv6Type = {
  DestinationUnreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  EchoRequest: 128,
  EchoReply: 129,
  Redirect: 137,
} as const

/** Section 2.1: the highest bit tells errors from all else. */
export function isError(messageType: number): boolean {
  return messageType < 128
}

/** The four bytes behind the checksum as an unsigned number: the MTU of Packet Too Big, the pointer of Parameter Problem. */
export function parameter(bytes: Uint8Array, position: number): number {
  return (
    ((bytes[position + 4] << 24) | (bytes[position + 5] << 16) | (bytes[position + 6] << 8) | bytes[position + 7]) >>> 0
  )
}

/** Codes of destination unreachable in their order, section 3.1. */
const UNREACHABLE_KINDS: readonly IpErrorKind[] = [
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.Prohibited,
  IpErrorKind.NetworkUnreachable,
  IpErrorKind.HostUnreachable,
  IpErrorKind.PortUnreachable,
  IpErrorKind.Prohibited,
  IpErrorKind.Prohibited,
]

/** What an error message means, or null for a type or code that we do not know. */
export function errorKind(messageType: number, messageCode: number): IpErrorKind | null {
  switch (messageType) {
    case Icmpv6Type.DestinationUnreachable:
      return UNREACHABLE_KINDS[messageCode] ?? null
    case Icmpv6Type.PacketTooBig:
      // Section 3.2: the code is ignored.
      return IpErrorKind.PacketTooBig
    case Icmpv6Type.TimeExceeded:
      return messageCode <= 1 ? IpErrorKind.TimeExceeded : null
    case Icmpv6Type.ParameterProblem:
      // Section 3.4: the next header is one that the destination does not have.
      if (messageCode === 1) return IpErrorKind.ProtocolUnreachable
      return messageCode <= 3 ? IpErrorKind.ParameterProblem : null
    default:
      return null
  }
}

/** Type and code, as one 16-bit word, in which we say what `kind` means. */
export function errorTypeAndCode(kind: IpErrorKind): number {
  const unreachable = Icmpv6Type.DestinationUnreachable << 8
  switch (kind) {
    case IpErrorKind.NetworkUnreachable:
      return unreachable
    case IpErrorKind.Prohibited:
      return unreachable | 1
    case IpErrorKind.HostUnreachable:
      return unreachable | 3
    case IpErrorKind.PortUnreachable:
      return unreachable | 4
    case IpErrorKind.PacketTooBig:
      return Icmpv6Type.PacketTooBig << 8
    case IpErrorKind.TimeExceeded:
      // A host forwards nothing; what it can run out of time for is reassembly.
      return (Icmpv6Type.TimeExceeded << 8) | 1
    case IpErrorKind.ProtocolUnreachable:
      return (Icmpv6Type.ParameterProblem << 8) | 1
    case IpErrorKind.ParameterProblem:
      return Icmpv6Type.ParameterProblem << 8
  }
}
