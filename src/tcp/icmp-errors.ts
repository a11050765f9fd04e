/** ICMP errors: RFC 1122, 4.2.3.9, RFC 5461 (soft errors), RFC 5927 (validation). */
import type { SystemErrorCode } from '../errors/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { Connection } from './connection.ts'
import { packetTooBig } from './packet-too-big.ts'
import { isBefore, type SequenceNumber } from './sequence-number.ts'

/** @param sequence the quoted segment's sequence number: RFC 5927, 4.1, it must be one that is on its way */
export function receiveIcmpError(
  connection: Connection,
  kind: IpErrorKind,
  sequence: SequenceNumber,
  mtu: number,
): void {
  // SND.UNA =< SEG.SEQ < SND.NXT
  if (isBefore(sequence, connection.unacknowledged) || !isBefore(sequence, connection.sendNext)) {
    connection.context.counters.OutOfWindowIcmps++
    return
  }
  if (kind === IpErrorKind.PacketTooBig) {
    packetTooBig(connection, sequence, mtu)
    return
  }
  const code = errorCode(kind)
  if (code === null) return
  if (connection.isOpening && !connection.isAnswering && connection.context.settings.icmpEndsConnecting) {
    // As Linux: an attempt to connect fails at once, so that the application can try another address (RFC 5461).
    connection.context.counters.AttemptFails++
    connection.destroy(code)
  } else {
    connection.softError = code
  }
}

function errorCode(kind: IpErrorKind): SystemErrorCode | null {
  switch (kind) {
    case IpErrorKind.NetworkUnreachable:
      return 'ENETUNREACH'
    case IpErrorKind.HostUnreachable:
    case IpErrorKind.TimeExceeded:
      return 'EHOSTUNREACH'
    case IpErrorKind.Prohibited:
      return 'EHOSTUNREACH'
    case IpErrorKind.ProtocolUnreachable:
    case IpErrorKind.PortUnreachable:
      return 'ECONNREFUSED'
    case IpErrorKind.ParameterProblem:
      return 'EPROTO'
    default:
      return null
  }
}
