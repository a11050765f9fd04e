import { withLargeCounts } from '../packet/index.ts'

/** TCP's counters, under the names that Linux's `nstat` gives them (RFC 4022 and the TcpExt extension). */
export interface TcpCounters {
  ActiveOpens: number
  PassiveOpens: number
  /** Connection attempts that failed, either way. */
  AttemptFails: number
  /** Established connections that ended in a reset, ours or theirs. */
  EstabResets: number
  /** Resets that ended half-open connections of a listener. */
  EmbryonicRsts: number
  /** Segments received, malformed ones included. */
  InSegs: number
  OutSegs: number
  RetransSegs: number
  /** Segments dropped for a bad header. */
  InErrs: number
  InCsumErrors: number
  OutRsts: number
  /** SYNs or finished handshakes dropped because as many connections as may be wait for being accepted. */
  ListenOverflows: number
  /** SYNs dropped for any reason. */
  ListenDrops: number
  /** Connections of a closed listener that another of its group took over, and those that none could. */
  TCPMigrateReqSuccess: number
  TCPMigrateReqFailure: number
  /** SYNs dropped, or answered with a cookie, because the queue of half-open connections was full. */
  TCPReqQFullDrop: number
  TCPReqQFullDoCookies: number
  /** SYN-ACKs with a cookie (RFC 4987, 3.6), ACKs that brought a good one back, and ACKs with none or an old one. */
  SyncookiesSent: number
  SyncookiesRecv: number
  SyncookiesFailed: number
  /** Fast open (RFC 7413), as client: data in a SYN that was acknowledged, that was not, and black holes suspected. */
  TCPFastOpenActive: number
  TCPFastOpenActiveFail: number
  TCPFastOpenBlackhole: number
  /** As server: good cookies, of the key before, bad ones, asked for; SYNs that were too many. */
  TCPFastOpenPassive: number
  TCPFastOpenPassiveAltKey: number
  TCPFastOpenPassiveFail: number
  TCPFastOpenCookieReqd: number
  TCPFastOpenListenOverflow: number
  /** Segments dropped because their timestamp was old (RFC 7323, section 5). */
  PAWSEstab: number
  /** ICMP errors about a segment that is not on its way (RFC 5927, 4.1). */
  OutOfWindowIcmps: number
  DelayedACKs: number
  /** Challenge ACKs sent (RFC 5961), and those for a SYN on an open connection. */
  TCPChallengeACK: number
  TCPSYNChallenge: number
  /** Challenge ACKs held back by the rate limits. */
  TCPACKSkippedChallenge: number
  /** The same of other answers: to segments out of the window, with old timestamps, to half-open connections and in TIME-WAIT. */
  TCPACKSkippedSeq: number
  TCPACKSkippedPAWS: number
  TCPACKSkippedSynRecv: number
  TCPACKSkippedTimeWait: number
  /** Acknowledgments outside of what was ever sent, or too old (RFC 5961, section 5). */
  TCPInvalidAck: number
  TCPTimeouts: number
  /** SYNs and SYN-ACKs sent again. */
  TCPSynRetrans: number
  /** Segments sent again in fast recovery. */
  TCPFastRetrans: number
  /** Recoveries begun by SACK, and by duplicate acknowledgments alone. */
  TCPSackRecovery: number
  TCPRenoRecovery: number
  /** Timeouts in a recovery, after the first signs of a loss, and while another was being repaired. */
  TCPSackRecoveryFail: number
  TCPRenoRecoveryFail: number
  TCPSackFailures: number
  TCPRenoFailures: number
  TCPLossFailures: number
  /** Peers that went back on what they had SACKed. */
  TCPSACKReneging: number
  /** Reordering found by SACK, and by timestamps. */
  TCPSACKReorder: number
  TCPTSReorder: number
  /** Reductions undone because they were spurious: at the end of recovery, at a partial acknowledgment, by D-SACK, after a timeout. */
  TCPFullUndo: number
  TCPPartialUndo: number
  TCPDSACKUndo: number
  TCPLossUndo: number
  /** Timeouts that F-RTO (RFC 5682) found to be spurious. */
  TCPSpuriousRTOs: number
  /** Retransmissions that were lost again. */
  TCPLostRetransmit: number
  /** Segments sent again after a timeout. */
  TCPSlowStartRetrans: number
  /** Tail loss probes sent (RFC 8985, 7), and those that repaired a loss. */
  TCPLossProbes: number
  TCPLossProbeRecovery: number
  /** D-SACKs received (RFC 2883) for what was acknowledged, and for what lies above a gap. */
  TCPDSACKRecv: number
  TCPDSACKOfoRecv: number
  /** Segments that these told of. */
  TCPDSACKRecvSegs: number
  /** SACK blocks that cannot be right. */
  TCPSACKDiscard: number
  /** Segments delivered by acknowledgments that echo congestion (ECE): RFC 3168. */
  TCPDeliveredCE: number
  /** Segments of new data sent, and segments that have reached peers, as far as acknowledgments and SACKs tell. */
  TCPOrigDataSent: number
  TCPDelivered: number
  /** Path MTU probes (RFC 4821) that arrived, and that were too large; how often segments were made smaller because nothing came. */
  TCPMTUPSuccess: number
  TCPMTUPFail: number
  TCPMTUPBlackHole: number
  /** "Packet too big" about what we have not sent, and such that wait for a timeout before they are believed (RFC 5927, 7.2). */
  TCPPmtuImplausible: number
  TCPPmtuHeld: number
  /** Window probes sent. */
  TCPWinProbe: number
  TCPKeepAlive: number
  /** Connections given up: no answer, late data, closed with unread data, more orphans than there may be. */
  TCPAbortOnTimeout: number
  TCPAbortOnData: number
  TCPAbortOnClose: number
  TCPAbortOnMemory: number
  /** TIME-WAIT records made, those pushed out by newer ones, and connections that took over from one. */
  TW: number
  TCPTimeWaitOverflow: number
  TWRecycled: number
  /** Segments queued ahead of a gap, and those dropped because the queue or memory was full. */
  TCPOFOQueue: number
  TCPOFODrop: number
  /** Pieces of data ahead of gaps that were given up because memory was short. */
  OfoPruned: number
  /** Duplicates told of with D-SACK (RFC 2883): of data in order, and of data ahead of a gap. */
  TCPDSACKOldSent: number
  TCPDSACKOfoSent: number
  /** Segments cut or dropped because they went beyond the receive window. */
  TCPRcvQDrop: number
  /** Our windows that closed, and those that opened again. */
  TCPToZeroWindowAdv: number
  TCPFromZeroWindowAdv: number
  /** Segments that could not be sent because packet memory was exhausted; they are tried again. */
  TCPSendNoMemory: number
}

export function newTcpCounters(): TcpCounters {
  return withLargeCounts({
    ActiveOpens: 0,
    PassiveOpens: 0,
    AttemptFails: 0,
    EstabResets: 0,
    EmbryonicRsts: 0,
    InSegs: 0,
    OutSegs: 0,
    RetransSegs: 0,
    InErrs: 0,
    InCsumErrors: 0,
    OutRsts: 0,
    ListenOverflows: 0,
    ListenDrops: 0,
    TCPMigrateReqSuccess: 0,
    TCPMigrateReqFailure: 0,
    TCPReqQFullDrop: 0,
    TCPReqQFullDoCookies: 0,
    SyncookiesSent: 0,
    SyncookiesRecv: 0,
    SyncookiesFailed: 0,
    TCPFastOpenActive: 0,
    TCPFastOpenActiveFail: 0,
    TCPFastOpenBlackhole: 0,
    TCPFastOpenPassive: 0,
    TCPFastOpenPassiveAltKey: 0,
    TCPFastOpenPassiveFail: 0,
    TCPFastOpenCookieReqd: 0,
    TCPFastOpenListenOverflow: 0,
    PAWSEstab: 0,
    OutOfWindowIcmps: 0,
    DelayedACKs: 0,
    TCPChallengeACK: 0,
    TCPSYNChallenge: 0,
    TCPACKSkippedChallenge: 0,
    TCPACKSkippedSeq: 0,
    TCPACKSkippedPAWS: 0,
    TCPACKSkippedSynRecv: 0,
    TCPACKSkippedTimeWait: 0,
    TCPInvalidAck: 0,
    TCPTimeouts: 0,
    TCPSynRetrans: 0,
    TCPFastRetrans: 0,
    TCPSackRecovery: 0,
    TCPRenoRecovery: 0,
    TCPSackRecoveryFail: 0,
    TCPRenoRecoveryFail: 0,
    TCPSackFailures: 0,
    TCPRenoFailures: 0,
    TCPLossFailures: 0,
    TCPSACKReneging: 0,
    TCPSACKReorder: 0,
    TCPTSReorder: 0,
    TCPFullUndo: 0,
    TCPPartialUndo: 0,
    TCPDSACKUndo: 0,
    TCPLossUndo: 0,
    TCPSpuriousRTOs: 0,
    TCPLostRetransmit: 0,
    TCPSlowStartRetrans: 0,
    TCPLossProbes: 0,
    TCPLossProbeRecovery: 0,
    TCPDSACKRecv: 0,
    TCPDSACKOfoRecv: 0,
    TCPDSACKRecvSegs: 0,
    TCPSACKDiscard: 0,
    TCPDeliveredCE: 0,
    TCPOrigDataSent: 0,
    TCPDelivered: 0,
    TCPMTUPSuccess: 0,
    TCPMTUPFail: 0,
    TCPMTUPBlackHole: 0,
    TCPPmtuImplausible: 0,
    TCPPmtuHeld: 0,
    TCPWinProbe: 0,
    TCPKeepAlive: 0,
    TCPAbortOnTimeout: 0,
    TCPAbortOnData: 0,
    TCPAbortOnClose: 0,
    TCPAbortOnMemory: 0,
    TW: 0,
    TCPTimeWaitOverflow: 0,
    TWRecycled: 0,
    TCPOFOQueue: 0,
    TCPOFODrop: 0,
    OfoPruned: 0,
    TCPDSACKOldSent: 0,
    TCPDSACKOfoSent: 0,
    TCPRcvQDrop: 0,
    TCPToZeroWindowAdv: 0,
    TCPFromZeroWindowAdv: 0,
    TCPSendNoMemory: 0,
  })
}
