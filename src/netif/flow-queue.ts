import type { PacketBuffer } from '../packet/index.ts'

/**
 * Which of several queues a frame goes through: all frames of one flow through one, so that they stay in order. The kernel remembers
 * where a flow came from and answers it there (Linux's tun driver, "tx follows rx").
 */

const ETHER_TYPE = 12
const ETHERNET_HEADER = 14
const ETHER_TYPE_IPV4 = 0x0800
const ETHER_TYPE_IPV6 = 0x86dd
/** RFC 791, section 3.1. */
const IPV4_FRAGMENT = 6
const IPV4_PROTOCOL = 9
const IPV4_ADDRESSES = 12
const IPV4_LEAST_HEADER = 20
/** More fragments, or not the first: no ports, or not all of the datagram has them. */
const IPV4_IS_FRAGMENT = 0x3fff
/** RFC 8200, section 3. */
const IPV6_NEXT_HEADER = 6
const IPV6_ADDRESSES = 8
const IPV6_HEADER = 40
const TCP = 6
const UDP = 17

/**
 * @param queues 1 to 256
 * @returns 0 to `queues` - 1; 0 for what is not IP
 */
export function queueOf(packet: PacketBuffer, queues: number): number {
  const { start, end } = packet
  const { bytes, view } = packet.memory
  const network = start + ETHERNET_HEADER
  if (network + IPV4_LEAST_HEADER > end) return 0
  const etherType = view.getUint16(start + ETHER_TYPE)
  let hash = 0
  let ports = 0
  if (etherType === ETHER_TYPE_IPV4) {
    hash = mix(view.getInt32(network + IPV4_ADDRESSES), view.getInt32(network + IPV4_ADDRESSES + 4))
    const isWhole = (view.getUint16(network + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT) === 0
    if (isWhole && hasPorts(bytes[network + IPV4_PROTOCOL])) ports = network + ((bytes[network] & 15) << 2)
  } else if (etherType === ETHER_TYPE_IPV6 && network + IPV6_HEADER <= end) {
    for (let at = network + IPV6_ADDRESSES; at < network + IPV6_HEADER; at += 4) hash = mix(hash, view.getInt32(at))
    if (hasPorts(bytes[network + IPV6_NEXT_HEADER])) ports = network + IPV6_HEADER
  } else return 0
  if (ports !== 0 && ports + 4 <= end) hash = mix(hash, view.getInt32(ports))
  return (hash >>> 0) % queues
}

function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP
}

/** A step of MurmurHash3's finalizer. */
function mix(hash: number, word: number): number {
  const value = Math.imul(hash ^ word ^ ((hash ^ word) >>> 16), 0x85ebca6b)
  return Math.imul(value ^ (value >>> 13), 0xc2b2ae35) ^ (value >>> 16)
}
