import { Address4, Address6 } from 'ip-address'

/** 4 for IPv4, 6 for IPv6. */
export type IpFamily = 4 | 6

/** Third word of an IPv4-mapped IPv6 address, RFC 4291, section 2.5.5.2: what tells the two families apart in a key. */
export const IPV4_MAPPED_WORD = 0xffff

/**
 * An IP address of either family as four signed 32-bit words, most significant first. An IPv4 address is held in its
 * IPv4-mapped form (0, 0, 0xffff, address), so that one hash and one comparison serve both families. Words are signed
 * because V8 keeps signed 32-bit integers unboxed. Immutable.
 */
export class IpAddress {
  readonly family: IpFamily
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number
  /** Of IPv6, once somebody has asked: finding the longest run of zeros takes microseconds. Empty before. */
  #text = ''

  private constructor(family: IpFamily, word0: number, word1: number, word2: number, word3: number) {
    this.family = family
    this.word0 = word0
    this.word1 = word1
    this.word2 = word2
    this.word3 = word3
  }

  /** The unspecified address of each family: 0.0.0.0 and ::. */
  static readonly ANY_V4 = new IpAddress(4, 0, 0, IPV4_MAPPED_WORD, 0)
  static readonly ANY_V6 = new IpAddress(6, 0, 0, 0, 0)
  /** 255.255.255.255, RFC 919. */
  static readonly BROADCAST_V4 = new IpAddress(4, 0, 0, IPV4_MAPPED_WORD, -1)

  /** @param address the 32-bit address in host order; only its low 32 bits count. */
  static v4(address: number): IpAddress {
    return new IpAddress(4, 0, 0, IPV4_MAPPED_WORD, address | 0)
  }

  /** From the four words of a packet or a table key; an IPv4-mapped address becomes an IPv4 one. */
  static fromWords(word0: number, word1: number, word2: number, word3: number): IpAddress {
    const mapped = word0 === 0 && word1 === 0 && word2 === IPV4_MAPPED_WORD
    return new IpAddress(mapped ? 4 : 6, word0 | 0, word1 | 0, word2 | 0, word3 | 0)
  }

  /**
   * @param text `10.0.0.2` or `fd00::2`; no prefix length.
   * @throws TypeError naming the text, if it is not an address
   */
  static parse(text: string): IpAddress {
    const address = IpAddress.tryParse(text)
    if (address === null) throw new TypeError(`not an IP address: ${JSON.stringify(text)}`)
    return address
  }

  /** As `parse`, with null for what is not an address. */
  static tryParse(text: string): IpAddress | null {
    // "/" would be taken as a prefix length and "%" as a zone; neither belongs to an address.
    if (text.includes('/') || text.includes('%')) return null
    if (Address4.isValid(text)) {
      return IpAddress.v4(Number(new Address4(text).bigInt()))
    }
    if (Address6.isValid(text)) {
      const value = new Address6(text).bigInt()
      const word = (shift: bigint) => Number((value >> shift) & 0xffffffffn) | 0
      return IpAddress.fromWords(word(96n), word(64n), word(32n), word(0n))
    }
    return null
  }

  get isUnspecified(): boolean {
    return this.word0 === 0 && this.word1 === 0 && this.word3 === 0 && (this.word2 === 0 || this.family === 4)
  }

  /** 127.0.0.0/8 (RFC 1122, 3.2.1.3) and ::1. */
  get isLoopback(): boolean {
    if (this.family === 4) return this.word3 >>> 24 === 127
    return this.word0 === 0 && this.word1 === 0 && this.word2 === 0 && this.word3 === 1
  }

  /** 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291, 2.7). */
  get isMulticast(): boolean {
    return this.family === 4 ? this.word3 >>> 28 === 14 : this.word0 >>> 24 === 0xff
  }

  /** 169.254.0.0/16 (RFC 3927, 2.1) and fe80::/10 (RFC 4291, 2.5.6). */
  get isLinkLocal(): boolean {
    return this.family === 4 ? this.word3 >>> 16 === 0xa9fe : this.word0 >>> 22 === 0x3fa
  }

  equals(other: IpAddress): boolean {
    return (
      this.word3 === other.word3 &&
      this.word2 === other.word2 &&
      this.word1 === other.word1 &&
      this.word0 === other.word0
    )
  }

  /** The canonical text: dotted decimal, or RFC 5952 for IPv6. */
  toString(): string {
    if (this.family === 4) {
      const a = this.word3
      return `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`
    }
    if (this.#text !== '') return this.#text
    const value =
      (BigInt(this.word0 >>> 0) << 96n) |
      (BigInt(this.word1 >>> 0) << 64n) |
      (BigInt(this.word2 >>> 0) << 32n) |
      BigInt(this.word3 >>> 0)
    this.#text = Address6.fromBigInt(value).correctForm()
    return this.#text
  }
}
