/** What time it is in the life of a lease, and when something is due: RFC 2131, section 4.4.5. */

import type { Microseconds } from '../../clock/index.ts'
import type { Dhcpv4State } from './client-interface.ts'
import type { Dhcpv4Lease } from './lease.ts'
import { renewalDelay } from './retransmission.ts'

/** Until T1, from T1 to T2, from T2 to the end, and after. */
export type LeasePhase = 'bound' | 'renewing' | 'rebinding' | 'expired'

export function leasePhase({ renewAt, rebindAt, expiresAt }: Dhcpv4Lease, now: Microseconds): LeasePhase {
  if (now >= expiresAt) return 'expired'
  if (now >= rebindAt) return 'rebinding'
  return now >= renewAt ? 'renewing' : 'bound'
}

/** How long to wait for an answer that was asked for `now`. */
export function delayInPhase(lease: Dhcpv4Lease, phase: 'renewing' | 'rebinding', now: Microseconds): Microseconds {
  const { renewAt, rebindAt, expiresAt } = lease
  return phase === 'renewing'
    ? renewalDelay(rebindAt - now, rebindAt - renewAt)
    : renewalDelay(expiresAt - now, expiresAt - rebindAt)
}

/**
 * When the client has to do something next; `Infinity` for never.
 * @param sendAt when it asks again, which counts while it asks
 */
export function nextLeaseEvent(lease: Dhcpv4Lease, state: Dhcpv4State, sendAt: Microseconds): Microseconds {
  if (state === 'bound') return lease.renewAt
  if (state === 'renewing') return Math.min(sendAt, lease.rebindAt)
  if (state === 'rebinding') return Math.min(sendAt, lease.expiresAt)
  return lease.expiresAt
}
