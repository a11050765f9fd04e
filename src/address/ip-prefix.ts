import { IpAddress, type IpFamily } from './ip-address.ts'

/**
 * An address with the length of its network prefix, as in `10.0.0.2/24`. `address` keeps its host bits: the same type
 * says "this interface's address and its network" and "this route's destination". Immutable.
 */
export class IpPrefix {
  readonly address: IpAddress
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly length: number

  /** @throws RangeError if the length does not fit the family */
  constructor(address: IpAddress, length: number) {
    const longest = address.family === 4 ? 32 : 128
    if (!Number.isInteger(length) || length < 0 || length > longest) {
      throw new RangeError(`a prefix length for ${address} is 0 to ${longest}, not ${length}`)
    }
    this.address = address
    this.length = length
  }

  /**
   * @param text `10.0.0.2/24`; without a length it means the single address (/32, /128).
   * @throws TypeError or RangeError naming the text
   */
  static parse(text: string): IpPrefix {
    const slash = text.indexOf('/')
    if (slash < 0) {
      const address = IpAddress.parse(text)
      return new IpPrefix(address, address.family === 4 ? 32 : 128)
    }
    const length = text.slice(slash + 1)
    if (!/^\d{1,3}$/.test(length)) throw new TypeError(`not an address with a prefix length: ${JSON.stringify(text)}`)
    return new IpPrefix(IpAddress.parse(text.slice(0, slash)), Number(length))
  }

  get family(): IpFamily {
    return this.address.family
  }

  /** The netmask's word at index 0 to 3 over the 128-bit form (IPv4 counts as /96 + length). */
  maskWord(index: 0 | 1 | 2 | 3): number {
    const bits = (this.address.family === 4 ? 96 + this.length : this.length) - index * 32
    if (bits >= 32) return -1
    return bits <= 0 ? 0 : -1 << (32 - bits)
  }

  contains(address: IpAddress): boolean {
    const own = this.address
    return (
      ((own.word3 ^ address.word3) & this.maskWord(3)) === 0 &&
      ((own.word2 ^ address.word2) & this.maskWord(2)) === 0 &&
      ((own.word1 ^ address.word1) & this.maskWord(1)) === 0 &&
      ((own.word0 ^ address.word0) & this.maskWord(0)) === 0 &&
      own.family === address.family
    )
  }

  /** The prefix with all host bits zero. */
  get network(): IpPrefix {
    const a = this.address
    return new IpPrefix(
      IpAddress.fromWords(
        a.word0 & this.maskWord(0),
        a.word1 & this.maskWord(1),
        a.word2 & this.maskWord(2),
        a.word3 & this.maskWord(3),
      ),
      this.length,
    )
  }

  toString(): string {
    return `${this.address}/${this.length}`
  }
}
