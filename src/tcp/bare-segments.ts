/** Segments that belong to no open connection: resets, SYN-ACKs with a cookie, and acknowledgments in TIME-WAIT. */
import { pseudoHeaderSum } from '../checksum/index.ts'
import { IpProtocol, type Path } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import { TIMESTAMPS_LENGTH, writeSynOptions, writeTimestamps } from './options.ts'
import type { SequenceNumber } from './sequence-number.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TimeWait } from './time-wait.ts'
import * as wire from './wire.ts'

/** The header with the options that we have for a SYN. */
const LONGEST_SYN = 40

/** @param ports ours in the upper half @param withAck whether the acknowledgment number means something */
export function sendReset(
  context: TcpContext,
  path: Path,
  ports: number,
  sequence: SequenceNumber,
  acknowledgment: SequenceNumber,
  withAck: boolean,
): void {
  const packet = context.memory.allocate(0)
  if (packet === null) {
    context.counters.TCPSendNoMemory++
    return
  }
  packet.push(wire.HEADER_LENGTH)
  context.counters.OutRsts++
  const flags = withAck ? wire.Flag.Rst | wire.Flag.Ack : wire.Flag.Rst
  send(context, packet, path, ports, sequence, acknowledgment, flags, 0)
}

/**
 * A SYN-ACK of which nothing is remembered.
 * @param maximumSegmentSize bound of the option, whatever the path allows
 * @param windowScale ours; -1 leaves the option out
 * @param timestampEcho with `timestamps` only
 */
export function sendCookie(
  context: TcpContext,
  path: Path,
  ports: number,
  cookie: SequenceNumber,
  acknowledgment: SequenceNumber,
  maximumSegmentSize: number,
  windowScale: number,
  timestamps: boolean,
  timestampValue: number,
  timestampEcho: number,
  sackPermitted: boolean,
  ecn: boolean,
): void {
  const packet = context.memory.allocate(0)
  if (packet === null) {
    context.counters.TCPSendNoMemory++
    return
  }
  packet.push(LONGEST_SYN)
  packet.end =
    packet.start +
    wire.HEADER_LENGTH +
    writeSynOptions(
      packet.memory.view,
      packet.start + wire.HEADER_LENGTH,
      Math.min(path.mtu - path.headerLength - wire.HEADER_LENGTH, maximumSegmentSize),
      windowScale,
      timestamps,
      timestampValue,
      timestampEcho,
      sackPermitted,
    )
  context.counters.SyncookiesSent++
  // RFC 7323, 2.2: the window in a SYN is never scaled.
  const window = Math.min(context.settings.receiveBuffer, 65_535)
  const flags = wire.Flag.Syn | wire.Flag.Ack | (ecn ? wire.Flag.Ece : 0)
  send(context, packet, path, ports, cookie, acknowledgment, flags, window)
}

/** RFC 9293, 3.10.7.4: what TIME-WAIT answers to a segment that comes again. */
export function sendTimeWaitAcknowledgment(context: TcpContext, record: TimeWait): void {
  const packet = context.memory.allocate(0)
  if (packet === null) {
    context.counters.TCPSendNoMemory++
    return
  }
  const header = packet.push(record.timestamps ? wire.HEADER_LENGTH + TIMESTAMPS_LENGTH : wire.HEADER_LENGTH)
  if (record.timestamps) {
    const now = (Math.floor(context.time() / 1000) + record.timestampOffset) | 0
    writeTimestamps(packet.memory.view, header + wire.HEADER_LENGTH, now, record.recentTimestamp)
  }
  send(context, packet, record.path, record.outgoingPorts, record.sendNext, record.receiveNext, wire.Flag.Ack, 0)
}

/** Sends the packet, which is nothing but a header. */
function send(
  context: TcpContext,
  packet: PacketBuffer,
  path: Path,
  ports: number,
  sequence: SequenceNumber,
  acknowledgment: SequenceNumber,
  flags: number,
  window: number,
): void {
  const header = packet.start
  const length = packet.end - header
  packet.transport = header
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = header
  packet.checksumField = header + wire.CHECKSUM_OFFSET
  const sum = pseudoHeaderSum(path.addressSum, IpProtocol.Tcp, length)
  wire.writeHeader(packet.memory.view, header, ports, sequence, acknowledgment, length, flags, window, sum)
  const fresh = path.isStale ? context.refreshPath(path) : path
  if (fresh === null) {
    packet.release()
    return
  }
  context.counters.OutSegs++
  fresh.ip.send(packet, fresh, IpProtocol.Tcp, 0, 0)
}
