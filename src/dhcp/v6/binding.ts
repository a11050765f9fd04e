import type { IpPrefix } from '../../address/index.ts'
import { type Microseconds, SECOND } from '../../clock/index.ts'
import { INFINITE_SECONDS, StatusCode } from './codes.ts'
import type { IdentityAssociation, OfferedLease } from './message.ts'
import { LIMITS } from './parse-message.ts'

/** T1 and T2 where the server leaves them to the client, as parts of the shortest preferred lifetime, RFC 8415, 21.4. */
const RENEW_FRACTION = 0.5
const REBIND_FRACTION = 0.8

/** An address (then /128) or a delegated prefix that is ours for a time. Points of time are those of the clock. */
export interface Dhcpv6LeaseTimes {
  prefix: IpPrefix
  /** From then on it is deprecated, RFC 4862, section 5.5.4; `Infinity` for never. */
  preferredUntil: Microseconds
  /** From then on it must not be used; `Infinity` for never. */
  validUntil: Microseconds
}

/** What one identity association has, RFC 8415, sections 4.2 and 12. */
export class Binding {
  readonly kind: 'IA_NA' | 'IA_PD'
  readonly id: number
  leases: Dhcpv6LeaseTimes[] = []
  /** T1 and T2 as points of time. */
  renewAt: Microseconds = Number.POSITIVE_INFINITY
  rebindAt: Microseconds = Number.POSITIVE_INFINITY

  constructor(kind: 'IA_NA' | 'IA_PD', id: number) {
    this.kind = kind
    this.id = id
  }

  /** The association of a message that is about this binding, if there is one. */
  in(associations: readonly IdentityAssociation[]): IdentityAssociation | undefined {
    return associations.find(({ kind, id }) => kind === this.kind && id === this.id)
  }

  /**
   * Takes over what a Reply grants, RFC 8415, section 18.2.10.1. Leases that it does not speak of stay as they are.
   * @param replace they go instead: the server made the binding anew
   * @returns leases that are ours no longer
   */
  take(association: IdentityAssociation, now: Microseconds, replace: boolean): Dhcpv6LeaseTimes[] {
    const granted = usableLeases(association)
    const gone = this.leases.filter(({ prefix }) => {
      const said = association.leases.find((lease) => same(lease.prefix, prefix))
      return said === undefined ? replace : said.valid === 0
    })
    this.remove(gone)
    for (const { prefix, preferred, valid } of granted) {
      const held = this.leases.find((lease) => same(lease.prefix, prefix))
      const preferredUntil = after(now, preferred)
      const validUntil = after(now, valid)
      if (held !== undefined) Object.assign(held, { preferredUntil, validUntil })
      else if (this.leases.length < LIMITS.leases) this.leases.push({ prefix, preferredUntil, validUntil })
    }
    if (granted.length > 0) this.#setTimes(association, granted, now)
    return gone
  }

  /** T1 and T2 that have passed come again in a while: the server had nothing to say of this binding. */
  postpone(now: Microseconds, by: Microseconds): void {
    if (this.renewAt <= now) this.renewAt = now + by
    if (this.rebindAt <= now) this.rebindAt = now + by
  }

  remove(leases: readonly Dhcpv6LeaseTimes[]): void {
    this.leases = this.leases.filter((lease) => !leases.includes(lease))
    if (this.leases.length > 0) return
    this.renewAt = Number.POSITIVE_INFINITY
    this.rebindAt = Number.POSITIVE_INFINITY
  }

  #setTimes(association: IdentityAssociation, granted: readonly OfferedLease[], now: Microseconds): void {
    // What is deprecated from the start is renewed by the time that is left of it.
    const shortest = Math.min(...granted.map(({ preferred, valid }) => (preferred > 0 ? preferred : valid)))
    const of = (fraction: number) => (shortest === INFINITE_SECONDS ? shortest : shortest * fraction)
    let { renewAfter, rebindAfter } = association
    // 14.2: a client never takes 0 for "now". Where only one is given, T1 stays at or below T2.
    if (rebindAfter === 0) rebindAfter = Math.max(of(REBIND_FRACTION), renewAfter)
    if (renewAfter === 0) renewAfter = Math.min(of(RENEW_FRACTION), rebindAfter)
    this.renewAt = after(now, renewAfter)
    this.rebindAt = after(now, rebindAfter)
  }
}

/** Those that can be used: with lifetimes, and not refused. */
export function usableLeases(association: IdentityAssociation): OfferedLease[] {
  if (refusal(association) !== null) return []
  return association.leases.filter(
    ({ valid, status }) => valid > 0 && (status === null || status.code === StatusCode.Success),
  )
}

/** The status code of an association if it says no. */
export function refusal({ status }: IdentityAssociation): number | null {
  return status === null || status.code === StatusCode.Success ? null : status.code
}

function same(one: IpPrefix, other: IpPrefix): boolean {
  return one.length === other.length && one.address.equals(other.address)
}

/** RFC 8415, section 7.7: all ones is for ever. */
function after(now: Microseconds, seconds: number): Microseconds {
  return seconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : now + Math.floor(seconds * SECOND)
}
