/** The states of BBR, draft-ietf-ccwg-bbr, 5.1.1, and what each sends at and holds in flight. */

export const BbrState = {
  Startup: 0,
  Drain: 1,
  ProbeDown: 2,
  ProbeCruise: 3,
  ProbeRefill: 4,
  ProbeUp: 5,
  ProbeRoundTrip: 6,
} as const
export type BbrState = (typeof BbrState)[keyof typeof BbrState]

/** BBR.pacing_gain and BBR.cwnd_gain of each state: 5.6.1. */
export const PACING_GAINS = [2.77, 0.5, 0.9, 1, 1, 1.25, 1]
export const WINDOW_GAINS = [2, 2, 2, 2, 2, 2.25, 0.5]

/** IsProbingBW(): more than the path is known to carry is in flight on purpose. */
export function isProbingBandwidth(state: BbrState): boolean {
  return state === BbrState.Startup || state === BbrState.ProbeRefill || state === BbrState.ProbeUp
}

/** IsInAProbeBWState() */
export function isInProbeBandwidthState(state: BbrState): boolean {
  return state >= BbrState.ProbeDown && state <= BbrState.ProbeUp
}
