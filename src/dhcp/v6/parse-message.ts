/**
 * Bytes to DHCPv6 messages, RFC 8415, sections 8, 9 and 21. Options that a message hinges on (identifiers, leases,
 * status, times) make the whole message malformed when they are; one that only informs (name servers and the like) is
 * left out and counted. Nothing here throws, and what comes out is bounded whatever goes in.
 */

import { IpAddress, IpPrefix } from '../../address/index.ts'
import { MessageType, NtpSuboption, OptionCode } from './codes.ts'
import { parseDomainNames } from './domain-names.ts'
import { isDuid } from './duid.ts'
import {
  type IdentityAssociation,
  type Message,
  type MessageOptions,
  type NtpServers,
  noOptions,
  type OfferedLease,
  type RelayMessage,
  type Status,
} from './message.ts'

/** Octets before the options, RFC 8415, sections 8 and 9. */
export const HEADER_LENGTH = 4
export const RELAY_HEADER_LENGTH = 34
const OPTION_HEADER_LENGTH = 4
/** IAID, T1, T2; address and lifetimes; lifetimes, prefix length and prefix (sections 21.4, 21.6 and 21.22). */
const ASSOCIATION_LENGTH = 12
const TEMPORARY_ASSOCIATION_LENGTH = 4
const ADDRESS_LENGTH = 24
const PREFIX_LENGTH = 25

/** What is kept of one message. More is counted as ignored. */
export const LIMITS = {
  identityAssociations: 8,
  /** Of one identity association: as many as can be asked for again in a message that fits into the least MTU. */
  leases: 8,
  requestedOptions: 64,
  nameServers: 16,
  searchDomains: 32,
  ntpServers: 16,
  otherOptions: 64,
  /** Characters. */
  statusMessage: 256,
} as const

/** @returns null for what is cut short or malformed, or a message between relay agents */
export function parseMessage(bytes: Uint8Array): Message | null {
  const type = bytes[0]
  if (bytes.length < HEADER_LENGTH || !isMessageType(type)) return null
  if (type === MessageType.RelayForward || type === MessageType.RelayReply) return null
  const parser = new OptionParser(bytes)
  if (!parser.parse(HEADER_LENGTH)) return null
  const transactionId = (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]
  return { type, transactionId, options: parser.options, ignoredOptions: parser.ignored }
}

/** As `parseMessage`, for Relay-forward and Relay-reply; the message that is relayed stays bytes. */
export function parseRelayMessage(bytes: Uint8Array): RelayMessage | null {
  const type = bytes[0]
  if (bytes.length < RELAY_HEADER_LENGTH) return null
  if (type !== MessageType.RelayForward && type !== MessageType.RelayReply) return null
  const parser = new OptionParser(bytes)
  if (!parser.parse(RELAY_HEADER_LENGTH)) return null
  return {
    type,
    hopCount: bytes[1],
    linkAddress: addressAt(bytes, 2),
    peerAddress: addressAt(bytes, 18),
    options: parser.options,
    ignoredOptions: parser.ignored,
  }
}

function isMessageType(value: number): value is MessageType {
  return value >= MessageType.Solicit && value <= MessageType.RelayReply
}

class OptionParser {
  readonly options: MessageOptions = noOptions()
  ignored = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** @returns false if the message is malformed */
  parse(start: number): boolean {
    return eachOption(this.#bytes, start, this.#bytes.length, (code, from, to) => this.#option(code, from, to))
  }

  #option(code: number, from: number, to: number): boolean {
    const { options } = this
    const bytes = this.#bytes
    const length = to - from
    switch (code) {
      case OptionCode.ClientId:
      case OptionCode.ServerId: {
        const which = code === OptionCode.ClientId ? 'clientId' : 'serverId'
        const duid = bytes.slice(from, to)
        // Two of them: whose message would that be?
        if (options[which] !== null || !isDuid(duid)) return false
        options[which] = duid
        return true
      }
      case OptionCode.NonTemporaryAddresses:
      case OptionCode.TemporaryAddresses:
      case OptionCode.PrefixDelegation:
        return this.#identityAssociation(code, from, to)
      case OptionCode.OptionRequest:
        if (length % 2 !== 0) return false
        for (let at = from; at < to; at += 2) {
          if (options.optionRequest.length < LIMITS.requestedOptions) options.optionRequest.push(read16(bytes, at))
        }
        return true
      case OptionCode.Preference:
        return this.#number('preference', from, length, 1)
      case OptionCode.ElapsedTime:
        return this.#number('elapsedTime', from, length, 2)
      case OptionCode.ReconfigureMessage:
        return this.#number('reconfigureMessage', from, length, 1)
      case OptionCode.SolicitMaximum:
        return this.#number('solicitMaximum', from, length, 4)
      case OptionCode.InformationMaximum:
        return this.#number('informationMaximum', from, length, 4)
      case OptionCode.InformationRefreshTime:
        return this.#number('informationRefreshTime', from, length, 4)
      case OptionCode.Status: {
        const status = parseStatus(bytes, from, to)
        if (status === null) return false
        return this.#once(options.status, () => {
          options.status = status
        })
      }
      case OptionCode.RapidCommit:
        if (length !== 0) return false
        options.rapidCommit = true
        return true
      case OptionCode.ReconfigureAccept:
        if (length !== 0) return false
        options.reconfigureAccept = true
        return true
      case OptionCode.ServerUnicast:
        if (length !== 16) return false
        return this.#once(options.serverUnicast, () => {
          options.serverUnicast = addressAt(bytes, from)
        })
      case OptionCode.InterfaceId:
        return this.#once(options.interfaceId, () => {
          options.interfaceId = bytes.slice(from, to)
        })
      case OptionCode.RelayMessage:
        return this.#once(options.relayMessage, () => {
          options.relayMessage = bytes.slice(from, to)
        })
      case OptionCode.DnsServers:
        this.#informs(this.#dnsServers(from, to))
        return true
      case OptionCode.DomainSearch:
        this.#informs(this.#domainSearch(from, to))
        return true
      case OptionCode.NtpServer:
        this.#informs(this.#ntpServers(from, to))
        return true
      case OptionCode.ClientFqdn:
        this.#informs(this.#clientFqdn(from, to))
        return true
      default:
        if (options.others.length < LIMITS.otherOptions) options.others.push({ code, bytes: bytes.slice(from, to) })
        else this.ignored++
        return true
    }
  }

  #identityAssociation(code: number, from: number, to: number): boolean {
    const bytes = this.#bytes
    const temporary = code === OptionCode.TemporaryAddresses
    const delegation = code === OptionCode.PrefixDelegation
    const fixed = temporary ? TEMPORARY_ASSOCIATION_LENGTH : ASSOCIATION_LENGTH
    if (to - from < fixed) return false
    const association: IdentityAssociation = {
      kind: delegation ? 'IA_PD' : temporary ? 'IA_TA' : 'IA_NA',
      id: read32(bytes, from),
      renewAfter: temporary ? 0 : read32(bytes, from + 4),
      rebindAfter: temporary ? 0 : read32(bytes, from + 8),
      leases: [],
      status: null,
    }
    const wanted = delegation ? OptionCode.Prefix : OptionCode.Address
    const whole = eachOption(bytes, from + fixed, to, (inner, start, end) => {
      if (inner === OptionCode.Status) {
        const status = parseStatus(bytes, start, end)
        if (status === null) return false
        association.status ??= status
      } else if (inner === wanted) {
        const lease = delegation ? this.#prefix(start, end) : this.#address(start, end)
        if (lease === null) return false
        if (lease === 'unusable' || association.leases.length >= LIMITS.leases) this.ignored++
        else association.leases.push(lease)
      } else {
        this.ignored++
      }
      return true
    })
    if (!whole) return false
    // T1 > T2 where both say something: as if the option were not there (sections 21.4 and 21.21).
    const absurd = association.renewAfter > association.rebindAfter && association.rebindAfter > 0
    const all = this.options.identityAssociations
    if (absurd || all.length >= LIMITS.identityAssociations) this.ignored++
    else all.push(association)
    return true
  }

  /** IAADDR. @returns null if that is malformed, 'unusable' if it can be no host's address on a link */
  #address(start: number, end: number): OfferedLease | 'unusable' | null {
    const bytes = this.#bytes
    if (end - start < ADDRESS_LENGTH) return null
    const status = this.#leaseStatus(start + ADDRESS_LENGTH, end)
    if (status === 'malformed') return null
    const address = addressAt(bytes, start)
    const [preferred, valid] = [read32(bytes, start + 16), read32(bytes, start + 20)]
    if (preferred > valid || !isHostAddress(address)) return 'unusable'
    return { prefix: new IpPrefix(address, 128), preferred, valid, status }
  }

  /** IAPREFIX, as `#address`; a prefix of 128 bits is a single address and delegates nothing. */
  #prefix(start: number, end: number): OfferedLease | 'unusable' | null {
    const bytes = this.#bytes
    if (end - start < PREFIX_LENGTH) return null
    const status = this.#leaseStatus(start + PREFIX_LENGTH, end)
    if (status === 'malformed') return null
    const [preferred, valid] = [read32(bytes, start), read32(bytes, start + 4)]
    const length = bytes[start + 8]
    const address = addressAt(bytes, start + 9)
    if (preferred > valid || length > 127 || address.family !== 6) return 'unusable'
    // Bits behind the length mean nothing (section 21.22).
    return { prefix: new IpPrefix(address, length).network, preferred, valid, status }
  }

  #leaseStatus(start: number, end: number): Status | 'malformed' | null {
    let found: Status | null = null
    const whole = eachOption(this.#bytes, start, end, (code, from, to) => {
      if (code !== OptionCode.Status) {
        this.ignored++
        return true
      }
      const status = parseStatus(this.#bytes, from, to)
      found ??= status
      return status !== null
    })
    return whole ? found : 'malformed'
  }

  #dnsServers(from: number, to: number): boolean {
    if ((to - from) % 16 !== 0) return false
    const servers = this.options.dnsServers
    for (let at = from; at < to; at += 16) {
      const address = addressAt(this.#bytes, at)
      if (!isServerAddress(address) || servers.length >= LIMITS.nameServers) this.ignored++
      else servers.push(address)
    }
    return true
  }

  #domainSearch(from: number, to: number): boolean {
    const search = this.options.domainSearch
    const names = parseDomainNames(this.#bytes, from, to, false, LIMITS.searchDomains - search.length)
    if (names === null) return false
    search.push(...names)
    return true
  }

  /** RFC 5908, section 4. Several such options may be there. */
  #ntpServers(from: number, to: number): boolean {
    const bytes = this.#bytes
    const found: NtpServers = { addresses: [], multicastAddresses: [], names: [] }
    const whole = eachOption(bytes, from, to, (code, start, end) => {
      if (code === NtpSuboption.Name) {
        const names = parseDomainNames(bytes, start, end, false, 1)
        if (names === null || names.length === 0) return false
        found.names.push(names[0])
      } else if (code === NtpSuboption.Address || code === NtpSuboption.MulticastAddress) {
        if (end - start !== 16) return false
        const address = addressAt(bytes, start)
        const multicast = code === NtpSuboption.MulticastAddress
        if (multicast ? !address.isMulticast : !isServerAddress(address)) return false
        ;(multicast ? found.multicastAddresses : found.addresses).push(address)
      }
      return true
    })
    if (!whole) return false
    const all = (this.options.ntpServers ??= { addresses: [], multicastAddresses: [], names: [] })
    this.#addBounded(all.addresses, found.addresses)
    this.#addBounded(all.multicastAddresses, found.multicastAddresses)
    this.#addBounded(all.names, found.names)
    return true
  }

  #addBounded<T>(to: T[], values: readonly T[]): void {
    for (const value of values) {
      if (to.length < LIMITS.ntpServers) to.push(value)
      else this.ignored++
    }
  }

  #clientFqdn(from: number, to: number): boolean {
    if (to - from < 1 || this.options.clientFqdn !== null) return false
    const names = parseDomainNames(this.#bytes, from + 1, to, true, 1)
    if (names === null) return false
    this.options.clientFqdn = { flags: this.#bytes[from], name: names[0] ?? '' }
    return true
  }

  #number(
    name:
      | 'preference'
      | 'elapsedTime'
      | 'reconfigureMessage'
      | 'solicitMaximum'
      | 'informationMaximum'
      | 'informationRefreshTime',
    from: number,
    length: number,
    expected: 1 | 2 | 4,
  ): boolean {
    if (length !== expected) return false
    const bytes = this.#bytes
    return this.#once(this.options[name], () => {
      this.options[name] = expected === 1 ? bytes[from] : expected === 2 ? read16(bytes, from) : read32(bytes, from)
    })
  }

  /** A second option of a kind that appears once (section 21.1) is left out. */
  #once(current: unknown, set: () => void): true {
    if (current === null) set()
    else this.ignored++
    return true
  }

  #informs(understood: boolean): void {
    if (!understood) this.ignored++
  }
}

/** Section 21.1. @returns false if options are cut short, or a visit said so */
function eachOption(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (code: number, from: number, to: number) => boolean,
): boolean {
  let at = start
  while (at < end) {
    if (at + OPTION_HEADER_LENGTH > end) return false
    const from = at + OPTION_HEADER_LENGTH
    const to = from + read16(bytes, at + 2)
    if (to > end || !visit(read16(bytes, at), from, to)) return false
    at = to
  }
  return true
}

function parseStatus(bytes: Uint8Array, from: number, to: number): Status | null {
  if (to - from < 2) return null
  const text = new TextDecoder().decode(bytes.subarray(from + 2, Math.min(to, from + 2 + LIMITS.statusMessage)))
  // It will be printed: nothing that moves a cursor.
  const message = text.replace(/\p{C}/gu, '')
  return { code: read16(bytes, from), message }
}

/** What a host can be given: neither for groups, nor unspecified, ::1, IPv4 in disguise, or of this link alone. */
function isHostAddress(address: IpAddress): boolean {
  return isServerAddress(address) && address.word0 >>> 22 !== 0xfe80 >>> 6
}

function isServerAddress(address: IpAddress): boolean {
  return address.family === 6 && !address.isMulticast && !address.isUnspecified && !address.isLoopback
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return IpAddress.fromWords(
    read32(bytes, at) | 0,
    read32(bytes, at + 4) | 0,
    read32(bytes, at + 8) | 0,
    read32(bytes, at + 12) | 0,
  )
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1]
}

function read32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0
}
