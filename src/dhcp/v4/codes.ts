/** Numbers of DHCPv4. */

/** RFC 2131, section 4.1. */
export const SERVER_PORT = 67
export const CLIENT_PORT = 68

/** RFC 2131, section 2: the field op. */
export const Operation = { Request: 1, Reply: 2 } as const
export type Operation = (typeof Operation)[keyof typeof Operation]

/** RFC 2132, section 9.6. */
export const MessageType = {
  Discover: 1,
  Offer: 2,
  Request: 3,
  Decline: 4,
  Ack: 5,
  Nak: 6,
  Release: 7,
  Inform: 8,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/** RFC 2132 unless another one is named. */
export const OptionCode = {
  Pad: 0,
  SubnetMask: 1,
  Router: 3,
  DnsServer: 6,
  HostName: 12,
  DomainName: 15,
  InterfaceMtu: 26,
  BroadcastAddress: 28,
  StaticRoute: 33,
  NtpServer: 42,
  RequestedAddress: 50,
  LeaseTime: 51,
  Overload: 52,
  MessageType: 53,
  ServerIdentifier: 54,
  ParameterRequestList: 55,
  Message: 56,
  MaximumMessageSize: 57,
  RenewalTime: 58,
  RebindingTime: 59,
  VendorClass: 60,
  ClientIdentifier: 61,
  /** RFC 4039. */
  RapidCommit: 80,
  /** RFC 8925. */
  Ipv6OnlyPreferred: 108,
  /** RFC 2563. */
  AutoConfigure: 116,
  /** RFC 3397. */
  DomainSearch: 119,
  /** RFC 3442. */
  ClasslessRoute: 121,
  End: 255,
} as const

/** A time in seconds that means for ever, RFC 2131, section 3.3. */
export const FOREVER = 0xffffffff
