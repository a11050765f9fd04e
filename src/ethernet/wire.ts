/**
 * Ethernet II framing, RFC 894 and IEEE 802.3 clause 3; tags of IEEE 802.1Q clause 9. Functions over
 * `(bytes, position)`, where `position` is the first byte of the frame.
 */

/** IANA "IEEE 802 Numbers". */
export const EtherType = { Ipv4: 0x0800, Arp: 0x0806, CustomerVlan: 0x8100, Ipv6: 0x86dd, ServiceVlan: 0x88a8 } as const

/** Destination, source and type. */
export const HEADER_LENGTH = 14
/** What a tag puts between source and type: its own EtherType and the tag control information. */
export const VLAN_TAG_LENGTH = 4
/** Type field values below this are an IEEE 802.3 length. */
export const LEAST_ETHER_TYPE = 0x0600

const DESTINATION = 0
const SOURCE = 6
const TYPE = 12
const TAG_CONTROL = 14

/** The first 16 bits of the destination address. */
export function destinationHigh(bytes: Uint8Array, position: number): number {
  return (bytes[position + DESTINATION] << 8) | bytes[position + DESTINATION + 1]
}

/** The last 32 bits of the destination address, signed. */
export function destinationLow(bytes: Uint8Array, position: number): number {
  return (
    (bytes[position + DESTINATION + 2] << 24) |
    (bytes[position + DESTINATION + 3] << 16) |
    (bytes[position + DESTINATION + 4] << 8) |
    bytes[position + DESTINATION + 5]
  )
}

/** The first 16 bits of the source address. */
export function sourceHigh(bytes: Uint8Array, position: number): number {
  return (bytes[position + SOURCE] << 8) | bytes[position + SOURCE + 1]
}

/** The last 32 bits of the source address, signed. */
export function sourceLow(bytes: Uint8Array, position: number): number {
  return (
    (bytes[position + SOURCE + 2] << 24) |
    (bytes[position + SOURCE + 3] << 16) |
    (bytes[position + SOURCE + 4] << 8) |
    bytes[position + SOURCE + 5]
  )
}

/** The I/G bit of the first 16 bits of an address: multicast or broadcast, IEEE 802 clause 8.2. */
export function isGroupAddress(high: number): boolean {
  return (high & 0x0100) !== 0
}

/** EtherType, or an IEEE 802.3 length if below `LEAST_ETHER_TYPE`. */
export function type(bytes: Uint8Array, position: number): number {
  return (bytes[position + TYPE] << 8) | bytes[position + TYPE + 1]
}

/** VLAN identifier of a tagged frame, 0 to 4095; 0 is a priority tag, IEEE 802.1Q table 9-2. */
export function vlanIdentifier(bytes: Uint8Array, position: number): number {
  return ((bytes[position + TAG_CONTROL] << 8) | bytes[position + TAG_CONTROL + 1]) & 0x0fff
}

/** Writes the 14 bytes of an untagged header. */
export function writeHeader(
  bytes: Uint8Array,
  position: number,
  toHigh: number,
  toLow: number,
  fromHigh: number,
  fromLow: number,
  etherType: number,
): void {
  bytes[position] = toHigh >>> 8
  bytes[position + 1] = toHigh
  bytes[position + 2] = toLow >>> 24
  bytes[position + 3] = toLow >>> 16
  bytes[position + 4] = toLow >>> 8
  bytes[position + 5] = toLow
  bytes[position + 6] = fromHigh >>> 8
  bytes[position + 7] = fromHigh
  bytes[position + 8] = fromLow >>> 24
  bytes[position + 9] = fromLow >>> 16
  bytes[position + 10] = fromLow >>> 8
  bytes[position + 11] = fromLow
  bytes[position + 12] = etherType >>> 8
  bytes[position + 13] = etherType
}
