/**
 * Options of neighbour discovery: RFC 4861, section 4.6 (link-layer addresses, prefix, MTU), RFC 4191, 2.3 (routes), RFC
 * 8106, section 5 (DNS), RFC 7527, 4.1 and RFC 3971, 5.3.2 (nonce), RFC 8910, 2.3 (captive portal), RFC 8781, section 4
 * (NAT64 prefix). Readers take the position of an option of their type; the caller has asked `isWellFormed`.
 */
import { type IpPrefix, MacAddress } from '../../address/index.ts'
import { prefixFromWords } from '../addresses.ts'
import { word16, word32 } from '../wire.ts'

export const OptionType = {
  SourceLinkLayer: 1,
  TargetLinkLayer: 2,
  PrefixInformation: 3,
  RedirectedHeader: 4,
  Mtu: 5,
  Nonce: 14,
  RouteInformation: 24,
  RecursiveDnsServers: 25,
  DnsSearchList: 31,
  CaptivePortal: 37,
  Nat64Prefix: 38,
} as const

/** Length of the option with an Ethernet address, bytes. */
export const LINK_LAYER_LENGTH = 8
/** RFC 3971, 5.3.2: at least 6 bytes of nonce. */
export const NONCE_LENGTH = 8

/** Flags of a prefix, RFC 4861, 4.6.2: its addresses are on the link; addresses may be made from it. */
const FLAG_ON_LINK = 0x80
const FLAG_AUTONOMOUS = 0x40

/** RFC 8781, section 4: prefix lengths by the code in the option. */
const NAT64_LENGTHS = [96, 64, 56, 48, 40, 32]

/** The most of a name, RFC 1035, section 2.3.4. */
const MAX_NAME = 255
const MAX_LABEL = 63

/** Whether every option has a length, and none reaches beyond the end; RFC 4861, 4.6: otherwise the message is dropped. */
export function optionsAreWhole(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    if (end - at < 2) return false
    const length = bytes[at + 1] << 3
    if (length === 0 || length > end - at) return false
    at += length
  }
  return true
}

/** The first option of a type, or 0. For messages that are valid. */
export function findOption(bytes: Uint8Array, start: number, end: number, type: number): number {
  for (let at = start; at < end; at += bytes[at + 1] << 3) if (bytes[at] === type) return at
  return 0
}

/** Whether the length of an option fits its type; what we do not know is well formed. */
export function isWellFormed(bytes: Uint8Array, at: number): boolean {
  const units = bytes[at + 1]
  switch (bytes[at]) {
    case OptionType.SourceLinkLayer:
    case OptionType.TargetLinkLayer:
      return units === 1
    case OptionType.Mtu:
      return units === 1
    case OptionType.PrefixInformation:
      return units === 4 && bytes[at + 2] <= 128
    case OptionType.RouteInformation: {
      // RFC 4191, 2.3: as many bytes of prefix as its length asks for, or more.
      const length = bytes[at + 2]
      return length === 0 ? units <= 3 : length <= 64 ? units === 2 || units === 3 : length <= 128 && units === 3
    }
    case OptionType.RecursiveDnsServers:
      // RFC 8106, 5.1: the header of 8 bytes and one address at least.
      return units >= 3 && (units & 1) === 1
    case OptionType.DnsSearchList:
      return units >= 2
    case OptionType.Nat64Prefix:
      return units === 2
    default:
      return true
  }
}

/** Of a source or target link-layer address option: null unless it is a station's. */
export function linkLayer(bytes: Uint8Array, at: number): MacAddress | null {
  const mac = MacAddress.fromBytes(bytes, at + 2)
  return mac.isMulticast || mac.equals(MacAddress.ZERO) ? null : mac
}

export function writeLinkLayer(bytes: Uint8Array, at: number, type: number, mac: MacAddress): number {
  bytes[at] = type
  bytes[at + 1] = 1
  mac.writeTo(bytes, at + 2)
  return at + LINK_LAYER_LENGTH
}

/** The first six bytes of a nonce as two words: 16 and 32 bits. */
export function nonceHigh(bytes: Uint8Array, at: number): number {
  return word16(bytes, at + 2)
}

export function nonceLow(bytes: Uint8Array, at: number): number {
  return word32(bytes, at + 4)
}

export function writeNonce(bytes: Uint8Array, at: number, high: number, low: number): number {
  bytes[at] = OptionType.Nonce
  bytes[at + 1] = 1
  new MacAddress(high, low).writeTo(bytes, at + 2)
  return at + NONCE_LENGTH
}

export function mtu(bytes: Uint8Array, at: number): number {
  return word32(bytes, at + 4) >>> 0
}

/** Null for what is no prefix of IPv6. */
export function prefix(bytes: Uint8Array, at: number): IpPrefix | null {
  return prefixAt(bytes, at + 16, 16, bytes[at + 2])
}

export function isOnLink(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 3] & FLAG_ON_LINK) !== 0
}

export function isAutonomous(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 3] & FLAG_AUTONOMOUS) !== 0
}

/** Seconds, 0xffffffff for ever, as all lifetimes below. */
export function validLifetime(bytes: Uint8Array, at: number): number {
  return word32(bytes, at + 4) >>> 0
}

export function preferredLifetime(bytes: Uint8Array, at: number): number {
  return word32(bytes, at + 8) >>> 0
}

/** RFC 4191, 2.3: bytes that are not there are zero. */
export function routePrefix(bytes: Uint8Array, at: number): IpPrefix | null {
  return prefixAt(bytes, at + 8, (bytes[at + 1] << 3) - 8, bytes[at + 2])
}

/** The byte with the preference, for `preferenceBits`. */
export function routeFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + 3]
}

/** Of a route, of DNS servers and of a search list. */
export function lifetime(bytes: Uint8Array, at: number): number {
  return word32(bytes, at + 4) >>> 0
}

/** Bytes of addresses in an option with DNS servers, which begin 8 bytes behind its start. */
export function dnsServerCount(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1] - 1) >>> 1
}

/**
 * The names of a search list, RFC 8106, 5.2: labels as in RFC 1035, section 3.1, without compression, padded with zeros.
 * @returns null if any name is malformed or has characters that no host name has
 */
export function searchList(bytes: Uint8Array, at: number): string[] | null {
  const end = at + (bytes[at + 1] << 3)
  const names: string[] = []
  let position = at + 8
  while (position < end && bytes[position] !== 0) {
    let name = ''
    for (;;) {
      if (position >= end) return null
      const length = bytes[position++]
      if (length === 0) break
      if (length > MAX_LABEL || length > end - position) return null
      const label = String.fromCharCode(...bytes.subarray(position, position + length))
      if (!/^[a-z\d_]([a-z\d_-]*[a-z\d_])?$/i.test(label)) return null
      name += name === '' ? label : `.${label}`
      if (name.length > MAX_NAME) return null
      position += length
    }
    names.push(name)
  }
  return names
}

/** RFC 8910, 2.3: a URI, padded with zeros. @returns null unless it is one, printable and absolute */
export function captivePortal(bytes: Uint8Array, at: number): string | null {
  let end = at + (bytes[at + 1] << 3)
  while (end > at + 2 && bytes[end - 1] === 0) end--
  const uri = String.fromCharCode(...bytes.subarray(at + 2, end))
  return /^[a-z][a-z\d+.-]*:[!-~]+$/i.test(uri) ? uri : null
}

/** RFC 8781, section 4. @returns null for a length that is not defined */
export function nat64Prefix(bytes: Uint8Array, at: number): IpPrefix | null {
  const length = NAT64_LENGTHS[bytes[at + 3] & 7]
  return length === undefined ? null : prefixAt(bytes, at + 4, 12, length)
}

/** Seconds: 13 bits, in units of 8. */
export function nat64Lifetime(bytes: Uint8Array, at: number): number {
  return word16(bytes, at + 2) & 0xfff8
}

function prefixAt(bytes: Uint8Array, position: number, available: number, length: number): IpPrefix | null {
  const word = (index: number) => (available >= index * 4 + 4 ? word32(bytes, position + index * 4) : 0)
  return prefixFromWords(word(0), word(1), word(2), word(3), length)
}
