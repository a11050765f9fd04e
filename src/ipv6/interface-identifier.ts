/**
 * Interface identifiers, the lower 64 bits of most unicast addresses: from a MAC address (RFC 4291, appendix A), stable and
 * opaque (RFC 7217), or random (RFC 8981, section 3.3.1), and those that are reserved (RFC 5453).
 */
import { IpAddress, type IpPrefix, type MacAddress } from '../address/index.ts'
import { type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { SIP_KEY_LENGTH, sipHash24 } from './sip-hash.ts'

/** 64 bits as two signed 32-bit integers, most significant first. */
export interface InterfaceIdentifier {
  readonly high: number
  readonly low: number
}

/** RFC 4291, section 2.5.1: identifiers have 64 bits, and so have the prefixes that they are appended to. */
export const IDENTIFIER_LENGTH = 64

/** RFC 7217, section 7: identifiers that are tried again after a duplicate, and the pause before each. */
export const IDENTIFIER_RETRIES = 3
export const IDENTIFIER_RETRY_DELAY: Microseconds = SECOND

/** Bytes of the secret of stable identifiers; RFC 7217, section 5: at least 128 bits. */
export const SECRET_LENGTH = SIP_KEY_LENGTH

/** From the MAC address: RFC 4291, appendix A (fffe in the middle, the universal/local bit inverted). */
export function eui64Identifier(mac: MacAddress): InterfaceIdentifier {
  return {
    high: ((mac.high ^ 0x0200) << 16) | ((mac.low >>> 24) << 8) | 0xff,
    low: 0xfe00_0000 | (mac.low & 0x00ff_ffff),
  }
}

/** 64 random bits that are not reserved; RFC 8981, section 3.3.1. */
export function randomIdentifier(random: Random): InterfaceIdentifier {
  for (;;) {
    const identifier = { high: random.int32(), low: random.int32() }
    if (!isReservedIdentifier(identifier)) return identifier
  }
}

/** The registry of RFC 5453, which RFC 7136 leaves as it is. */
export function isReservedIdentifier({ high, low }: InterfaceIdentifier): boolean {
  // 0000:0000:0000:0000, the subnet-router anycast address (RFC 4291, 2.6.1).
  if (high === 0 && low === 0) return true
  // 0200:5eff:fe00:0000 to 0200:5eff:feff:ffff, what EUI-64 makes of IANA's own block of MAC addresses.
  if (high === 0x0200_5eff && low >>> 24 === 0xfe) return true
  // fdff:ffff:ffff:ff80 to fdff:ffff:ffff:ffff, subnet anycast addresses (RFC 2526).
  return high === (0xfdff_ffff | 0) && low >= -0x80 && low < 0
}

/**
 * An address from a prefix of 64 bits and an identifier.
 * @throws RangeError for a prefix of another length, which no identifier fits (RFC 4862, 5.5.3 (d))
 */
export function appendIdentifier(prefix: IpPrefix, identifier: InterfaceIdentifier): IpAddress {
  if (prefix.family !== 6 || prefix.length !== IDENTIFIER_LENGTH) {
    throw new RangeError(`an interface identifier fits an IPv6 prefix of ${IDENTIFIER_LENGTH} bits, not ${prefix}`)
  }
  return IpAddress.fromWords(prefix.address.word0, prefix.address.word1, identifier.high, identifier.low)
}

/** What a stable identifier depends on, RFC 7217, section 5. */
export interface StableIdentifierInput {
  /** 16 bytes that nobody else knows and that stay the same for as long as addresses are to. */
  readonly secret: Uint8Array
  /** Net_Iface: what tells interfaces apart and stays, such as the name or the MAC address; at most 65,535 bytes. */
  readonly networkInterface: string
  /** Network_ID: what tells networks apart, such as an SSID; none where there is no such thing. Likewise. */
  readonly networkIdentifier?: string
  /** A network of 64 bits, fe80::/64 among them; host bits do not matter. */
  readonly prefix: IpPrefix
}

export interface StableAddress {
  readonly address: IpAddress
  /** DAD_Counter that led to it; after a duplicate the next attempt begins with one more. */
  readonly dadCounter: number
}

/**
 * The address that a host has in this network each time that it comes: RFC 7217, section 5, with SipHash-2-4 as the
 * pseudorandom function. Counters whose identifier is reserved are passed over.
 * @param dadCounter 0, or one more than that of the address that turned out to be a duplicate; below 2^32
 * @throws RangeError for a secret or a prefix of the wrong length
 */
export function stableAddress(input: StableIdentifierInput, dadCounter: number): StableAddress {
  const message = stableMessage(input)
  const view = new DataView(message.buffer)
  for (let counter = dadCounter; ; counter++) {
    view.setUint32(0, counter)
    const hash = sipHash24(input.secret, message)
    const identifier = { high: Number(hash >> 32n) | 0, low: Number(hash & 0xffff_ffffn) | 0 }
    if (isReservedIdentifier(identifier)) continue
    return { address: appendIdentifier(input.prefix, identifier), dadCounter: counter }
  }
}

/** Four bytes for the counter, the prefix, and both names behind their lengths, so that no two inputs look alike. */
function stableMessage({
  networkInterface,
  networkIdentifier = '',
  prefix,
}: StableIdentifierInput): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  const names = [encoder.encode(networkInterface), encoder.encode(networkIdentifier)]
  const message = new Uint8Array(12 + names.reduce((sum, name) => sum + 2 + name.length, 0))
  const view = new DataView(message.buffer)
  view.setInt32(4, prefix.address.word0)
  view.setInt32(8, prefix.address.word1)
  let at = 12
  for (const name of names) {
    if (name.length > 0xffff) throw new RangeError(`the name of an interface or network has at most 65,535 bytes`)
    view.setUint16(at, name.length)
    message.set(name, at + 2)
    at += 2 + name.length
  }
  return message
}
