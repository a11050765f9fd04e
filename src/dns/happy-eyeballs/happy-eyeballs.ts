/**
 * Happy Eyeballs, version 2 (RFC 8305): which address of a name is tried when. A state machine and nothing else: it is told
 * what happened and what time it is, and says what to do.
 */
import type { IpFamily } from '../../address/index.ts'
import { MILLISECOND, type Microseconds } from '../../clock/index.ts'
import type { HappyEyeballsSettings } from './settings.ts'

/** An address that a connection to a name may be tried with. */
export interface HappyAddress {
  readonly address: string
  readonly family: IpFamily
}

/** What is to be done, in this order. */
export type HappyAction =
  /** Ask for the addresses of one family; for those of the second time and later again, beside the first. */
  | { readonly type: 'resolve'; readonly family: IpFamily }
  | { readonly type: 'connect'; readonly attempt: number; readonly address: HappyAddress }
  /** Give an attempt up; nothing more is to be told of it. */
  | { readonly type: 'cancel'; readonly attempt: number }
  /** Nothing more is to be resolved. */
  | { readonly type: 'stopResolving' }
  /** The end: this attempt's connection. */
  | { readonly type: 'connected'; readonly attempt: number }
  /** The end: why each attempt failed and each family was not resolved, in that order. */
  | { readonly type: 'failed'; readonly errors: readonly Error[] }

type Resolution = 'asked' | 'answered'

interface Attempt {
  readonly id: number
  readonly deadline: Microseconds
}

/** Puts addresses in the order of preference (RFC 6724). */
export type AddressSort = (addresses: readonly HappyAddress[]) => readonly HappyAddress[]

/**
 * Which of the addresses of a name is tried when, RFC 8305: a state machine that is told what happens and says what
 * to do.
 */
export class HappyEyeballs {
  readonly #settings: HappyEyeballsSettings
  readonly #sort: AddressSort
  /** What an attempt that takes too long fails with. */
  readonly #timeoutError: (address: HappyAddress) => Error
  readonly #resolutions = new Map<IpFamily, Resolution>()
  #begin: Microseconds = 0
  /** In the order in which they are to be tried. */
  #untried: HappyAddress[] = []
  readonly #known = new Set<string>()
  readonly #attempts = new Map<number, Attempt & { address: HappyAddress }>()
  #nextId = 1
  #lastFamily: IpFamily | null = null
  readonly #attemptErrors: Error[] = []
  readonly #resolveErrors: Error[] = []
  /** When IPv4 is no longer held back for IPv6; infinite if it is not. */
  #holdUntil: Microseconds = Number.POSITIVE_INFINITY
  /** When the next attempt begins, whatever becomes of the last. */
  #nextAttemptAt: Microseconds = Number.NEGATIVE_INFINITY
  #resolveAgainAt: Microseconds = Number.POSITIVE_INFINITY
  #resolveRetriesLeft: number
  #ended = false

  constructor(settings: HappyEyeballsSettings, sort: AddressSort, timeoutError: (address: HappyAddress) => Error) {
    this.#settings = settings
    this.#sort = sort
    this.#timeoutError = timeoutError
    this.#resolveRetriesLeft = settings.resolveRetries
  }

  /** Begins with a name. @param families those to ask for; IPv6 is asked for first (RFC 8305, section 3) */
  start(now: Microseconds, families: readonly IpFamily[]): HappyAction[] {
    this.#begin = now
    const actions: HappyAction[] = []
    for (const family of [6, 4] as const) {
      if (!families.includes(family)) continue
      this.#resolutions.set(family, 'asked')
      actions.push({ type: 'resolve', family })
    }
    this.#resolveAgainAt = this.#after(now, this.#settings.resolveTimeout)
    return actions
  }

  /** Begins with addresses that are known. */
  startWith(now: Microseconds, addresses: readonly HappyAddress[]): HappyAction[] {
    this.#begin = now
    this.#learn(addresses)
    return this.#proceed(now)
  }

  /** @param addresses none if there are none */
  resolved(now: Microseconds, family: IpFamily, addresses: readonly HappyAddress[]): HappyAction[] {
    if (this.#ended || this.#resolutions.get(family) !== 'asked') return []
    this.#resolutions.set(family, 'answered')
    this.#learn(addresses)
    return this.#proceed(now)
  }

  resolveFailed(now: Microseconds, family: IpFamily, error: Error): HappyAction[] {
    if (this.#ended || this.#resolutions.get(family) !== 'asked') return []
    this.#resolutions.set(family, 'answered')
    this.#resolveErrors.push(error)
    return this.#proceed(now)
  }

  attemptFailed(now: Microseconds, id: number, error: Error): HappyAction[] {
    if (this.#ended || !this.#attempts.delete(id)) return []
    this.#attemptErrors.push(error)
    // RFC 8305, section 5: no reason to wait for the rest of the delay.
    this.#nextAttemptAt = now
    return this.#proceed(now)
  }

  attemptSucceeded(id: number): HappyAction[] {
    if (this.#ended || !this.#attempts.delete(id)) return []
    return [...this.#end(), { type: 'connected', attempt: id }]
  }

  /** Ends everything: what is under way is cancelled. */
  abort(): HappyAction[] {
    return this.#ended ? [] : this.#end()
  }

  /** When `timer` wants to be called next; infinite if it does not. */
  get nextTimer(): Microseconds {
    if (this.#ended) return Number.POSITIVE_INFINITY
    let next = this.#isResolving ? this.#resolveAgainAt : Number.POSITIVE_INFINITY
    for (const { deadline } of this.#attempts.values()) next = Math.min(next, deadline)
    if (this.#untried.length > 0) next = Math.min(next, this.#isHeld ? this.#holdUntil : this.#nextAttemptAt)
    return next
  }

  timer(now: Microseconds): HappyAction[] {
    if (this.#ended) return []
    const actions: HappyAction[] = []
    for (const { id, deadline, address } of [...this.#attempts.values()]) {
      if (deadline > now) continue
      this.#attempts.delete(id)
      this.#attemptErrors.push(this.#timeoutError(address))
      this.#nextAttemptAt = now
      actions.push({ type: 'cancel', attempt: id })
    }
    if (this.#isResolving && this.#resolveAgainAt <= now) this.#resolveAgain(now, actions)
    return [...actions, ...this.#proceed(now)]
  }

  #resolveAgain(now: Microseconds, actions: HappyAction[]): void {
    this.#resolveAgainAt = this.#after(now, this.#settings.resolveTimeout)
    const again = this.#resolveRetriesLeft-- > 0
    for (const [family, resolution] of this.#resolutions) {
      if (resolution !== 'asked') continue
      if (again) actions.push({ type: 'resolve', family })
      else this.#resolutions.set(family, 'answered')
    }
    if (!again) actions.push({ type: 'stopResolving' })
  }

  get #isResolving(): boolean {
    return this.#resolutions.get(4) === 'asked' || this.#resolutions.get(6) === 'asked'
  }

  /** IPv4 waits a moment for IPv6, as long as nothing has been tried yet (RFC 8305, section 3). */
  get #isHeld(): boolean {
    return (
      this.#resolutions.get(6) === 'asked' && this.#lastFamily === null && this.#holdUntil < Number.POSITIVE_INFINITY
    )
  }

  /** Adds addresses to those that are not tried yet, and puts all of these in order. */
  #learn(addresses: readonly HappyAddress[]): void {
    for (const each of addresses) {
      if (this.#known.has(each.address)) continue
      this.#known.add(each.address)
      this.#untried.push(each)
    }
    this.#untried = interleaved(this.#sort(this.#untried), this.#lastFamily)
  }

  #proceed(now: Microseconds): HappyAction[] {
    if (this.#untried.length > 0) {
      if (this.#resolutions.get(6) === 'asked' && this.#lastFamily === null) {
        if (this.#holdUntil === Number.POSITIVE_INFINITY) {
          this.#holdUntil = this.#after(now, this.#settings.resolutionDelay)
        }
        if (this.#holdUntil > now) return []
      }
      return this.#nextAttemptAt <= now ? [this.#connect(now)] : []
    }
    if (this.#attempts.size > 0 || this.#isResolving) return []
    return [...this.#end(), { type: 'failed', errors: [...this.#attemptErrors, ...this.#resolveErrors] }]
  }

  #connect(now: Microseconds): HappyAction {
    const address = this.#untried.shift()!
    const attempt = this.#nextId++
    this.#lastFamily = address.family
    this.#attempts.set(attempt, { id: attempt, address, deadline: this.#after(now, this.#settings.attemptTimeout) })
    this.#nextAttemptAt = this.#after(now, this.#settings.attemptDelay)
    return { type: 'connect', attempt, address }
  }

  #end(): HappyAction[] {
    this.#ended = true
    const actions: HappyAction[] = this.#isResolving ? [{ type: 'stopResolving' }] : []
    for (const attempt of this.#attempts.keys()) actions.push({ type: 'cancel', attempt })
    this.#attempts.clear()
    return actions
  }

  /** `delay` milliseconds later, by the grid of the timer. */
  #after(now: Microseconds, delay: number): Microseconds {
    const time = now + delay * MILLISECOND
    const grid = this.#settings.timerInterval * MILLISECOND
    return grid === 0 ? time : this.#begin + Math.ceil((time - this.#begin) / grid) * grid
  }
}

/**
 * Families in turn (RFC 8305, section 4, with a First Address Family Count of 1), beginning with that of the best address,
 * or with the other one than was tried last.
 */
export function interleaved(sorted: readonly HappyAddress[], last: IpFamily | null): HappyAddress[] {
  if (sorted.length === 0) return []
  const first = last === null ? sorted[0].family : last === 4 ? 6 : 4
  const one = sorted.filter(({ family }) => family === first)
  const other = sorted.filter(({ family }) => family !== first)
  const mixed: HappyAddress[] = []
  for (let i = 0; i < Math.max(one.length, other.length); i++)
    mixed.push(...one.slice(i, i + 1), ...other.slice(i, i + 1))
  return mixed
}
