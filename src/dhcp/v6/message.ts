/** A DHCPv6 message as the rest of the client sees it; `parse-message.ts` and `build-message.ts` turn bytes into it and back. */

import type { IpAddress, IpPrefix } from '../../address/index.ts'
import type { MessageType } from './codes.ts'

/** RFC 8415, section 21.13. */
export interface Status {
  /** A `StatusCode`, or a number that is not known. */
  code: number
  /** For people; printable characters only. */
  message: string
}

/** An address (IAADDR, section 21.6; then /128) or a delegated prefix (IAPREFIX, section 21.22). */
export interface OfferedLease {
  prefix: IpPrefix
  /** Seconds; 0xffffffff means for ever. */
  preferred: number
  valid: number
  status: Status | null
}

/** IA_NA, IA_TA or IA_PD, RFC 8415, sections 21.4, 21.5 and 21.21. */
export interface IdentityAssociation {
  kind: 'IA_NA' | 'IA_TA' | 'IA_PD'
  /** IAID, 32 bits, not negative. */
  id: number
  /** T1 and T2 in seconds; 0 leaves the choice to the client, 0xffffffff means never. Of no meaning in IA_TA. */
  renewAfter: number
  rebindAfter: number
  leases: OfferedLease[]
  status: Status | null
}

/** RFC 5908. */
export interface NtpServers {
  addresses: IpAddress[]
  multicastAddresses: IpAddress[]
  names: string[]
}

/** RFC 4704, section 4. */
export interface ClientFqdn {
  /** Bits S (1), O (2) and N (4). */
  flags: number
  name: string
}

/** The options of a message; null, false or empty for what is not in it. */
export interface MessageOptions {
  clientId: Uint8Array | null
  serverId: Uint8Array | null
  identityAssociations: IdentityAssociation[]
  optionRequest: number[]
  preference: number | null
  /** Hundredths of a second. */
  elapsedTime: number | null
  status: Status | null
  rapidCommit: boolean
  reconfigureAccept: boolean
  /** The kind of message that a Reconfigure asks for. */
  reconfigureMessage: number | null
  serverUnicast: IpAddress | null
  dnsServers: IpAddress[]
  domainSearch: string[]
  ntpServers: NtpServers | null
  clientFqdn: ClientFqdn | null
  /** SOL_MAX_RT and INF_MAX_RT, seconds. */
  solicitMaximum: number | null
  informationMaximum: number | null
  /** Seconds. */
  informationRefreshTime: number | null
  interfaceId: Uint8Array | null
  relayMessage: Uint8Array | null
  /** Options that mean nothing to us, as they came: authentication, classes, vendor's and unknown ones. */
  others: { code: number; bytes: Uint8Array }[]
}

/** Between client and server, RFC 8415, section 8. */
export interface Message {
  type: MessageType
  /** 24 bits. */
  transactionId: number
  options: MessageOptions
  /** Options left out when it was parsed: malformed beyond use, a second one of their kind, or beyond a bound. */
  ignoredOptions: number
}

/** Between relay agents and servers, RFC 8415, section 9. */
export interface RelayMessage {
  type: typeof MessageType.RelayForward | typeof MessageType.RelayReply
  hopCount: number
  linkAddress: IpAddress
  peerAddress: IpAddress
  options: MessageOptions
  ignoredOptions: number
}

export function noOptions(): MessageOptions {
  return {
    clientId: null,
    serverId: null,
    identityAssociations: [],
    optionRequest: [],
    preference: null,
    elapsedTime: null,
    status: null,
    rapidCommit: false,
    reconfigureAccept: false,
    reconfigureMessage: null,
    serverUnicast: null,
    dnsServers: [],
    domainSearch: [],
    ntpServers: null,
    clientFqdn: null,
    solicitMaximum: null,
    informationMaximum: null,
    informationRefreshTime: null,
    interfaceId: null,
    relayMessage: null,
    others: [],
  }
}
