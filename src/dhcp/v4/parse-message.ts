/**
 * Bytes to DHCPv4 messages, RFC 2131, section 2, and RFC 2132. An option that is malformed is left out and counted, and whoever
 * needs it finds it missing. Nothing here throws, and what comes out is bounded whatever goes in.
 */

import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { isHostAddress } from '../../ipv4/index.ts'
import { Operation, OptionCode } from './codes.ts'
import { isDomainName, parseDomainSearch } from './domain-search.ts'
import { type Dhcpv4Route, type Message, type MessageOptions, noOptions } from './message.ts'
import { type RawOption, readOptions } from './option-fields.ts'
import * as wire from './wire.ts'

/** What is kept of one message. More is counted as ignored. */
export const LIMITS = {
  /** Of each kind: routers, name servers, time servers. */
  addresses: 16,
  searchDomains: 32,
  routes: 64,
  otherOptions: 64,
  /** Characters. */
  text: 255,
} as const

const ETHERNET_ADDRESS_LENGTH = 6
/** RFC 2132, section 5.1: the least MTU that may be given. */
const LEAST_MTU = 68
/** RFC 2132, section 9.10. */
const LEAST_MAXIMUM_SIZE = 576

/** @returns null for what is cut short, malformed, not of DHCP (BOOTP has no options of its own) or not over Ethernet */
export function parseMessage(bytes: Uint8Array): Message | null {
  if (bytes.length < wire.OPTIONS) return null
  const operation = bytes[wire.OPERATION]
  if (operation !== Operation.Request && operation !== Operation.Reply) return null
  if (bytes[wire.HARDWARE_TYPE] !== wire.HARDWARE_ETHERNET) return null
  if (bytes[wire.HARDWARE_LENGTH] !== ETHERNET_ADDRESS_LENGTH) return null
  if (wire.word32(bytes, wire.COOKIE) !== wire.MAGIC_COOKIE) return null
  const raw = readOptions(bytes)
  if (raw === null) return null
  const parser = new OptionParser()
  for (const option of raw.values()) parser.take(option)
  return {
    operation,
    transactionId: wire.word32(bytes, wire.TRANSACTION_ID) >>> 0,
    seconds: wire.word16(bytes, wire.SECONDS),
    broadcast: (wire.word16(bytes, wire.FLAGS) & wire.BROADCAST_FLAG) !== 0,
    clientAddress: addressAt(bytes, wire.CLIENT_ADDRESS),
    yourAddress: addressAt(bytes, wire.YOUR_ADDRESS),
    nextServer: addressAt(bytes, wire.NEXT_SERVER),
    relayAddress: addressAt(bytes, wire.RELAY_ADDRESS),
    hardwareAddress: MacAddress.fromBytes(bytes, wire.HARDWARE_ADDRESS),
    options: parser.options,
    ignoredOptions: parser.ignored,
  }
}

class OptionParser {
  readonly options: MessageOptions = noOptions()
  ignored = 0

  take(option: RawOption): void {
    if (!this.#understand(option)) this.ignored++
  }

  /** @returns false for an option that is left out */
  #understand(option: RawOption): boolean {
    const { options } = this
    switch (option.code) {
      case OptionCode.MessageType:
        options.type = numberOf(option, 1)
        return options.type !== null
      case OptionCode.SubnetMask:
        options.prefixLength = prefixLengthOf(numberOf(option, 4) ?? 0)
        return options.prefixLength !== null
      case OptionCode.Router:
        return this.#addresses(option, options.routers)
      case OptionCode.DnsServer:
        return this.#addresses(option, options.dnsServers)
      case OptionCode.NtpServer:
        return this.#addresses(option, options.ntpServers)
      case OptionCode.HostName:
        options.hostName = nameOf(option.bytes)
        return options.hostName !== null
      case OptionCode.DomainName:
        return this.#domainName(option.bytes)
      case OptionCode.DomainSearch: {
        const names = parseDomainSearch(option.bytes, LIMITS.searchDomains)
        if (names === null) return false
        options.domainSearch = names
        return true
      }
      case OptionCode.InterfaceMtu:
        options.mtu = atLeast(numberOf(option, 2), LEAST_MTU)
        return options.mtu !== null
      case OptionCode.BroadcastAddress:
        options.broadcastAddress = addressOf(option)
        return options.broadcastAddress !== null
      case OptionCode.StaticRoute:
        return this.#staticRoutes(option.bytes)
      case OptionCode.ClasslessRoute:
        return this.#classlessRoutes(option.bytes)
      case OptionCode.RequestedAddress:
        options.requestedAddress = addressOf(option)
        return options.requestedAddress !== null
      case OptionCode.LeaseTime:
        options.leaseTime = numberOf(option, 4)
        return options.leaseTime !== null
      case OptionCode.ServerIdentifier:
        options.serverId = addressOf(option)
        return options.serverId !== null
      case OptionCode.ParameterRequestList:
        options.parameterRequest = [...option.bytes]
        return true
      case OptionCode.Message:
        options.message = printable(option.bytes)
        return true
      case OptionCode.MaximumMessageSize:
        options.maximumSize = atLeast(numberOf(option, 2), LEAST_MAXIMUM_SIZE)
        return options.maximumSize !== null
      case OptionCode.RenewalTime:
        options.renewAfter = numberOf(option, 4)
        return options.renewAfter !== null
      case OptionCode.RebindingTime:
        options.rebindAfter = numberOf(option, 4)
        return options.rebindAfter !== null
      case OptionCode.VendorClass:
        options.vendorClass = printable(option.bytes)
        return true
      case OptionCode.ClientIdentifier:
        // RFC 2132, section 9.14: two bytes at least.
        if (option.bytes.length < 2) return false
        options.clientId = option.bytes
        return true
      case OptionCode.RapidCommit:
        options.rapidCommit = true
        return true
      case OptionCode.AutoConfigure:
        return this.#autoConfigure(numberOf(option, 1))
      case OptionCode.Ipv6OnlyPreferred:
        options.ipv6OnlyWait = numberOf(option, 4)
        return options.ipv6OnlyWait !== null
      default:
        if (options.others.length >= LIMITS.otherOptions) return false
        options.others.push({ code: option.code, bytes: option.bytes })
        return true
    }
  }

  /** RFC 2563, section 2. */
  #autoConfigure(value: number | null): boolean {
    if (value === null || value > 1) return false
    this.options.autoConfigure = value === 1
    return true
  }

  #addresses({ bytes }: RawOption, list: IpAddress[]): boolean {
    if (bytes.length === 0 || bytes.length % 4 !== 0) return false
    let whole = true
    for (let at = 0; at < bytes.length; at += 4) {
      const address = addressAt(bytes, at)
      const isNew = isHostAddress(address.word3) && !list.some((other) => other.equals(address))
      if (isNew && list.length < LIMITS.addresses) list.push(address)
      else whole = false
    }
    return whole
  }

  /** RFC 2132, section 3.17: one name. Some servers write a search list there, and Linux's clients take it as one. */
  #domainName(bytes: Uint8Array): boolean {
    const names = printable(bytes)
      .split(/[\s,]+/)
      .map((name) => name.replace(/\.$/, ''))
      .filter(isDomainName)
      .slice(0, LIMITS.searchDomains)
    if (names.length === 0) return false
    this.options.domainName = names[0]
    if (names.length > 1 && this.options.domainSearch.length === 0) this.options.domainSearch = names
    return true
  }

  /** RFC 2132, section 5.8: destination and router; the mask is the class's. */
  #staticRoutes(bytes: Uint8Array): boolean {
    if (bytes.length === 0 || bytes.length % 8 !== 0) return false
    let whole = true
    for (let at = 0; at < bytes.length; at += 8) {
      const destination = wire.word32(bytes, at)
      const added =
        isHostAddress(destination) &&
        this.#route(this.options.staticRoutes, destination, classfulLength(destination), wire.word32(bytes, at + 4))
      if (!added) whole = false
    }
    return whole
  }

  /** RFC 3442: width of the mask, as many bytes of the destination as it covers, router. */
  #classlessRoutes(bytes: Uint8Array): boolean {
    const routes: Dhcpv4Route[] = []
    let whole = true
    let at = 0
    while (at < bytes.length) {
      const length = bytes[at++]
      const significant = Math.ceil(length / 8)
      if (length > 32 || at + significant + 4 > bytes.length) return false
      let destination = 0
      for (let i = 0; i < significant; i++) destination |= bytes[at + i] << (24 - 8 * i)
      at += significant
      if (!this.#route(routes, destination, length, wire.word32(bytes, at))) whole = false
      at += 4
    }
    if (routes.length > 0) this.options.classlessRoutes = routes
    return whole && routes.length > 0
  }

  /** @returns whether it is a route that can be used, and there was room */
  #route(routes: Dhcpv4Route[], destination: number, length: number, router: number): boolean {
    if (routes.length >= LIMITS.routes) return false
    if (router !== 0 && !isHostAddress(router)) return false
    // What is at home, or nowhere, is not reached by a router.
    if (length > 0 && (destination >>> 24 === 127 || destination >>> 24 === 0)) return false
    const prefix = new IpPrefix(IpAddress.v4(destination), length).network
    routes.push({ destination: prefix, gateway: router === 0 ? null : IpAddress.v4(router) })
    return true
  }
}

/** Of an option of fixed size that came twice the first one counts. */
function numberOf(option: RawOption, size: 1 | 2 | 4): number | null {
  if (option.bytes.length !== size && option.firstLength !== size) return null
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + option.bytes[i]
  return value
}

function addressOf(option: RawOption): IpAddress | null {
  const value = numberOf(option, 4)
  return value === null ? null : IpAddress.v4(value)
}

function atLeast(value: number | null, least: number): number | null {
  return value !== null && value >= least ? value : null
}

/** The length of a mask of contiguous ones, 1 to 32; null for another. */
export function prefixLengthOf(mask: number): number | null {
  const inverted = ~mask
  if ((mask | 0) === 0 || (inverted & (inverted + 1)) !== 0) return null
  return Math.clz32(inverted)
}

/** RFC 791, section 3.2: the network of class A, B or C that an address lies in. */
export function classfulLength(address: number): number {
  const first = address >>> 24
  return first < 128 ? 8 : first < 192 ? 16 : 24
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.v4(wire.word32(bytes, at))
}

/** Text without what a terminal or a log would take for more; RFC 2132, section 2: without nulls at its end. */
function printable(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes.subarray(0, LIMITS.text)) if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
  return text.trim()
}

function nameOf(bytes: Uint8Array): string | null {
  const name = printable(bytes).replace(/\.$/, '')
  return isDomainName(name) ? name : null
}
