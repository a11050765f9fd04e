/**
 * Neighbour discovery messages, RFC 4861, section 4. Offsets from the first byte of the ICMPv6 header; what may be done
 * with a message before it is valid is only to validate it. The options are in options.ts.
 */
import { IpAddress } from '../../address/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { ALL_NODES, isLinkLocal, isUnicast } from '../addresses.ts'
import { word16, word32, writeWord32 } from '../wire.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { OptionType, optionsAreWhole } from './options.ts'

/** ICMPv6 types, RFC 4861, section 4. */
export const MessageType = {
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighborSolicitation: 135,
  NeighborAdvertisement: 136,
  Redirect: 137,
} as const

/** RFC 4861, 6.1 and 7.1: packets with another hop limit crossed a router. */
export const HOP_LIMIT = 255

/** Where the options begin: the length of the fixed part. */
export const ROUTER_SOLICITATION_LENGTH = 8
export const ROUTER_ADVERTISEMENT_LENGTH = 16
export const NEIGHBOR_LENGTH = 24
export const REDIRECT_LENGTH = 40

const CODE = 1
const CURRENT_HOP_LIMIT = 4
const FLAGS = 4
const ROUTER_FLAGS = 5
const ROUTER_LIFETIME = 6
const REACHABLE_TIME = 8
const RETRANS_TIMER = 12
const TARGET = 8
const DESTINATION = 24

/** Flags of neighbour advertisements, section 4.4: the first byte of their word. */
export const AdvertisementFlag = { Router: 0x80, Solicited: 0x40, Override: 0x20 } as const
/** Flags of router advertisements, section 4.2: addresses by DHCPv6; other things by DHCPv6. */
const FLAG_MANAGED = 0x80
const FLAG_OTHER = 0x40

/** Default router preference, RFC 4191, section 2.1: two bits as a signed integer. */
export const Preference = { Low: -1, Medium: 0, High: 1 } as const
export type Preference = (typeof Preference)[keyof typeof Preference]

export type InvalidReason = keyof NeighborDiscoveryCounters

/** @returns null for a valid router solicitation, or the counter of what is wrong; RFC 4861, section 6.1.1 */
export function invalidRouterSolicitation(packet: PacketBuffer): InvalidReason | null {
  const reason = invalidMessage(packet, ROUTER_SOLICITATION_LENGTH)
  if (reason !== null) return reason
  if (sourceIsUnspecified(packet) && hasSourceLinkLayer(packet, ROUTER_SOLICITATION_LENGTH)) {
    return 'sourceLinkLayerWithoutSource'
  }
  return null
}

/** RFC 4861, section 6.1.2. */
export function invalidRouterAdvertisement(packet: PacketBuffer): InvalidReason | null {
  const reason = invalidMessage(packet, ROUTER_ADVERTISEMENT_LENGTH)
  if (reason !== null) return reason
  return isLinkLocal(source(packet)) ? null : 'invalidSource'
}

/** RFC 4861, section 7.1.1. */
export function invalidNeighborSolicitation(packet: PacketBuffer): InvalidReason | null {
  const reason = invalidMessage(packet, NEIGHBOR_LENGTH)
  if (reason !== null) return reason
  if (!isUnicast(target(packet))) return 'invalidTarget'
  if (!sourceIsUnspecified(packet)) return isUnicast(source(packet)) ? null : 'invalidSource'
  // A solicitation from nobody is duplicate address detection, and goes to a solicited-node group.
  if (!isSolicitedNodeGroup(packet)) return 'invalidDestination'
  return hasSourceLinkLayer(packet, NEIGHBOR_LENGTH) ? 'sourceLinkLayerWithoutSource' : null
}

/** RFC 4861, section 7.1.2. */
export function invalidNeighborAdvertisement(packet: PacketBuffer): InvalidReason | null {
  const reason = invalidMessage(packet, NEIGHBOR_LENGTH)
  if (reason !== null) return reason
  if (!isUnicast(target(packet))) return 'invalidTarget'
  if (!isUnicast(source(packet))) return 'invalidSource'
  const solicited = (advertisementFlags(packet) & AdvertisementFlag.Solicited) !== 0
  return solicited && isGroup(packet.destination0) ? 'solicitedToGroup' : null
}

/** RFC 4861, section 8.1, except for what only the routes can tell. */
export function invalidRedirect(packet: PacketBuffer): InvalidReason | null {
  const reason = invalidMessage(packet, REDIRECT_LENGTH)
  if (reason !== null) return reason
  if (!isLinkLocal(source(packet))) return 'invalidSource'
  const to = redirectDestination(packet)
  if (!isUnicast(to)) return 'invalidDestination'
  const better = target(packet)
  return isUnicast(better) && (isLinkLocal(better) || better.equals(to)) ? null : 'invalidTarget'
}

/** What all messages have in common. The checksum and that it came in one piece (RFC 6980) are the layer's to check. */
function invalidMessage(packet: PacketBuffer, fixedLength: number): InvalidReason | null {
  if (packet.hopLimit !== HOP_LIMIT) return 'invalidHopLimit'
  if (packet.length < fixedLength) return 'truncated'
  const bytes = packet.memory.bytes
  if (bytes[packet.start + CODE] !== 0) return 'invalidCode'
  return optionsAreWhole(bytes, packet.start + fixedLength, packet.end) ? null : 'malformedOptions'
}

function hasSourceLinkLayer(packet: PacketBuffer, fixedLength: number): boolean {
  const bytes = packet.memory.bytes
  for (let at = packet.start + fixedLength; at < packet.end; at += bytes[at + 1] << 3) {
    if (bytes[at] === OptionType.SourceLinkLayer) return true
  }
  return false
}

export function sourceIsUnspecified(packet: PacketBuffer): boolean {
  return (packet.source0 | packet.source1 | packet.source2 | packet.source3) === 0
}

function isGroup(word0: number): boolean {
  return word0 >>> 24 === 0xff
}

function isSolicitedNodeGroup(packet: PacketBuffer): boolean {
  return (
    packet.destination0 === (0xff020000 | 0) &&
    packet.destination1 === 0 &&
    packet.destination2 === 1 &&
    packet.destination3 >>> 24 === 0xff
  )
}

export function source(packet: PacketBuffer): IpAddress {
  return IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
}

/** Whether it was sent to all nodes of the link. */
export function isToAllNodes(packet: PacketBuffer): boolean {
  return (
    packet.destination0 === ALL_NODES.word0 &&
    packet.destination1 === ALL_NODES.word1 &&
    packet.destination2 === ALL_NODES.word2 &&
    packet.destination3 === ALL_NODES.word3
  )
}

export function readAddress(bytes: Uint8Array, position: number): IpAddress {
  return IpAddress.fromWords(
    word32(bytes, position),
    word32(bytes, position + 4),
    word32(bytes, position + 8),
    word32(bytes, position + 12),
  )
}

export function writeAddress(bytes: Uint8Array, position: number, address: IpAddress): void {
  writeWord32(bytes, position, address.word0)
  writeWord32(bytes, position + 4, address.word1)
  writeWord32(bytes, position + 8, address.word2)
  writeWord32(bytes, position + 12, address.word3)
}

/** Of solicitations, advertisements and redirects. */
export function target(packet: PacketBuffer): IpAddress {
  return readAddress(packet.memory.bytes, packet.start + TARGET)
}

export function redirectDestination(packet: PacketBuffer): IpAddress {
  return readAddress(packet.memory.bytes, packet.start + DESTINATION)
}

/** A set of `AdvertisementFlag`. */
export function advertisementFlags(packet: PacketBuffer): number {
  return packet.memory.bytes[packet.start + FLAGS]
}

/** Hop limit for what we send; 0 says nothing. */
export function currentHopLimit(packet: PacketBuffer): number {
  return packet.memory.bytes[packet.start + CURRENT_HOP_LIMIT]
}

export function isManaged(packet: PacketBuffer): boolean {
  return (packet.memory.bytes[packet.start + ROUTER_FLAGS] & FLAG_MANAGED) !== 0
}

export function hasOtherConfiguration(packet: PacketBuffer): boolean {
  return (packet.memory.bytes[packet.start + ROUTER_FLAGS] & FLAG_OTHER) !== 0
}

/** RFC 4191, section 2.2: the reserved value counts as medium. */
export function routerPreference(packet: PacketBuffer): Preference {
  return preferenceBits(packet.memory.bytes[packet.start + ROUTER_FLAGS]) ?? Preference.Medium
}

/** @param flags a byte with the preference in its bits 3 and 4 @returns null for the reserved value */
export function preferenceBits(flags: number): Preference | null {
  const bits = (flags >>> 3) & 3
  if (bits === 2) return null
  return bits === 0 ? Preference.Medium : bits === 1 ? Preference.High : Preference.Low
}

/** Seconds, 0 to 65,535. */
export function routerLifetime(packet: PacketBuffer): number {
  return word16(packet.memory.bytes, packet.start + ROUTER_LIFETIME)
}

/** Milliseconds; 0 says nothing. */
export function reachableTime(packet: PacketBuffer): number {
  return word32(packet.memory.bytes, packet.start + REACHABLE_TIME) >>> 0
}

/** Milliseconds; 0 says nothing. */
export function retransTimer(packet: PacketBuffer): number {
  return word32(packet.memory.bytes, packet.start + RETRANS_TIMER) >>> 0
}

/** Writes the fixed part of a router solicitation. @returns where its options begin */
export function writeRouterSolicitation(bytes: Uint8Array, position: number): number {
  writeWord32(bytes, position, MessageType.RouterSolicitation << 24)
  writeWord32(bytes, position + 4, 0)
  return position + ROUTER_SOLICITATION_LENGTH
}

/** Likewise of a neighbour solicitation or advertisement. @param flags 0, or a set of `AdvertisementFlag` */
export function writeNeighborMessage(
  bytes: Uint8Array,
  position: number,
  type: number,
  flags: number,
  about: IpAddress,
): number {
  writeWord32(bytes, position, type << 24)
  writeWord32(bytes, position + 4, flags << 24)
  writeAddress(bytes, position + TARGET, about)
  return position + NEIGHBOR_LENGTH
}
