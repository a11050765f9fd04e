/** What is in a client's messages, RFC 2131, section 4.4, tables 4 and 5. */

import { IpAddress } from '../../address/index.ts'
import { buildMessage } from './build-message.ts'
import { MessageType, OptionCode } from './codes.ts'
import { type MessageOptions, newMessage } from './message.ts'
import type { ClientIdentity } from './validate-message.ts'

/** What does not change from one message to the next. */
export interface ClientProfile extends ClientIdentity {
  readonly hostName: string | null
  readonly rapidCommit: boolean
  /** Asks for answers by broadcast. */
  readonly broadcast: boolean
  /** Whether the host can do without IPv4 (RFC 8925). */
  readonly ipv6Only: boolean
  /** Whether it gives itself a link-local address if there is no server (RFC 2563). */
  readonly autoConfigure: boolean
  /** Largest message that it takes, with the headers of IP and UDP. */
  readonly maximumSize: number
}

/** What does. */
export interface MessageContent {
  transactionId: number
  /** Since the client began to look for an address. */
  seconds: number
  /** ciaddr: the address that the client has and answers on. */
  clientAddress?: IpAddress | undefined
  requestedAddress?: IpAddress | null | undefined
  serverId?: IpAddress | undefined
}

/** RFC 3442: classless routes stand before routers. */
const PARAMETERS: readonly number[] = [
  OptionCode.SubnetMask,
  OptionCode.ClasslessRoute,
  OptionCode.Router,
  OptionCode.StaticRoute,
  OptionCode.DnsServer,
  OptionCode.HostName,
  OptionCode.DomainName,
  OptionCode.DomainSearch,
  OptionCode.InterfaceMtu,
  OptionCode.BroadcastAddress,
  OptionCode.NtpServer,
  OptionCode.LeaseTime,
  OptionCode.RenewalTime,
  OptionCode.RebindingTime,
]

export function clientMessage(type: MessageType, profile: ClientProfile, content: MessageContent): Uint8Array {
  const { transactionId, seconds, clientAddress = IpAddress.ANY_V4, requestedAddress = null, serverId = null } = content
  const options: Partial<MessageOptions> = { type, clientId: profile.clientId, requestedAddress, serverId }
  if (type === MessageType.Discover || type === MessageType.Request) {
    options.hostName = profile.hostName
    options.maximumSize = profile.maximumSize
    options.parameterRequest = profile.ipv6Only ? [...PARAMETERS, OptionCode.Ipv6OnlyPreferred] : [...PARAMETERS]
  }
  if (type === MessageType.Discover) {
    options.rapidCommit = profile.rapidCommit
    if (profile.autoConfigure) options.autoConfigure = true
  }
  // Who has its address can hear unicast.
  const broadcast = profile.broadcast && clientAddress.isUnspecified
  const { mac: hardwareAddress } = profile
  return buildMessage(newMessage({ transactionId, seconds, broadcast, clientAddress, hardwareAddress }, options))
}
