/**
 * Explicit congestion notification: RFC 3168, section 6.1, with one echo for each window of data. Data is sent as ECT(0);
 * data that comes as ECT(1) is as good (RFC 8311 leaves that codepoint to experiments). What an echo does to the sender is
 * in `recovery/` and, after RFC 8511, in `congestion/`.
 */
import type { PacketBuffer } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import type { Segment } from './segment.ts'
import type { TcpSettings } from './settings.ts'
import { State } from './state.ts'
import { Flag, reservedBits } from './wire.ts'

/** What has been agreed on and what is due; bits of `Connection.ecn`. */
export const Ecn = {
  None: 0,
  /** Both sides have agreed: our new data is ECN-capable, and echoes count. */
  Capable: 1,
  /** We have told the peer that its data may be ECN-capable: marks are echoed. */
  Echoes: 2,
  /** A mark has come: ECE goes with every segment until the peer answers with CWR (6.1.3). */
  EchoDue: 4,
  /** Data of the peer was ECN-capable. */
  CapableSeen: 8,
} as const

/** The lower two bits of the traffic class, section 5. */
export const Codepoint = { NotCapable: 0, Capable1: 1, Capable0: 2, CongestionExperienced: 3, Mask: 3 } as const

const SETUP = Flag.Ece | Flag.Cwr
/** To a connection that was agreed on: 6.1.1, the last of the rules for hosts. */
const AGREED = Ecn.Capable | Ecn.Echoes

/**
 * The flags of our SYN, or of our SYN-ACK. 6.1.1.1: a SYN that is sent again does not ask, because there are firewalls that
 * drop those that do; as Linux (tcp_ecn_fallback).
 */
export function synFlags(connection: Connection): number {
  if (connection.state === State.SynReceived) return (connection.ecn & Ecn.Capable) !== 0 ? Flag.Ece : 0
  return connection.context.settings.ecn === 'on' && connection.retransmissions === 0 ? SETUP : 0
}

/**
 * Whether a SYN asks for ECN and we agree. One whose own IP header claims to be ECN-capable comes from a network that
 * mangles these bits, unless there are reserved flags, too, which a more accurate kind of ECN uses; as Linux.
 */
export function agreesToSyn(settings: TcpSettings, segment: Segment, packet: PacketBuffer): boolean {
  if ((segment.flags & SETUP) !== SETUP || settings.ecn === 'off') return false
  return (
    (packet.trafficClass & Codepoint.Mask) === Codepoint.NotCapable ||
    reservedBits(packet.memory.view, packet.transport) !== 0
  )
}

/** The peer's SYN came, in LISTEN. @param agreed what `agreesToSyn` says, or what the cookie remembers of it */
export function agree(connection: Connection, agreed: boolean): void {
  connection.ecn = agreed ? AGREED : Ecn.None
}

/** The peer's SYN comes again. 6.1.1: one that does not ask means that we should not send ECN-capable data. */
export function synCameAgain(connection: Connection, segment: Segment): void {
  if ((segment.flags & SETUP) !== SETUP) connection.ecn &= ~Ecn.Capable
}

/** A SYN-ACK, or the SYN of a simultaneous open, in SYN-SENT, before the count of our SYNs is forgotten. */
export function answeredOurSyn(connection: Connection, segment: Segment): void {
  // A SYN-ACK that sends back all flags, whatever they are, is none that agrees.
  const agreed = (segment.flags & SETUP) === (segment.hasAck ? Flag.Ece : SETUP)
  if (!agreed || connection.context.settings.ecn !== 'on') connection.ecn = Ecn.None
  // 6.1.1: whoever has sent a SYN that does not ask MUST NOT send ECN-capable data. The first one did ask.
  else connection.ecn = connection.retransmissions === 0 ? AGREED : Ecn.Echoes
}

/** 6.1.3: the peer has reduced its window, and echoes are due no more. */
export function takeReduction(connection: Connection, segment: Segment): void {
  if ((segment.flags & Flag.Cwr) === 0) return
  connection.ecn &= ~Ecn.EchoDue
  // Its window may be very small now: as Linux.
  if (segment.length > 0) connection.acknowledgeNow = true
}

/** 6.1.3: data within the window has arrived, with a mark or without. */
export function takeMark(connection: Connection, packet: PacketBuffer): void {
  const codepoint = packet.trafficClass & Codepoint.Mask
  if (codepoint === Codepoint.CongestionExperienced) {
    if ((connection.ecn & Ecn.EchoDue) === 0) acknowledgeSoon(connection)
    connection.ecn |= Ecn.EchoDue | Ecn.CapableSeen
  } else if (codepoint !== Codepoint.NotCapable) {
    connection.ecn |= Ecn.CapableSeen
  } else if ((connection.ecn & Ecn.CapableSeen) !== 0) {
    // Probably a retransmission (6.1.5), whose sender waits; as Linux.
    acknowledgeSoon(connection)
  }
}

function acknowledgeSoon(connection: Connection): void {
  connection.quickAcknowledgments = Math.max(connection.quickAcknowledgments, 2)
  connection.answering = false
}

/** 6.1.2: whether the peer has seen a mark on what we have sent. */
export function echoesCongestion(connection: Connection, segment: Segment): boolean {
  return (segment.flags & (Flag.Ece | Flag.Syn)) === Flag.Ece && (connection.ecn & Ecn.Capable) !== 0
}
