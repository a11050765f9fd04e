import type { Microseconds } from '../../clock/index.ts'
import { type Binding, type Dhcpv6LeaseTimes, refusal, usableLeases } from './binding.ts'
import { StatusCode } from './codes.ts'
import type { MessageOptions } from './message.ts'
import { RENEW } from './parameters.ts'

/** What became of a Reply that grants leases. */
export interface TakenReply {
  /** Bindings that it granted something to. */
  granted: number
  /** Bindings that the server does not know, or that do not belong on this link. */
  noBinding: number
  notOnLink: number
  /** Leases that are ours no longer. */
  gone: Dhcpv6LeaseTimes[]
}

/** All identity associations of a client: they are asked for, renewed and rebound together, RFC 8415, section 18.2. */
export class Bindings {
  readonly all: readonly Binding[]

  constructor(all: readonly Binding[]) {
    this.all = all
  }

  get empty(): boolean {
    return this.all.every(({ leases }) => leases.length === 0)
  }

  of(kind: 'IA_NA' | 'IA_PD'): Dhcpv6LeaseTimes[] {
    return this.all.filter((binding) => binding.kind === kind).flatMap(({ leases }) => leases)
  }

  /** The earliest T1 and T2, RFC 8415, sections 18.2.4 and 18.2.5. */
  get renewAt(): Microseconds {
    return Math.min(...this.all.map(({ renewAt }) => renewAt))
  }

  get rebindAt(): Microseconds {
    return Math.min(...this.all.map(({ rebindAt }) => rebindAt))
  }

  get nextExpiry(): Microseconds {
    return Math.min(...this.all.flatMap(({ leases }) => leases.map(({ validUntil }) => validUntil)))
  }

  /** As `Binding.take`, for all that a Reply speaks of. */
  take(options: MessageOptions, now: Microseconds, replace: boolean): TakenReply {
    const result: TakenReply = { granted: 0, noBinding: 0, notOnLink: 0, gone: [] }
    for (const binding of this.all) {
      const association = binding.in(options.identityAssociations)
      const refused = association === undefined ? null : refusal(association)
      if (refused === StatusCode.NoBinding) result.noBinding++
      if (refused === StatusCode.NotOnLink) {
        result.notOnLink++
        result.gone.push(...binding.leases)
        binding.remove(binding.leases)
      }
      if (association !== undefined && refused === null) {
        result.gone.push(...binding.take(association, now, replace))
        if (usableLeases(association).length > 0) result.granted++
      }
    }
    this.postpone(now)
    return result
  }

  /** RFC 8415, section 18.2.10.1: what a server leaves out or refuses is asked for again, but not at once. */
  postpone(now: Microseconds): void {
    for (const binding of this.all) binding.postpone(now, RENEW.initialTimeout)
  }

  /** T1 comes at `time` at the latest. */
  renewBy(time: Microseconds): void {
    for (const binding of this.all) if (binding.leases.length > 0) binding.renewAt = Math.min(binding.renewAt, time)
  }

  /** Takes out what has run out. */
  expire(now: Microseconds): Dhcpv6LeaseTimes[] {
    return this.#takeOut(({ validUntil }) => validUntil <= now)
  }

  clear(): Dhcpv6LeaseTimes[] {
    return this.#takeOut(() => true)
  }

  #takeOut(which: (lease: Dhcpv6LeaseTimes) => boolean): Dhcpv6LeaseTimes[] {
    const out: Dhcpv6LeaseTimes[] = []
    for (const binding of this.all) {
      const leases = binding.leases.filter(which)
      binding.remove(leases)
      out.push(...leases)
    }
    return out
  }
}
