import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { ALL_NODES, ALL_ROUTERS, isLinkLocal, solicitedNodeGroup } from '../addresses.ts'
import type { Ipv6Link } from '../link.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import type { InterfaceAddress } from './interface-address.ts'
import type { InterfaceAddresses } from './interface-addresses.ts'
import type { Neighbor } from './neighbor.ts'
import * as options from './options.ts'
import { Occasion } from './unsolicited-advertisement.ts'
import * as wire from './wire.ts'

const UNSPECIFIED = IpAddress.ANY_V6

/** Builds and sends the messages of a host: RFC 4861, sections 4.1, 4.3 and 4.4. */
export class MessageSender {
  /** RFC 4861, section 4.4: the R flag. */
  isRouter = false
  readonly #link: Ipv6Link
  readonly #addresses: InterfaceAddresses
  readonly #counters: NeighborDiscoveryCounters

  /** Whether there is a link-layer address to tell of. */
  readonly #hasLinkLayer: boolean

  constructor(link: Ipv6Link, addresses: InterfaceAddresses, counters: NeighborDiscoveryCounters) {
    this.#link = link
    this.#hasLinkLayer = link.hasLinkLayer !== false
    this.#addresses = addresses
    this.#counters = counters
  }

  /** RFC 4861, 6.3.7. From the link-local address, or from none while that is not ours beyond doubt. */
  routerSolicitation(): void {
    const source = this.#addresses.list.find((own) => own.isAssigned && isLinkLocal(own.address))?.address ?? null
    const named = source !== null && this.#hasLinkLayer
    const length = wire.ROUTER_SOLICITATION_LENGTH + (named ? options.LINK_LAYER_LENGTH : 0)
    const packet = this.#allocate(length)
    if (packet === null) return
    const at = wire.writeRouterSolicitation(packet.memory.bytes, packet.start)
    if (named) this.#writeLinkLayer(packet, at, options.OptionType.SourceLinkLayer)
    this.#counters.routerSolicitationsSent++
    this.#send(packet, source ?? UNSPECIFIED, ALL_ROUTERS, null)
  }

  /** Resolution and unreachability detection, RFC 4861, 7.2.2 and 7.3.3. */
  solicit(neighbor: Neighbor, byUnicast: boolean): void {
    const from = this.#sourceFor(neighbor.address)
    // Without an address there is nobody to answer; the next solicitation may find one.
    if (from === null) return
    // RFC 4429, 3.2: an optimistic address with our link-layer address would overwrite what others know of its owner.
    const named = from.isAssigned
    const packet = this.#allocate(wire.NEIGHBOR_LENGTH + (named ? options.LINK_LAYER_LENGTH : 0))
    if (packet === null) return
    const at = wire.writeNeighborMessage(
      packet.memory.bytes,
      packet.start,
      wire.MessageType.NeighborSolicitation,
      0,
      neighbor.address,
    )
    if (named) this.#writeLinkLayer(packet, at, options.OptionType.SourceLinkLayer)
    this.#counters.neighborSolicitationsSent++
    const destination = byUnicast ? neighbor.address : solicitedNodeGroup(neighbor.address)
    this.#send(packet, from.address, destination, byUnicast ? new MacAddress(neighbor.macHigh, neighbor.macLow) : null)
  }

  /** RFC 4862, 5.4.2, with the nonce of RFC 7527, 4.1. */
  detection(address: IpAddress, nonceHigh: number, nonceLow: number): void {
    const packet = this.#allocate(wire.NEIGHBOR_LENGTH + options.NONCE_LENGTH)
    if (packet === null) return
    const { bytes } = packet.memory
    const at = wire.writeNeighborMessage(bytes, packet.start, wire.MessageType.NeighborSolicitation, 0, address)
    options.writeNonce(bytes, at, nonceHigh, nonceLow)
    this.#counters.neighborSolicitationsSent++
    this.#send(packet, UNSPECIFIED, solicitedNodeGroup(address), null)
  }

  /**
   * Answers a solicitation, RFC 4861, 7.2.4.
   * @param to who asked; null for whoever checks the address, which is answered to all
   */
  answer(own: InterfaceAddress, to: IpAddress | null, mac: MacAddress | null): void {
    // RFC 4429, 3.3: an optimistic address overrides nothing.
    const override = own.isAssigned ? wire.AdvertisementFlag.Override : 0
    if (to === null) this.#advertise(own, ALL_NODES, override, null)
    else this.#advertise(own, to, override | wire.AdvertisementFlag.Solicited, mac)
  }

  unsolicited(own: InterfaceAddress, occasion: Occasion): void {
    if (!this.#hasLinkLayer) return
    // RFC 9131, 6.1: without override, so that an entry that others made in the meantime stays.
    if (occasion === Occasion.NewAddress) this.#advertise(own, ALL_ROUTERS, 0, null)
    else this.#advertise(own, ALL_NODES, wire.AdvertisementFlag.Override, null)
  }

  #advertise(own: InterfaceAddress, destination: IpAddress, flags: number, mac: MacAddress | null): void {
    const packet = this.#allocate(wire.NEIGHBOR_LENGTH + (this.#hasLinkLayer ? options.LINK_LAYER_LENGTH : 0))
    if (packet === null) return
    const { bytes } = packet.memory
    const type = wire.MessageType.NeighborAdvertisement
    const all = this.isRouter ? flags | wire.AdvertisementFlag.Router : flags
    const at = wire.writeNeighborMessage(bytes, packet.start, type, all, own.address)
    if (this.#hasLinkLayer) this.#writeLinkLayer(packet, at, options.OptionType.TargetLinkLayer)
    this.#counters.neighborAdvertisementsSent++
    this.#send(packet, own.address, destination, mac)
  }

  /**
   * An address of ours that the neighbour believes to be on the link: of its prefix, or link-local. RFC 4861, 7.2.2 would
   * rather have the source of the packet that waits, which it need not know for itself.
   */
  #sourceFor(target: IpAddress): InterfaceAddress | null {
    let found: InterfaceAddress | null = null
    let best = -1
    for (const own of this.#addresses.list) {
      if (!own.isUsable) continue
      const isNear = new IpPrefix(own.address, own.prefixLength).contains(target)
      const worth = (own.isAssigned ? 4 : 0) + (isNear ? 2 : 0) + (isLinkLocal(own.address) ? 1 : 0)
      if (worth > best) {
        found = own
        best = worth
      }
    }
    return found
  }

  #allocate(length: number): PacketBuffer | null {
    const packet = this.#link.memory.allocate(length)
    if (packet === null) this.#counters.noMemory++
    else packet.end = packet.start + length
    return packet
  }

  #writeLinkLayer(packet: PacketBuffer, at: number, type: number): void {
    options.writeLinkLayer(packet.memory.bytes, at, type, this.#link.mac)
  }

  #send(packet: PacketBuffer, source: IpAddress, destination: IpAddress, mac: MacAddress | null): void {
    this.#link.sendControl(packet, source, destination, wire.HOP_LIMIT, mac)
  }
}
