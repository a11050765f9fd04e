/** How often a sender had to recover, by its own counters. */
import type { TcpCounters } from '../../src/tcp/index.ts'

/** Recoveries that began, by any means: duplicate acknowledgments, SACK, RACK, a tail loss probe, or a timeout. */
export function recoveries(counters: TcpCounters): number {
  return counters.TCPSackRecovery + counters.TCPRenoRecovery + counters.TCPLossProbeRecovery + counters.TCPTimeouts
}

/** Retransmission timeouts. */
export function timeouts(counters: TcpCounters): number {
  return counters.TCPTimeouts
}
