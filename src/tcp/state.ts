/**
 * Connection states, RFC 9293, section 3.3.2. LISTEN is the `Listener`, TIME-WAIT a `TimeWait` record of its own, so
 * that neither costs a connection.
 */
export const State = {
  Closed: 0,
  SynSent: 1,
  SynReceived: 2,
  Established: 3,
  FinWait1: 4,
  FinWait2: 5,
  CloseWait: 6,
  Closing: 7,
  LastAck: 8,
  TimeWait: 9,
} as const
export type State = (typeof State)[keyof typeof State]

const NAMES = [
  'CLOSED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
] as const

/** The state's name as the RFC spells it. */
export function stateName(state: State): (typeof NAMES)[number] {
  return NAMES[state]
}
