/** What a client says of its lease. */

import type { Log } from '../../log/index.ts'
import type { Dhcpv4EndReason } from './client-interface.ts'
import type { Dhcpv4Lease } from './lease.ts'
import type { ServerMessage } from './validate-message.ts'

/** @param what has become of it */
export function logLease(log: Log, what: string, { address, duration, serverId }: Dhcpv4Lease): void {
  const isForever = duration === Number.POSITIVE_INFINITY
  const fields = {
    address: address.toString(),
    server: serverId.toString(),
    seconds: isForever ? 'for ever' : duration,
  }
  log.info(what, fields)
}

export function logLoss(log: Log, lease: Dhcpv4Lease, reason: Dhcpv4EndReason): void {
  const fields = { address: lease.address.toString(), reason }
  if (reason === 'replaced') log.info('the lease is replaced by another', fields)
  else log.warn(reason === 'expired' ? 'the lease has expired' : 'the lease has ended', fields)
}

export function logRefusal(log: Log, { serverId, options }: ServerMessage): void {
  log.warn('a DHCP server refuses the address', {
    server: serverId.toString(),
    ...(options.message === null ? {} : { message: options.message }),
  })
}
