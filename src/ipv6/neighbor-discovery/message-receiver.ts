/**
 * The messages that come, RFC 4861: who is checked how, what is learnt from each and who answers. What is in the options of a
 * router advertisement is taken apart in `router-advertisement.ts`.
 */
import type { IpAddress, MacAddress } from '../../address/index.ts'
import { type Microseconds, SECOND } from '../../clock/index.ts'
import type { Log } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { ControlHandler, Ipv6Link } from '../link.ts'
import { AdvertisementLimit } from './advertisement-limit.ts'
import { AddressState, type InterfaceAddress } from './interface-address.ts'
import type { InterfaceAddresses } from './interface-addresses.ts'
import type { MessageSender } from './message-sender.ts'
import type { NeighborCache } from './neighbor-cache.ts'
import type { NeighborDiscoveryHost, RouterRole } from './neighbor-discovery-host.ts'
import * as options from './options.ts'
import type { Redirects } from './redirects.ts'
import { processRouterAdvertisement, type RouterAdvertisementContext } from './router-advertisement.ts'
import type { RouterSolicitation } from './router-solicitation.ts'
import * as wire from './wire.ts'

/** How often a conflict about an address of ours is logged; as of ARP (RFC 5227, 1.1, DEFEND_INTERVAL). */
const CONFLICT_LOG_INTERVAL: Microseconds = 10 * SECOND

/** Whom a message concerns. */
export interface MessageReceiverParts {
  readonly link: Ipv6Link
  readonly host: NeighborDiscoveryHost
  readonly log: Log
  readonly cache: NeighborCache
  readonly addresses: InterfaceAddresses
  readonly redirects: Redirects
  readonly solicitation: RouterSolicitation
  readonly sender: MessageSender
}

/** Takes the ICMPv6 messages 133 to 137. */
export class MessageReceiver implements ControlHandler {
  /** Whether router advertisements are listened to at present. */
  acceptsRouters = false
  /** Who answers to those who ask for routers; null for a host. */
  routerRole: RouterRole | null = null
  readonly #context: RouterAdvertisementContext
  readonly #parts: MessageReceiverParts
  readonly #advertisementLimit: AdvertisementLimit
  #nextConflictLog: Microseconds = 0

  constructor(context: RouterAdvertisementContext, parts: MessageReceiverParts) {
    this.#context = context
    this.#parts = parts
    this.#advertisementLimit = new AdvertisementLimit(context.clock)
    for (const type of Object.values(wire.MessageType)) parts.link.addControlHandler(type, this)
  }

  receiveControl(packet: PacketBuffer, type: number): void {
    switch (type) {
      case wire.MessageType.RouterSolicitation:
        this.#routerSolicitation(packet)
        break
      case wire.MessageType.RouterAdvertisement:
        this.#routerAdvertisement(packet)
        break
      case wire.MessageType.NeighborSolicitation:
        this.#neighborSolicitation(packet)
        break
      case wire.MessageType.NeighborAdvertisement:
        this.#neighborAdvertisement(packet)
        break
      case wire.MessageType.Redirect:
        this.#redirect(packet)
        break
    }
  }

  #accepts(reason: wire.InvalidReason | null): boolean {
    if (reason === null) return true
    this.#context.counters[reason]++
    return false
  }

  /** RFC 4861, 6.2.6: hosts drop them. */
  #routerSolicitation(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRouterSolicitation(packet))) return
    if (this.routerRole === null) {
      this.#context.counters.routerSolicitationsIgnored++
      return
    }
    const mac = this.#linkLayerOption(packet, wire.ROUTER_SOLICITATION_LENGTH, options.OptionType.SourceLinkLayer)
    if (mac !== null && !this.#isOwn(wire.source(packet))) this.#parts.cache.learnUnasked(wire.source(packet), mac)
    this.routerRole.routerSolicited()
  }

  #routerAdvertisement(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRouterAdvertisement(packet))) return
    this.#context.counters.routerAdvertisementsReceived++
    const router = wire.source(packet)
    if (!this.acceptsRouters) {
      this.#context.counters.routerAdvertisementsIgnored++
      return
    }
    if (this.#isOwn(router)) {
      this.#context.counters.loopedBack++
      return
    }
    if (!this.#advertisementLimit.take(this.#context.routers.has(router))) {
      this.#context.counters.routerAdvertisementsRateLimited++
      return
    }
    // RFC 4861, 6.3.4: who advertises is a router, whether it names its link-layer address or not.
    const mac = this.#linkLayerOption(packet, wire.ROUTER_ADVERTISEMENT_LENGTH, options.OptionType.SourceLinkLayer)
    const neighbor = mac === null ? this.#parts.cache.find(router) : this.#parts.cache.learnUnasked(router, mac)
    if (neighbor !== null) neighbor.isRouter = true
    // RFC 7559, 2.1: only a default router ends the search.
    if (wire.routerLifetime(packet) > 0) this.#parts.solicitation.stop()
    processRouterAdvertisement(packet, this.#context)
  }

  #neighborSolicitation(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidNeighborSolicitation(packet))) return
    this.#context.counters.neighborSolicitationsReceived++
    const own = this.#parts.addresses.find(wire.target(packet))
    if (own === null || own.state === AddressState.Duplicate) {
      this.#context.counters.targetNotOurs++
      return
    }
    if (wire.sourceIsUnspecified(packet)) {
      if (own.isTentative) this.#alsoDetecting(packet, own)
      // RFC 4861, 7.2.4: somebody checks an address that we have.
      else this.#parts.sender.answer(own, null, null)
      return
    }
    // RFC 4862, 5.4.3: a tentative address answers nobody.
    if (!own.isUsable) {
      this.#context.counters.targetNotOurs++
      return
    }
    const source = wire.source(packet)
    if (this.#isOwn(source)) {
      this.#context.counters.loopedBack++
      return
    }
    // RFC 4861, 7.2.3.
    const mac = this.#linkLayerOption(packet, wire.NEIGHBOR_LENGTH, options.OptionType.SourceLinkLayer)
    if (mac !== null) this.#parts.cache.learnUnasked(source, mac)
    this.#parts.sender.answer(own, source, mac)
  }

  /** RFC 4862, 5.4.3: somebody else checks the address that we check; or it is our own message (RFC 7527, 4.2). */
  #alsoDetecting(packet: PacketBuffer, own: InterfaceAddress): void {
    const { bytes } = packet.memory
    const nonce = options.findOption(bytes, packet.start + wire.NEIGHBOR_LENGTH, packet.end, options.OptionType.Nonce)
    if (
      nonce !== 0 &&
      bytes[nonce + 1] === 1 &&
      own.detection?.isOwn(options.nonceHigh(bytes, nonce), options.nonceLow(bytes, nonce)) === true
    ) {
      this.#context.counters.loopedBack++
      own.detection.noteLoopedBack()
      return
    }
    this.#parts.addresses.fail(own)
  }

  #neighborAdvertisement(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidNeighborAdvertisement(packet))) return
    this.#context.counters.neighborAdvertisementsReceived++
    const target = wire.target(packet)
    const { bytes } = packet.memory
    const start = packet.start + wire.NEIGHBOR_LENGTH
    const at = options.findOption(bytes, start, packet.end, options.OptionType.TargetLinkLayer)
    const mac = this.#readLinkLayer(bytes, at)
    // An address that cannot be a station's spoils the whole message.
    if (at !== 0 && mac === null) return
    const own = this.#parts.addresses.find(target)
    if (own !== null) {
      this.#claimed(own, mac)
      return
    }
    const flags = wire.advertisementFlags(packet)
    this.#parts.cache.advertised(
      target,
      mac,
      (flags & wire.AdvertisementFlag.Router) !== 0,
      (flags & wire.AdvertisementFlag.Solicited) !== 0,
      (flags & wire.AdvertisementFlag.Override) !== 0,
    )
  }

  /** Somebody advertises an address of ours, RFC 4862, 5.4.4. */
  #claimed(own: InterfaceAddress, mac: MacAddress | null): void {
    if (mac?.equals(this.#parts.link.mac)) {
      this.#context.counters.loopedBack++
      return
    }
    if (own.isTentative) {
      this.#parts.addresses.fail(own)
      return
    }
    if (own.state === AddressState.Duplicate) return
    this.#context.counters.conflicts++
    const now = this.#context.clock.now()
    if (now < this.#nextConflictLog) return
    this.#nextConflictLog = now + CONFLICT_LOG_INTERVAL
    this.#parts.log.warn('another station uses our address', { address: `${own.address}`, mac: mac?.toString() })
  }

  #redirect(packet: PacketBuffer): void {
    if (!this.#accepts(wire.invalidRedirect(packet))) return
    this.#context.counters.redirectsReceived++
    const destination = wire.redirectDestination(packet)
    const target = wire.target(packet)
    // RFC 4861, 8.1: only the present first hop may redirect.
    if (this.#parts.host.firstHop(destination)?.equals(wire.source(packet)) !== true) {
      this.#context.counters.redirectNotFromFirstHop++
      return
    }
    if (this.#isOwn(target)) {
      this.#context.counters.invalidTarget++
      return
    }
    // RFC 4861, 8.3.
    const mac = this.#linkLayerOption(packet, wire.REDIRECT_LENGTH, options.OptionType.TargetLinkLayer)
    const neighbor = mac === null ? this.#parts.cache.find(target) : this.#parts.cache.learnUnasked(target, mac)
    if (neighbor !== null && !target.equals(destination)) neighbor.isRouter = true
    if (this.#parts.log.debugEnabled) {
      this.#parts.log.debug('a router redirects', { destination: `${destination}`, firstHop: `${target}` })
    }
    this.#parts.redirects.learn(destination, target)
    this.#parts.host.routesChanged()
  }

  #linkLayerOption(packet: PacketBuffer, fixedLength: number, type: number): MacAddress | null {
    const { bytes } = packet.memory
    return this.#readLinkLayer(bytes, options.findOption(bytes, packet.start + fixedLength, packet.end, type))
  }

  /** @param at of the option, or 0 */
  #readLinkLayer(bytes: Uint8Array, at: number): MacAddress | null {
    if (at === 0) return null
    const mac = options.isWellFormed(bytes, at) ? options.linkLayer(bytes, at) : null
    if (mac === null) this.#context.counters.invalidLinkLayer++
    return mac
  }

  #isOwn(address: IpAddress): boolean {
    return this.#parts.addresses.find(address)?.isUsable === true
  }
}
