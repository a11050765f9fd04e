/** Which answers a client waits for in which state: RFC 2131, figure 5 and section 4.4. */

import type { IpAddress } from '../../address/index.ts'
import type { Dhcpv4State } from './client-interface.ts'
import type { ServerMessage } from './validate-message.ts'

/**
 * @param requestedFrom the server that a request names
 * @param rapidCommit whether a server may give a lease where it could offer one, RFC 4039
 */
export function awaitsAcknowledgment(
  state: Dhcpv4State,
  { serverId, options }: ServerMessage,
  requestedFrom: IpAddress | null,
  rapidCommit: boolean,
): boolean {
  switch (state) {
    case 'selecting':
      return rapidCommit && options.rapidCommit
    case 'requesting':
      return requestedFrom?.equals(serverId) === true
    case 'rebooting':
    case 'renewing':
    case 'rebinding':
      return true
    default:
      return false
  }
}

/** @param asked the server that is asked for an address, or that gave the one that we have; null for any */
export function awaitsRefusal(state: Dhcpv4State, { serverId }: ServerMessage, asked: IpAddress | null): boolean {
  switch (state) {
    case 'requesting':
    case 'renewing':
      return asked === null || asked.equals(serverId)
    case 'rebooting':
    case 'rebinding':
      return true
    default:
      return false
  }
}
