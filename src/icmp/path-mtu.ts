/** Which MTU a "fragmentation needed" message stands for, RFC 1191. */

/** RFC 791: every link carries this much. */
const LEAST_MTU = 68

/** RFC 1191, section 7.1. */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, LEAST_MTU]

/**
 * @param reported the next-hop MTU of the message
 * @param quotedLength total length of the packet that did not fit
 * @returns the MTU, or 0 if the message cannot be true: what did not fit is larger than the MTU
 */
export function pathMtu(reported: number, quotedLength: number): number {
  // RFC 1191, section 5: an old router reports none; guess the next lower plateau.
  if (reported === 0) return PLATEAUS.find((plateau) => plateau < quotedLength) ?? 0
  return reported < LEAST_MTU || reported >= quotedLength ? 0 : reported
}
