/** DHCPv4 messages to bytes, RFC 2131, section 2, and RFC 2132. */

import type { IpAddress } from '../../address/index.ts'
import { OptionCode } from './codes.ts'
import { encodeDomainSearch } from './domain-search.ts'
import type { Dhcpv4Route, Message, MessageOptions } from './message.ts'
import { writeOptions } from './option-fields.ts'
import * as wire from './wire.ts'

/** What every host has to take, RFC 2131, section 2: 576 bytes with the headers of IP and UDP. */
export const LEAST_MAXIMUM_MESSAGE = 548

/**
 * @param maximumSize of the message without the headers below it, 300 bytes or more. Options that do not fit, even into the
 *   fields file and sname, are left out, those for the configuration first.
 * @throws TypeError for a domain name that is none
 */
export function buildMessage(message: Message, maximumSize = LEAST_MAXIMUM_MESSAGE): Uint8Array {
  const header = new Uint8Array(wire.OPTIONS)
  header[wire.OPERATION] = message.operation
  header[wire.HARDWARE_TYPE] = wire.HARDWARE_ETHERNET
  header[wire.HARDWARE_LENGTH] = 6
  wire.writeWord32(header, wire.TRANSACTION_ID, message.transactionId)
  wire.writeWord16(header, wire.SECONDS, Math.min(message.seconds, 0xffff))
  wire.writeWord16(header, wire.FLAGS, message.broadcast ? wire.BROADCAST_FLAG : 0)
  wire.writeWord32(header, wire.CLIENT_ADDRESS, message.clientAddress.word3)
  wire.writeWord32(header, wire.YOUR_ADDRESS, message.yourAddress.word3)
  wire.writeWord32(header, wire.NEXT_SERVER, message.nextServer.word3)
  wire.writeWord32(header, wire.RELAY_ADDRESS, message.relayAddress.word3)
  message.hardwareAddress.writeTo(header, wire.HARDWARE_ADDRESS)
  wire.writeWord32(header, wire.COOKIE, wire.MAGIC_COOKIE)
  return writeOptions(header, rawOptions(message.options), maximumSize).message
}

/** What a message hinges on first: it must have room. */
function rawOptions(options: MessageOptions): { code: number; bytes: Uint8Array }[] {
  const list: { code: number; bytes: Uint8Array }[] = []
  const add = (code: number, bytes: Uint8Array | null) => {
    if (bytes !== null) list.push({ code, bytes })
  }
  const some = (addresses: readonly IpAddress[]) => (addresses.length === 0 ? null : addressBytes(addresses))
  add(OptionCode.MessageType, number(options.type, 1))
  add(OptionCode.ServerIdentifier, options.serverId === null ? null : addressBytes([options.serverId]))
  add(OptionCode.ClientIdentifier, options.clientId)
  add(OptionCode.RequestedAddress, options.requestedAddress === null ? null : addressBytes([options.requestedAddress]))
  add(OptionCode.LeaseTime, number(options.leaseTime, 4))
  add(OptionCode.RenewalTime, number(options.renewAfter, 4))
  add(OptionCode.RebindingTime, number(options.rebindAfter, 4))
  if (options.rapidCommit) add(OptionCode.RapidCommit, new Uint8Array(0))
  add(OptionCode.AutoConfigure, number(options.autoConfigure === null ? null : Number(options.autoConfigure), 1))
  add(OptionCode.Ipv6OnlyPreferred, number(options.ipv6OnlyWait, 4))
  add(OptionCode.MaximumMessageSize, number(options.maximumSize, 2))
  add(
    OptionCode.ParameterRequestList,
    options.parameterRequest.length === 0 ? null : Uint8Array.from(options.parameterRequest),
  )
  add(OptionCode.SubnetMask, options.prefixLength === null ? null : maskBytes(options.prefixLength))
  // RFC 2132, section 3.3: the mask stands before the routers.
  add(OptionCode.ClasslessRoute, options.classlessRoutes === null ? null : classlessBytes(options.classlessRoutes))
  add(OptionCode.Router, some(options.routers))
  add(OptionCode.DnsServer, some(options.dnsServers))
  add(OptionCode.HostName, text(options.hostName))
  add(OptionCode.DomainName, text(options.domainName))
  add(OptionCode.InterfaceMtu, number(options.mtu, 2))
  add(OptionCode.BroadcastAddress, options.broadcastAddress === null ? null : addressBytes([options.broadcastAddress]))
  add(OptionCode.StaticRoute, options.staticRoutes.length === 0 ? null : staticBytes(options.staticRoutes))
  add(OptionCode.NtpServer, some(options.ntpServers))
  add(OptionCode.VendorClass, text(options.vendorClass))
  add(OptionCode.DomainSearch, options.domainSearch.length === 0 ? null : encodeDomainSearch(options.domainSearch))
  add(OptionCode.Message, text(options.message))
  for (const { code, bytes } of options.others) add(code, bytes)
  return list
}

function number(value: number | null, size: 1 | 2 | 4): Uint8Array | null {
  if (value === null) return null
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = Math.floor(value / 256 ** (size - 1 - i))
  return bytes
}

function text(value: string | null): Uint8Array | null {
  return value === null || value === '' ? null : Buffer.from(value)
}

function addressBytes(addresses: readonly IpAddress[]): Uint8Array {
  const bytes = new Uint8Array(4 * addresses.length)
  for (const [index, address] of addresses.entries()) wire.writeWord32(bytes, 4 * index, address.word3)
  return bytes
}

function maskBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(4)
  wire.writeWord32(bytes, 0, length === 0 ? 0 : -1 << (32 - length))
  return bytes
}

function classlessBytes(routes: readonly Dhcpv4Route[]): Uint8Array {
  const bytes: number[] = []
  for (const { destination, gateway } of routes) {
    const { word3 } = destination.address
    bytes.push(destination.length)
    for (let i = 0; i < Math.ceil(destination.length / 8); i++) bytes.push((word3 >>> (24 - 8 * i)) & 255)
    const router = gateway === null ? 0 : gateway.word3
    for (let shift = 24; shift >= 0; shift -= 8) bytes.push((router >>> shift) & 255)
  }
  return Uint8Array.from(bytes)
}

function staticBytes(routes: readonly Dhcpv4Route[]): Uint8Array {
  const ends = routes.flatMap(({ destination, gateway }) => (gateway === null ? [] : [destination.address, gateway]))
  return addressBytes(ends)
}
