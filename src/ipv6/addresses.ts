/** IPv6 addresses and groups that are known by name, RFC 4291, section 2. */
import { IpAddress, IpPrefix } from '../address/index.ts'

/** ff02::1 and ff02::2, RFC 4291, section 2.7.1. */
export const ALL_NODES = IpAddress.fromWords(0xff020000, 0, 0, 1)
export const ALL_ROUTERS = IpAddress.fromWords(0xff020000, 0, 0, 2)

export const LOOPBACK = IpAddress.fromWords(0, 0, 0, 1)

/** fe80::/64, RFC 4291, section 2.5.6. */
export const LINK_LOCAL_PREFIX = new IpPrefix(IpAddress.fromWords(0xfe800000, 0, 0, 0), 64)

/** fe80::/10. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.family === 6 && address.isLinkLocal
}

/** The same of the first word of an address. */
export function isLinkLocalWord(word0: number): boolean {
  return word0 >>> 22 === 0x3fa
}

/** Whether a station of ours or of a neighbour can have it. */
export function isUnicast(address: IpAddress): boolean {
  return address.family === 6 && !address.isMulticast && !address.isUnspecified && !address.isLoopback
}

/** ff02::1:ff00:0/104 with the last 24 bits of the address, RFC 4291, section 2.7.1. */
export function solicitedNodeGroup(address: IpAddress): IpAddress {
  return IpAddress.fromWords(0xff020000, 0, 1, 0xff000000 | (address.word3 & 0x00ffffff))
}

/** As `IpPrefix`, with the host bits cleared; null for what is no prefix of IPv6 addresses. */
export function prefixFromWords(
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  length: number,
): IpPrefix | null {
  if (length > 128) return null
  const address = IpAddress.fromWords(
    word0 & maskWord(length),
    word1 & maskWord(length - 32),
    word2 & maskWord(length - 64),
    word3 & maskWord(length - 96),
  )
  return address.family === 6 ? new IpPrefix(address, length) : null
}

function maskWord(bits: number): number {
  if (bits >= 32) return -1
  return bits <= 0 ? 0 : -1 << (32 - bits)
}
