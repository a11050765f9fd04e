import { integerInRange } from '../../errors/index.ts'

/** Times are milliseconds. */
export interface HappyEyeballsSettings {
  /** How long IPv6 addresses may come after those of IPv4 before these are tried: RFC 8305, section 3. 0 to 2^31 - 1. */
  readonly resolutionDelay: number
  /** How long one attempt has before the next begins beside it: RFC 8305, section 5. 10 to 2^31 - 1. */
  readonly attemptDelay: number
  /** After which an attempt is given up, 1 to 2^31 - 1. */
  readonly attemptTimeout: number
  /** How long names may take to be resolved before they are asked for again, 1 to 2^31 - 1. */
  readonly resolveTimeout: number
  /** How often they are asked for again, 0 to 1,000. */
  readonly resolveRetries: number
  /** What delays and timeouts are rounded up to, counted from the beginning; 0: they are exact. 0 to 60,000. */
  readonly timerInterval: number
}

/** RFC 8305, section 8, and for what it leaves open MirageOS. */
export const DEFAULT_HAPPY_EYEBALLS: HappyEyeballsSettings = {
  resolutionDelay: 50,
  attemptDelay: 250,
  attemptTimeout: 10_000,
  resolveTimeout: 1_000,
  resolveRetries: 3,
  timerInterval: 0,
}

const LONGEST = 2 ** 31 - 1
const RANGES: { readonly [Name in keyof HappyEyeballsSettings]: readonly [least: number, most: number] } = {
  resolutionDelay: [0, LONGEST],
  // RFC 8305, section 5: never less than 10 ms.
  attemptDelay: [10, LONGEST],
  attemptTimeout: [1, LONGEST],
  resolveTimeout: [1, LONGEST],
  resolveRetries: [0, 1_000],
  timerInterval: [0, 60_000],
}

/** @throws RangeError naming the setting that is out of range, or that there is not */
export function happyEyeballsSettings(given: Partial<HappyEyeballsSettings> = {}): HappyEyeballsSettings {
  for (const [name, value] of Object.entries(given)) {
    const range = RANGES[name as keyof HappyEyeballsSettings]
    if (range === undefined) throw new RangeError(`Happy Eyeballs has no setting ${name}`)
    if (value !== undefined) integerInRange(`happyEyeballs.${name}`, value, range[0], range[1])
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { ...DEFAULT_HAPPY_EYEBALLS, ...set }
}
