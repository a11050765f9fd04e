/** Where the fields of a DHCPv4 message are, RFC 2131, section 2, figure 1. */

export const OPERATION = 0
export const HARDWARE_TYPE = 1
export const HARDWARE_LENGTH = 2
export const TRANSACTION_ID = 4
export const SECONDS = 8
export const FLAGS = 10
export const CLIENT_ADDRESS = 12
export const YOUR_ADDRESS = 16
export const NEXT_SERVER = 20
export const RELAY_ADDRESS = 24
export const HARDWARE_ADDRESS = 28
export const SERVER_NAME = 44
export const FILE = 108
export const COOKIE = 236
export const OPTIONS = 240

export const SERVER_NAME_LENGTH = 64
export const FILE_LENGTH = 128

/** RFC 2131, section 3: 99.130.83.99. */
export const MAGIC_COOKIE = 0x63825363
/** RFC 826. */
export const HARDWARE_ETHERNET = 1
/** RFC 2131, section 2, figure 2. */
export const BROADCAST_FLAG = 0x8000

export function word16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1]
}

/** Signed. */
export function word32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}

export function writeWord16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export function writeWord32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
