/** What an application passes in, checked the same way by every stack. */
import { isIP } from 'node:net'

/** Seconds; as much as SO_LINGER takes where it is shortest. */
export const LONGEST_LINGER = 65_535

/** @throws RangeError naming the option, if it is not a port from `least` to 65,535 */
export function checkPort(name: string, value: number, least: 0 | 1): number {
  if (!Number.isInteger(value) || value < least || value > 65535) {
    throw new RangeError(`${name} is a port from ${least} to 65535, not ${JSON.stringify(value) ?? String(value)}`)
  }
  return value
}

/** @throws TypeError naming the option, if it is not an IP address */
export function checkAddress(name: string, value: string): string {
  if (typeof value !== 'string' || isIP(value) === 0) {
    throw new TypeError(`${name} is an IP address, not ${JSON.stringify(value)}`)
  }
  return value
}

/** @throws TypeError naming the option, if it is neither true nor false */
export function checkBoolean(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is true or false, not ${String(value)}`)
  return value
}

/** @throws RangeError naming the option, if it is not an integer from `least` to `most` */
export function checkInteger(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} is an integer from ${least} to ${most}, not ${String(value)}`)
  }
  return value
}
