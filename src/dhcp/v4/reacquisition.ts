import { IpAddress } from '../../address/index.ts'
import type { Clock, Microseconds } from '../../clock/index.ts'
import type { Dhcpv4Lease } from './lease.ts'
import { delayInPhase } from './lease-phase.ts'
import type { Transaction } from './transaction.ts'

/** Asking for more time with the address that is held: RFC 2131, section 4.4.5. */
export class Reacquisition {
  /** When to ask again. */
  sendAt: Microseconds = 0
  readonly #transaction: Transaction
  readonly #clock: Clock

  constructor(transaction: Transaction, clock: Clock) {
    this.#transaction = transaction
    this.#clock = clock
  }

  /**
   * Asks, if it is time to.
   * @param phase the server that gave the lease is asked from T1 on, everybody from T2 on
   * @param isFirst in this phase: under a new number, and at once
   */
  ask(lease: Dhcpv4Lease, phase: 'renewing' | 'rebinding', isFirst: boolean): void {
    const now = this.#clock.now()
    if (isFirst) {
      this.#transaction.begin()
      this.#transaction.since = now
      this.sendAt = now
    }
    if (now < this.sendAt) return
    this.#transaction.prolong(lease.address.address, phase === 'rebinding' ? IpAddress.BROADCAST_V4 : lease.serverId)
    this.sendAt = now + delayInPhase(lease, phase, now)
  }
}
