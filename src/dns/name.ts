/** Domain names as text: RFC 1035, section 2.3, and the special ones of RFC 6761 and RFC 7686. */
import { domainToASCII } from 'node:url'
import { IpAddress, type IpFamily } from '../address/index.ts'

/** RFC 1035, section 2.3.4: 255 bytes on the wire, which are 253 characters. */
const LONGEST_NAME = 253
const LONGEST_LABEL = 63

/**
 * A name as it can be asked for: ASCII (IDNA where it was not), no dot at its end; the root is ''.
 * @returns null if it is not a name: an empty label, a label beyond 63 bytes, a name beyond 253
 */
export function questionName(text: string): string | null {
  let name = isAscii(text) ? text : domainToASCII(text)
  if (name === '' && text !== '') return null
  if (name.endsWith('.')) name = name.slice(0, -1)
  if (name === '') return text === '.' || text === '' ? '' : null
  if (name.length > LONGEST_NAME) return null
  for (const label of name.split('.')) {
    if (label.length === 0 || label.length > LONGEST_LABEL) return null
  }
  // Nothing that a name server's answer could not repeat unchanged.
  return /^[\x21-\x7e]+$/.test(name) && !name.includes('\\') ? name : null
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Names are compared without regard to case (RFC 4343). */
export function sameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase()
}

export function dotsIn(name: string): number {
  let dots = 0
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) === 0x2e) dots++
  return dots
}

/** `localhost` and what is below it: always this host, and asked of nobody (RFC 6761, section 6.3). */
export function isLocalhost(name: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(name)
}

/** Names that are in no domain name system: `.onion` (RFC 7686, section 2) and `.invalid` (RFC 6761, section 6.4). */
export function isNeverAsked(name: string): boolean {
  return /(^|\.)(onion|invalid)\.?$/i.test(name)
}

/**
 * Where the names of an address are: `in-addr.arpa` (RFC 1035, section 3.5) or `ip6.arpa` (RFC 3596, section 2.5).
 * @param family that it is written in: a mapped address has names of its own
 */
export function reverseName(address: IpAddress, family: IpFamily = address.family): string {
  if (family === 4) return `${address.toString().split('.').reverse().join('.')}.in-addr.arpa`
  const nibbles = [address.word0, address.word1, address.word2, address.word3]
    .map((word) => (word >>> 0).toString(16).padStart(8, '0'))
    .join('')
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`
}

/** The canonical text of an address, or null. IPv4-mapped ones stay what they are: two texts of one address are equal. */
export function canonicalAddress(text: string): string | null {
  return IpAddress.tryParse(text)?.toString() ?? null
}
