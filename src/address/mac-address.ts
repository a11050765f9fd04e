/**
 * A 48-bit Ethernet address as two integers, so that the hot path writes and compares it without touching an array:
 * `high` is its first 16 bits, `low` its last 32 as a signed integer. Immutable.
 */
export class MacAddress {
  readonly high: number
  readonly low: number

  /** @param high the first 16 bits @param low the last 32 bits, signed or not */
  constructor(high: number, low: number) {
    this.high = high & 0xffff
    this.low = low | 0
  }

  static readonly BROADCAST = new MacAddress(0xffff, -1)
  static readonly ZERO = new MacAddress(0, 0)

  /**
   * @param text six octets in hexadecimal, separated by `:` or `-`
   * @throws TypeError naming the text
   */
  static parse(text: string): MacAddress {
    if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text))
      throw new TypeError(`not a MAC address: ${JSON.stringify(text)}`)
    return MacAddress.fromBytes(
      Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16)),
      0,
    )
  }

  /** @param offset of the first of six bytes */
  static fromBytes(bytes: Uint8Array, offset: number): MacAddress {
    return new MacAddress(
      (bytes[offset] << 8) | bytes[offset + 1],
      (bytes[offset + 2] << 24) | (bytes[offset + 3] << 16) | (bytes[offset + 4] << 8) | bytes[offset + 5],
    )
  }

  /** A locally administered unicast address (IEEE 802, U/L bit 1, I/G bit 0) from 46 random bits. */
  static locallyAdministered(high: number, low: number): MacAddress {
    return new MacAddress((high & 0xfcff) | 0x0200, low)
  }

  /** Broadcast counts as multicast, as in IEEE 802 (the I/G bit). */
  get isMulticast(): boolean {
    return (this.high & 0x0100) !== 0
  }

  /** Writes six bytes. */
  writeTo(bytes: Uint8Array, offset: number): void {
    bytes[offset] = this.high >>> 8
    bytes[offset + 1] = this.high
    bytes[offset + 2] = this.low >>> 24
    bytes[offset + 3] = this.low >>> 16
    bytes[offset + 4] = this.low >>> 8
    bytes[offset + 5] = this.low
  }

  equals(other: MacAddress): boolean {
    return this.low === other.low && this.high === other.high
  }

  toString(): string {
    const octets = [this.high >>> 8, this.high, this.low >>> 24, this.low >>> 16, this.low >>> 8, this.low]
    return octets.map((octet) => (octet & 255).toString(16).padStart(2, '0')).join(':')
  }
}
