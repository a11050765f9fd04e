import { integerInRange } from '../../errors/index.ts'
import type { Dhcpv4ClientOptions } from './client-interface.ts'
import type { ClientProfile } from './client-messages.ts'
import { isDomainName } from './domain-search.ts'

/** Bytes of an IPv4 header without options and of a UDP header. */
const HEADERS = 28

/**
 * How a client shows itself to servers, from its options.
 * @throws TypeError for what is no host name, RangeError unless the client identifier has 2 to 255 bytes (RFC 2132, 9.14)
 */
export function clientProfile(options: Dhcpv4ClientOptions): ClientProfile {
  const { hostName = null, clientId = null } = options
  if (hostName !== null && !isDomainName(hostName)) throw new TypeError(`not a host name: ${JSON.stringify(hostName)}`)
  if (clientId !== null) integerInRange('the length of clientId', clientId.length, 2, 255)
  return {
    mac: options.mac,
    clientId,
    hostName,
    rapidCommit: options.rapidCommit ?? true,
    broadcast: options.broadcast ?? false,
    ipv6Only: options.ipv6Only ?? false,
    autoConfigure: options.autoConfigure ?? false,
    maximumSize: Math.min(options.transport.maximumMessage + HEADERS, 65_535),
  }
}
