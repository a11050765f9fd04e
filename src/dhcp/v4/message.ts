/** A DHCPv4 message as the rest of the client sees it; `parse-message.ts` and `build-message.ts` turn bytes into it and back. */

import { IpAddress, type IpPrefix, MacAddress } from '../../address/index.ts'
import { Operation } from './codes.ts'

/** RFC 2132, section 5.8, and RFC 3442. */
export interface Dhcpv4Route {
  /** Host bits are zero. */
  readonly destination: IpPrefix
  /** Null for a network on the link (RFC 3442: router 0.0.0.0). */
  readonly gateway: IpAddress | null
}

/** The options of a message; null, false or empty for what is not in it. Times are seconds, 32 bits. */
export interface MessageOptions {
  /** A `MessageType`, or a number that is not known. */
  type: number | null
  /** The subnet mask's length, 1 to 32. */
  prefixLength: number | null
  routers: IpAddress[]
  dnsServers: IpAddress[]
  ntpServers: IpAddress[]
  hostName: string | null
  /** Several names, as some servers send them, are in `domainSearch` as well. */
  domainName: string | null
  domainSearch: string[]
  /** 68 to 65,535, RFC 2132, section 5.1. */
  mtu: number | null
  broadcastAddress: IpAddress | null
  staticRoutes: Dhcpv4Route[]
  /** Null where there is no such option, which means that `routers` and `staticRoutes` hold (RFC 3442). */
  classlessRoutes: Dhcpv4Route[] | null
  requestedAddress: IpAddress | null
  leaseTime: number | null
  serverId: IpAddress | null
  parameterRequest: number[]
  /** For people; printable characters only. */
  message: string | null
  /** 576 or more. */
  maximumSize: number | null
  renewAfter: number | null
  rebindAfter: number | null
  vendorClass: string | null
  clientId: Uint8Array | null
  rapidCommit: boolean
  /** Whether the client may give itself a link-local address, RFC 2563. */
  autoConfigure: boolean | null
  /** Seconds that a client which can do without IPv4 shall do so, RFC 8925. */
  ipv6OnlyWait: number | null
  /** Options that mean nothing to us, as they came. */
  others: { code: number; bytes: Uint8Array }[]
}

/** RFC 2131, section 2; over Ethernet. Addresses that do not matter are 0.0.0.0. */
export interface Message {
  operation: Operation
  /** 32 bits, not negative. */
  transactionId: number
  /** Since the client began. */
  seconds: number
  /** The client cannot receive unicast before it has its address. */
  broadcast: boolean
  /** ciaddr, yiaddr, siaddr and giaddr. */
  clientAddress: IpAddress
  yourAddress: IpAddress
  nextServer: IpAddress
  relayAddress: IpAddress
  /** chaddr. */
  hardwareAddress: MacAddress
  options: MessageOptions
  /** Options left out when it was parsed: malformed beyond use, or beyond a bound. */
  ignoredOptions: number
}

export function noOptions(): MessageOptions {
  return {
    type: null,
    prefixLength: null,
    routers: [],
    dnsServers: [],
    ntpServers: [],
    hostName: null,
    domainName: null,
    domainSearch: [],
    mtu: null,
    broadcastAddress: null,
    staticRoutes: [],
    classlessRoutes: null,
    requestedAddress: null,
    leaseTime: null,
    serverId: null,
    parameterRequest: [],
    message: null,
    maximumSize: null,
    renewAfter: null,
    rebindAfter: null,
    vendorClass: null,
    clientId: null,
    rapidCommit: false,
    autoConfigure: null,
    ipv6OnlyWait: null,
    others: [],
  }
}

/** A message with nothing in it but what is given. */
export function newMessage(fields: Partial<Omit<Message, 'options'>>, options: Partial<MessageOptions> = {}): Message {
  return {
    operation: Operation.Request,
    transactionId: 0,
    seconds: 0,
    broadcast: false,
    clientAddress: IpAddress.ANY_V4,
    yourAddress: IpAddress.ANY_V4,
    nextServer: IpAddress.ANY_V4,
    relayAddress: IpAddress.ANY_V4,
    hardwareAddress: MacAddress.ZERO,
    ...fields,
    options: { ...noOptions(), ...options },
    ignoredOptions: 0,
  }
}
