/**
 * ARP for IPv4 over Ethernet, RFC 826. Offsets from the first byte behind the Ethernet header; addresses are signed
 * 32-bit integers, MAC addresses a 16-bit and a signed 32-bit half, as in `MacAddress`.
 */

export const PACKET_LENGTH = 28
export const Operation = { Request: 1, Reply: 2 } as const

const HARDWARE_TYPE = 0
const PROTOCOL_TYPE = 2
const HARDWARE_LENGTH = 4
const PROTOCOL_LENGTH = 5
const OPERATION = 6
const SENDER_MAC = 8
const SENDER_ADDRESS = 14
const TARGET_MAC = 18
const TARGET_ADDRESS = 24

/** IANA "ARP Parameters": Ethernet. */
const HARDWARE_ETHERNET = 1
const PROTOCOL_IPV4 = 0x0800

function word16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

function word32(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 24) | (bytes[position + 1] << 16) | (bytes[position + 2] << 8) | bytes[position + 3]
}

/** Whether the packet resolves IPv4 over Ethernet and is whole; after this no reader below goes out of bounds. */
export function isValid(bytes: Uint8Array, position: number, end: number): boolean {
  return (
    end - position >= PACKET_LENGTH &&
    word16(bytes, position + HARDWARE_TYPE) === HARDWARE_ETHERNET &&
    word16(bytes, position + PROTOCOL_TYPE) === PROTOCOL_IPV4 &&
    bytes[position + HARDWARE_LENGTH] === 6 &&
    bytes[position + PROTOCOL_LENGTH] === 4
  )
}

export function operation(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + OPERATION)
}

export function senderMacHigh(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + SENDER_MAC)
}

export function senderMacLow(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + SENDER_MAC + 2)
}

export function senderAddress(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + SENDER_ADDRESS)
}

export function targetMacHigh(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + TARGET_MAC)
}

export function targetMacLow(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + TARGET_MAC + 2)
}

export function targetAddress(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + TARGET_ADDRESS)
}

function writeWord16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

function writeWord32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24
  bytes[position + 1] = value >>> 16
  bytes[position + 2] = value >>> 8
  bytes[position + 3] = value
}

/** Writes all 28 bytes. */
export function write(
  bytes: Uint8Array,
  position: number,
  op: number,
  senderHigh: number,
  senderLow: number,
  sender: number,
  targetHigh: number,
  targetLow: number,
  target: number,
): void {
  writeWord16(bytes, position + HARDWARE_TYPE, HARDWARE_ETHERNET)
  writeWord16(bytes, position + PROTOCOL_TYPE, PROTOCOL_IPV4)
  bytes[position + HARDWARE_LENGTH] = 6
  bytes[position + PROTOCOL_LENGTH] = 4
  writeWord16(bytes, position + OPERATION, op)
  writeWord16(bytes, position + SENDER_MAC, senderHigh)
  writeWord32(bytes, position + SENDER_MAC + 2, senderLow)
  writeWord32(bytes, position + SENDER_ADDRESS, sender)
  writeWord16(bytes, position + TARGET_MAC, targetHigh)
  writeWord32(bytes, position + TARGET_MAC + 2, targetLow)
  writeWord32(bytes, position + TARGET_ADDRESS, target)
}
