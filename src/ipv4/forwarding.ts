/**
 * Forwarding between interfaces: RFC 1812, section 5.2 and 5.3, as far as a simulated network needs it. No address
 * translation, no filter, no multicast, no redirects; source routes are refused as by a host.
 */
import { completeChecksum, IpErrorKind } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import type { ForeignForwarder } from './foreign.ts'
import type { Ipv4 } from './ipv4.ts'
import { AddressKind } from './local-addresses.ts'
import { blankUncopied } from './options.ts'
import * as wire from './wire.ts'

/** TCP header without options: what a segment has besides its data, at least. */
const TCP_HEADER = 20

/** What forwarding counts: packets passed on, and why others were not. */
export interface ForwardingCounters {
  /** Packets passed on to another host, and those to an address of ours on another interface. */
  forwarded: number
  delivered: number
  /** Packets whose time to live was over. */
  timeExceeded: number
  noRoute: number
  /** Larger than the next link takes, with the don't-fragment bit. */
  tooBig: number
  /** Packets cut into fragments. */
  fragmented: number
  /** Packets whose next hop did not answer ARP. */
  unreachable: number
  /** Packets dropped for want of packet memory. */
  noMemory: number
}

/** Makes several interfaces a router. Each has addresses and routes of its own; among all routes the longest prefix wins. */
export class Ipv4Forwarder implements ForeignForwarder {
  readonly counters: ForwardingCounters = {
    forwarded: 0,
    delivered: 0,
    timeExceeded: 0,
    noRoute: 0,
    tooBig: 0,
    fragmented: 0,
    unreachable: 0,
    noMemory: 0,
  }
  readonly #layers: readonly Ipv4[]
  /** Given packets in this burst: to be sent, or to be delivered. */
  readonly #touched = new Set<Ipv4>()
  readonly #delivered = new Set<Ipv4>()

  /** @param layers of all interfaces; forwarding begins at once */
  constructor(layers: readonly Ipv4[]) {
    this.#layers = layers
    for (const layer of layers) layer.setForwarder(this)
  }

  /** Packets for others are dropped again. */
  close(): void {
    for (const layer of this.#layers) layer.setForwarder(null)
  }

  forward(packet: PacketBuffer, from: Ipv4): void {
    const { bytes } = packet.memory
    const { network, destination3: destination } = packet
    packet.multicast = false
    if (wire.headerLength(bytes, network) > wire.HEADER_LENGTH && !from.areOptionsFine(packet)) return
    for (const layer of this.#layers) {
      const kind = layer.classify(destination)
      if (kind === AddressKind.Own) {
        this.#deliver(packet, layer)
        return
      }
      // RFC 2644: broadcasts to a network are not passed on to it.
      if (kind !== AddressKind.Foreign) return
    }
    // RFC 1812, 5.3.1: what is for us was delivered, whatever its time to live.
    if (packet.hopLimit <= 1) {
      this.counters.timeExceeded++
      from.sendError(IpErrorKind.TimeExceeded, packet)
      return
    }
    const to = this.#layerTo(destination)
    const route = to?.routeTo(destination) ?? null
    if (to === null || route === null) {
      this.counters.noRoute++
      from.sendError(IpErrorKind.NetworkUnreachable, packet)
      return
    }
    const nextHop = route.gateway === null ? destination : route.gateway.word3
    const size = sizeOnLink(packet)
    if (size > to.mtu && (wire.flagsAndOffset(bytes, network) & wire.DONT_FRAGMENT) !== 0) {
      this.counters.tooBig++
      from.sendError(IpErrorKind.PacketTooBig, packet, to.mtu)
      return
    }
    const mine = this.#own(packet, to)
    if (mine === null) {
      this.counters.noMemory++
      return
    }
    this.counters.forwarded++
    wire.decrementTimeToLive(mine.memory.bytes, mine.start)
    if (size > to.mtu) this.#cut(mine, to, nextHop)
    else to.sendFrame(mine, nextHop)
    this.#touched.add(to)
  }

  /** A burst of one interface ends without a word to the others. */
  endOfBurst(): void {
    for (const layer of this.#delivered) {
      this.#delivered.delete(layer)
      this.#touched.add(layer)
      layer.endOfBurst()
    }
    for (const layer of this.#touched) {
      this.#touched.delete(layer)
      layer.flush()
    }
  }

  unreachable(packet: PacketBuffer): void {
    this.counters.unreachable++
    const back = this.#layerTo(packet.source3)
    const offending = back === null ? null : inMemoryOf(back, packet)
    if (back === null || offending === null) return
    offending.multicast = offending.linkMulticast = false
    back.sendError(IpErrorKind.HostUnreachable, offending)
    back.flush()
    offending.release()
  }

  /** RFC 1812, 5.2.4.3: the longest prefix, then the smallest metric. */
  #layerTo(destination: number): Ipv4 | null {
    let best: Ipv4 | null = null
    let length = -1
    let metric = 0
    for (const layer of this.#layers) {
      const route = layer.routeTo(destination)
      if (route === null) continue
      if (route.destination.length < length || (route.destination.length === length && route.metric >= metric)) continue
      best = layer
      length = route.destination.length
      metric = route.metric
    }
    return best
  }

  /** RFC 1122, 3.3.4.2 (weak model): a router answers on all its addresses, whatever way one comes. */
  #deliver(packet: PacketBuffer, layer: Ipv4): void {
    this.counters.delivered++
    const mine = inMemoryOf(layer, packet)
    if (mine === null) {
      this.counters.noMemory++
      return
    }
    layer.receive(mine)
    mine.release()
    this.#delivered.add(layer)
  }

  /** A reference to the packet, or a copy where somebody else holds it or it lies in another memory. */
  #own(packet: PacketBuffer, to: Ipv4): PacketBuffer | null {
    if (packet.memory === to.memory && packet.references === 1) return packet.retain()
    return to.memory.copy(packet)
  }

  /** RFC 791, section 3.2. A fragment may be cut again: its offset is where the new ones begin. */
  #cut(packet: PacketBuffer, to: Ipv4, nextHop: number): void {
    const { memory, start, end } = packet
    const { bytes } = memory
    const header = wire.headerLength(bytes, start)
    const word = wire.flagsAndOffset(bytes, start)
    const most = (to.mtu - header) & ~7
    this.counters.fragmented++
    completeChecksum(packet)
    for (let from = start + header; from < end; from += most) {
      const length = Math.min(most, end - from)
      const fragment = memory.allocate(header + length)
      if (fragment === null) {
        this.counters.noMemory++
        break
      }
      const at = fragment.start
      fragment.end = at + header + length
      bytes.copyWithin(at, start, start + header)
      bytes.copyWithin(at + header, from, from + length)
      const offset = (word & wire.FRAGMENT_OFFSET) + ((from - start - header) >>> 3)
      if (from > start + header) blankUncopied(bytes, at + wire.HEADER_LENGTH, at + header)
      const more = from + length < end || (word & wire.MORE_FRAGMENTS) !== 0
      wire.becomeFragment(bytes, at, header + length, (more ? wire.MORE_FRAGMENTS : 0) | offset)
      fragment.network = at
      fragment.checksum = ChecksumState.Verified
      to.sendFrame(fragment, nextHop)
    }
    packet.release()
  }
}

/** Another reference to the packet, or a copy where it lies in another memory; null where that is exhausted. */
function inMemoryOf(layer: Ipv4, packet: PacketBuffer): PacketBuffer | null {
  if (packet.memory === layer.memory) return packet.retain()
  const copy = layer.memory.copy(packet)
  if (copy === null) return null
  copy.source3 = packet.source3
  copy.destination3 = packet.destination3
  copy.trafficClass = packet.trafficClass
  copy.linkMulticast = packet.linkMulticast
  return copy
}

/** Bytes of the largest IP packet that it is on a link: a device cuts what it sends for TCP by itself. */
function sizeOnLink(packet: PacketBuffer): number {
  const { memory, start, end, segmentation, segmentSize } = packet
  if (segmentation === Segmentation.None) return end - start
  const header = wire.headerLength(memory.bytes, start)
  const tcp = start + header
  const tcpHeader = Math.max((memory.bytes[tcp + 12] >>> 4) << 2, TCP_HEADER)
  return header + tcpHeader + segmentSize
}
