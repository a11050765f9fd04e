import type { Log } from '../../log/index.ts'
import type { Dhcpv4EndReason, Dhcpv4Events } from './client-interface.ts'
import type { Dhcpv4Lease } from './lease.ts'
import { logLease, logLoss } from './lease-log.ts'
import type { LeaseMemory } from './remembered-lease.ts'

/** The lease that a client holds: what becomes of it is remembered, logged and told, in this order. */
export class HeldLease {
  /** Null if none is held. */
  lease: Dhcpv4Lease | null = null
  readonly #events: Dhcpv4Events
  readonly #memory: LeaseMemory | null
  readonly #log: Log

  constructor(events: Dhcpv4Events, memory: LeaseMemory | null, log: Log) {
    this.#events = events
    this.#memory = memory
    this.#log = log
  }

  /** One with an address that was not held before. */
  take(lease: Dhcpv4Lease): void {
    this.#keep(lease, 'the lease is bound')
    this.#events.bound(lease)
  }

  /** The same address for a longer time. @param isRenewed by the server that gave it, and not by any */
  prolong(lease: Dhcpv4Lease, isRenewed: boolean): void {
    this.#keep(lease, isRenewed ? 'the lease is renewed' : 'the lease is rebound')
    if (isRenewed) this.#events.renewed(lease)
    else this.#events.rebound(lease)
  }

  #keep(lease: Dhcpv4Lease, what: string): void {
    this.lease = lease
    this.#memory?.remember(lease)
    logLease(this.#log, what, lease)
  }

  /** The address is ours no longer. Nothing happens if none was. */
  lose(reason: Dhcpv4EndReason): void {
    const { lease } = this
    if (lease === null) return
    this.lease = null
    if (reason === 'expired') this.#memory?.forget()
    logLoss(this.#log, lease, reason)
    this.#events.expired(lease, reason)
  }

  /** It was given back, and is held no longer. */
  released(lease: Dhcpv4Lease): void {
    this.#memory?.forget()
    this.#log.info('the lease is released', { address: lease.address.toString() })
    this.#events.expired(lease, 'released')
  }

  /** Nobody is told, and it stays remembered. */
  drop(): void {
    this.lease = null
  }
}
