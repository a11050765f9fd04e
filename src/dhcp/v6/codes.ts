/** The numbers of DHCPv6, RFC 8415, sections 7 and 21, and those of the options of other documents that are known. */

import { IpAddress } from '../../address/index.ts'

/** UDP ports, RFC 8415, section 7.2. */
export const CLIENT_PORT = 546
export const SERVER_PORT = 547

/** All_DHCP_Relay_Agents_and_Servers, RFC 8415, section 7.1: where every message of a client goes. */
export const ALL_RELAY_AGENTS_AND_SERVERS: IpAddress = IpAddress.parse('ff02::1:2')

/** RFC 8415, section 7.3. */
export const MessageType = {
  Solicit: 1,
  Advertise: 2,
  Request: 3,
  Confirm: 4,
  Renew: 5,
  Rebind: 6,
  Reply: 7,
  Release: 8,
  Decline: 9,
  Reconfigure: 10,
  InformationRequest: 11,
  RelayForward: 12,
  RelayReply: 13,
} as const
export type MessageType = (typeof MessageType)[keyof typeof MessageType]

/** RFC 8415, section 21; RFC 3646 (23, 24), RFC 4704 (39), RFC 5908 (56). */
export const OptionCode = {
  ClientId: 1,
  ServerId: 2,
  NonTemporaryAddresses: 3,
  TemporaryAddresses: 4,
  Address: 5,
  OptionRequest: 6,
  Preference: 7,
  ElapsedTime: 8,
  RelayMessage: 9,
  Authentication: 11,
  ServerUnicast: 12,
  Status: 13,
  RapidCommit: 14,
  UserClass: 15,
  VendorClass: 16,
  VendorOptions: 17,
  InterfaceId: 18,
  ReconfigureMessage: 19,
  ReconfigureAccept: 20,
  DnsServers: 23,
  DomainSearch: 24,
  PrefixDelegation: 25,
  Prefix: 26,
  InformationRefreshTime: 32,
  ClientFqdn: 39,
  NtpServer: 56,
  SolicitMaximum: 82,
  InformationMaximum: 83,
} as const

/** Suboptions of the NTP server option, RFC 5908, section 4. */
export const NtpSuboption = { Address: 1, MulticastAddress: 2, Name: 3 } as const

/** RFC 8415, section 21.13. */
export const StatusCode = {
  Success: 0,
  UnspecFail: 1,
  NoAddrsAvail: 2,
  NoBinding: 3,
  NotOnLink: 4,
  UseMulticast: 5,
  NoPrefixAvail: 6,
} as const

/** A lifetime, T1, T2 or refresh time that never ends, RFC 8415, section 7.7. */
export const INFINITE_SECONDS = 0xffffffff
