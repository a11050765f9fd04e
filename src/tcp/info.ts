/**
 * What is known about a connection, in the way of Linux's `struct tcp_info` (tcp(7), TCP_INFO; include/uapi/linux/tcp.h):
 * the same names without `tcpi_`, the same units. What Linux counts and we do not is left out.
 */
import type { Microseconds } from '../clock/index.ts'
import { initialWindow, LARGEST_WINDOW } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import { Ecn } from './explicit-congestion-notification.ts'
import { Sent } from './recovery/index.ts'
import { distance } from './sequence-number.ts'
import { State, stateName } from './state.ts'
import { NEVER } from './transmission-control-block.ts'

/** TCPI_OPT_*: the bits of `TcpInfo.options`. */
export const TcpInfoOption = {
  Timestamps: 1,
  Sack: 2,
  WindowScale: 4,
  Ecn: 8,
  EcnSeen: 16,
  /** Data in a SYN was taken: RFC 7413. */
  SynData: 32,
} as const

/** TCP_INFINITE_SSTHRESH: what Linux shows while no threshold is known. */
const INFINITE_THRESHOLD = 0x7fffffff

/** A snapshot of a connection. Times are in microseconds unless they say milliseconds; sizes in bytes or in segments. */
export interface TcpInfo {
  /** As RFC 9293 spells it: `ESTABLISHED`. */
  readonly state: ReturnType<typeof stateName>
  /** Open, Disorder, CWR, Recovery, Loss: 0 to 4. */
  readonly ca_state: number
  /** The congestion control: `cubic`. */
  readonly ca_name: string
  /** Timeouts since the peer last acknowledged something. */
  readonly retransmits: number
  /** Window probes, or keep-alive probes, that are unanswered. */
  readonly probes: number
  /** How often the retransmission timeout is doubled now. */
  readonly backoff: number
  /** Timestamps 1, SACK 2, window scale 4, ECN 8, where both sides agreed on it; the peer's data is ECN-capable 16. */
  readonly options: number
  /** Shifts, 0 to 14: of the windows that the peer sends, and of those that we send. */
  readonly snd_wscale: number
  readonly rcv_wscale: number
  /** `delivery_rate` is what the application gave, not what the path can carry. */
  readonly delivery_rate_app_limited: boolean
  /** Retransmission timeout with its backoff, microseconds. */
  readonly rto: number
  /** How long an acknowledgment may be held back, microseconds. */
  readonly ato: number
  /** Bytes of a full segment that we send; the largest that the peer has sent, or may be thought to send. */
  readonly snd_mss: number
  readonly rcv_mss: number
  /** Segments outstanding; of these SACKed, believed lost, and sent again and on their way. */
  readonly unacked: number
  readonly sacked: number
  readonly lost: number
  readonly retrans: number
  /** Milliseconds since data was last sent, since data last arrived (-1: never), and since an acknowledgment did. */
  readonly last_data_sent: number
  readonly last_data_recv: number
  readonly last_ack_recv: number
  /** The path's MTU, bytes. */
  readonly pmtu: number
  /** Smoothed round trip and its variation (RFC 6298), microseconds; 0 before the first sample. */
  readonly rtt: number
  readonly rttvar: number
  /** The smallest round trip of the last minutes, microseconds; 0 before the first sample. */
  readonly min_rtt: number
  /** Slow start threshold and congestion window, segments. The threshold is 2^31 - 1 while none is known. */
  readonly snd_ssthresh: number
  readonly snd_cwnd: number
  /** The MSS that we announce, bytes. */
  readonly advmss: number
  /** How many segments out of order do not yet mean a loss; how often reordering was seen. */
  readonly reordering: number
  readonly reord_seen: number
  /** Segments sent again since the connection began, SYNs among them. */
  readonly total_retrans: number
  /** Bytes per second: at which the congestion control sends, 0 if it does not pace, and the last that was delivered. */
  readonly pacing_rate: number
  readonly delivery_rate: number
  /** Bytes of data: acknowledged by the peer, received in order, sent (retransmissions count), of these sent again. */
  readonly bytes_acked: number
  readonly bytes_received: number
  readonly bytes_sent: number
  readonly bytes_retrans: number
  /** Bytes written and not yet sent. */
  readonly notsent_bytes: number
  /** Segments as the wire has them, all and those with data. */
  readonly segs_out: number
  readonly segs_in: number
  readonly data_segs_out: number
  readonly data_segs_in: number
  /** Segments that have reached the peer, as far as acknowledgments and SACKs tell. */
  readonly delivered: number
  /** Those of them for which the acknowledgment echoed congestion (ECE). */
  readonly delivered_ce: number
  /** Segments that the peer reported to have got twice (RFC 2883). */
  readonly dsack_dups: number
  /** The windows that the peer and we have offered and that are not used up, bytes. */
  readonly snd_wnd: number
  readonly rcv_wnd: number
  /** The round trip as the receiver sees it, microseconds, and what the application read in the best one, bytes; 0 if unknown. */
  readonly rcv_rtt: number
  readonly rcv_space: number
}

/** A snapshot of the connection at this moment. Looks at all that is outstanding: not for the hot path. */
export function tcpInfo(connection: Connection): TcpInfo {
  const { context, recovery, timeout, segmentSize } = connection
  const now = context.time()
  const outstanding = distance(connection.sendNext, connection.unacknowledged)
  const segments = outstandingSegments(connection)
  const threshold = recovery?.congestion.slowStartThreshold ?? LARGEST_WINDOW
  // Of what is outstanding, SYN and FIN are no data.
  const dataOutstanding = Math.max(connection.sendBuffer.length - Math.max(connection.unsent, 0), 0)
  const retransmitted = recovery?.totalRetransmitted ?? 0
  return {
    state: stateName(connection.state),
    ca_state: recovery?.state ?? 0,
    ca_name: connection.congestionControl,
    retransmits: connection.isOpening ? connection.retransmissions : (recovery?.timeouts ?? 0),
    probes: connection.persisting ? timeout.backoff : (connection.idleTimers?.probesSent ?? 0),
    backoff: timeout.backoff,
    options:
      (connection.timestamps ? TcpInfoOption.Timestamps : 0) |
      (connection.selectiveAcknowledgments ? TcpInfoOption.Sack : 0) |
      (connection.windowScaling ? TcpInfoOption.WindowScale : 0) |
      ((connection.ecn & Ecn.Capable) !== 0 ? TcpInfoOption.Ecn : 0) |
      ((connection.ecn & Ecn.CapableSeen) !== 0 ? TcpInfoOption.EcnSeen : 0) |
      (connection.fastOpen?.wasTaken ? TcpInfoOption.SynData : 0),
    snd_wscale: connection.sendWindowScale,
    rcv_wscale: connection.windowScaling ? connection.receiveWindowScale : 0,
    delivery_rate_app_limited: (recovery?.applicationLimitedUntil ?? 0) > 0,
    rto: Math.round(timeout.current),
    ato: context.settings.delayedAcknowledgment,
    snd_mss: segmentSize,
    rcv_mss: connection.receiveSegmentSize,
    ...segments,
    last_data_sent: milliseconds(now - connection.lastSentAt),
    last_data_recv: connection.dataSegmentsReceived === 0 ? -1 : milliseconds(now - connection.dataReceivedAt),
    last_ack_recv: milliseconds(now - connection.lastReceivedAt),
    pmtu: connection.path.mtu,
    rtt: Math.round(timeout.smoothed),
    rttvar: Math.round(timeout.variation),
    min_rtt: Math.round(recovery === null || recovery.minimum === NEVER ? timeout.smoothed : recovery.minimum),
    snd_ssthresh: threshold >= LARGEST_WINDOW ? INFINITE_THRESHOLD : Math.floor(threshold / segmentSize),
    snd_cwnd: Math.floor((recovery?.congestion.window ?? initialWindow(segmentSize)) / segmentSize),
    advmss: connection.offeredSegmentSize,
    reordering: recovery?.reordering ?? 3,
    reord_seen: recovery?.reorderingSeen ?? 0,
    total_retrans: connection.retransmissions,
    pacing_rate: Math.round(recovery?.congestion.pacingRate ?? 0),
    delivery_rate:
      recovery === null || recovery.rateInterval === 0
        ? 0
        : Math.round((recovery.rateDelivered * 1_000_000) / recovery.rateInterval),
    bytes_acked: connection.bytesAcknowledged,
    bytes_received: connection.bytesReceived,
    bytes_sent: connection.bytesAcknowledged + dataOutstanding + retransmitted,
    bytes_retrans: retransmitted,
    notsent_bytes: Math.max(connection.unsent, 0),
    segs_out: connection.segmentsSent,
    segs_in: connection.segmentsReceived,
    data_segs_out: connection.dataSegmentsSent,
    data_segs_in: connection.dataSegmentsReceived,
    delivered: recovery?.deliveredSegments ?? connection.deliveredBefore,
    delivered_ce: recovery?.deliveredEchoed ?? 0,
    dsack_dups: recovery?.duplicateSegmentsReported ?? 0,
    snd_wnd: Math.max(connection.sendWindow - outstanding, 0),
    rcv_wnd: connection.state === State.Closed ? 0 : distance(connection.receiveEdge, connection.receiveNext),
    rcv_rtt: connection.rightSizing?.roundTrip ?? 0,
    rcv_space: connection.rightSizing?.best ?? 0,
  }
}

/** What is outstanding, in segments as the wire has them. */
function outstandingSegments({ recovery }: Connection): Pick<TcpInfo, 'unacked' | 'sacked' | 'lost' | 'retrans'> {
  let [unacked, lost, retrans] = [0, 0, 0]
  for (let segment = recovery?.board.first ?? null; segment !== null; segment = segment.next) {
    unacked += segment.count
    if ((segment.flags & Sent.Lost) !== 0) lost += segment.count
    if ((segment.flags & Sent.Retransmitted) !== 0) retrans += segment.count
  }
  return { unacked, sacked: recovery?.board.sackedSegments ?? 0, lost, retrans }
}

function milliseconds(time: Microseconds): number {
  return Math.round(time / 1000)
}
