import { IpAddress, MacAddress } from '../address/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { NO_QUESTION, type ProbeTimes, STANDARD_PROBE_TIMES } from './address-probe.ts'
import { ConflictDetection, type ProbeHandler } from './conflict-detection.ts'
import { type ArpCounters, newArpCounters } from './counters.ts'
import type { Neighbor } from './neighbor.ts'
import { type NeighborContext, NeighborTable } from './neighbor-table.ts'
import { ADDRESS_DEFENSES, type AddressDefense, type AddressUse, ConflictAction, OwnAddress } from './own-address.ts'
import * as wire from './wire.ts'

/** What `new Arp` takes. */
export interface ArpOptions {
  /** Neighbours that are remembered; 8 to 65,536, default 512. */
  cacheSize?: number
  /** Whether a new address of ours is announced (RFC 5227, 2.3); default true. */
  announce?: boolean
  /** What becomes of an address that another station uses as well, unless `addAddress` says it; default `insist`. */
  defense?: AddressDefense
  log?: Log
}

/** Who is told of packets that cannot be delivered. */
export interface UnreachableHandler {
  /** A packet that waited in vain, as it was given to `Arp.send`. Borrowed for the call. */
  neighborUnreachable(packet: PacketBuffer): void
}

/**
 * Address resolution for IPv4, RFC 826, with the requirements of RFC 1122, 2.3.2 (entries expire and are validated,
 * packets wait for resolution, requests are limited), timing as Linux has it; and address conflict detection, RFC 5227.
 * On a link from point to point there is nothing to resolve: every address is that of the one other end.
 */
export class Arp implements EthernetHandler, NeighborContext {
  readonly clock: Clock
  readonly random: Random
  readonly counters: ArpCounters = newArpCounters()

  readonly #ethernet: Ethernet
  readonly #log: Log
  readonly #announce: boolean
  readonly #defense: AddressDefense
  readonly #detection: ConflictDetection
  readonly #table: NeighborTable
  readonly #bytes: Uint8Array
  /** Everybody, where the link has no addresses. */
  readonly #otherEnd: Neighbor | null
  #own: OwnAddress[] = []
  #unreachable: UnreachableHandler | null = null

  /** @throws RangeError for a cache size out of range, TypeError for an unknown defense */
  constructor(ethernet: Ethernet, clock: Clock, random: Random, options: ArpOptions = {}) {
    const size = integerInRange('cacheSize', options.cacheSize ?? 512, 8, 65_536)
    this.#ethernet = ethernet
    this.clock = clock
    this.random = random
    this.#log = options.log ?? SILENT
    this.#announce = (options.announce ?? true) && ethernet.hasLinkLayer
    this.#defense = options.defense ?? 'insist'
    if (!ADDRESS_DEFENSES.includes(this.#defense)) {
      throw new TypeError(`defense is ${ADDRESS_DEFENSES.join(', ')}, not ${JSON.stringify(options.defense)}`)
    }
    this.#detection = new ConflictDetection(clock, random, this.counters, (address) => this.#sendProbe(address))
    this.#table = new NeighborTable(this, size)
    this.#otherEnd = ethernet.hasLinkLayer ? null : this.#table.groupNeighbor(0, MacAddress.ZERO)
    this.#bytes = ethernet.memory.bytes
    ethernet.addProtocol(EtherType.Arp, this)
  }

  /** Whether packets wait for the address of a neighbour. */
  get isWaiting(): boolean {
    return this.#table.isWaiting
  }

  /** Neighbours in the table. */
  get neighborCount(): number {
    return this.#table.count
  }

  neighbors(): IterableIterator<Neighbor> {
    return this.#table.values()
  }

  setUnreachableHandler(handler: UnreachableHandler): void {
    this.#unreachable = handler
  }

  /** The interface has another MAC address: as RFC 5227, section 2.3 has new addresses announced, ours are once more. */
  linkLayerChanged(): void {
    for (const own of this.#own) own.announcement.start()
  }

  /** Answers requests for this address from now on, and announces it. */
  addAddress(address: number, mask: number, use: AddressUse = {}): void {
    const announce = () => this.#sendAnnouncement(address)
    const own = new OwnAddress(this.clock, address, mask, use, use.defense ?? this.#defense, announce)
    this.#own.push(own)
    this.#table.remove(address)
    if (this.#announce) own.announcement.start()
  }

  removeAddress(address: number): void {
    this.#own.find((own) => own.address === address)?.announcement.stop()
    this.#own = this.#own.filter((own) => own.address !== address)
  }

  /**
   * Asks whether anybody uses an address that is not ours yet: RFC 5227, section 2.1. One that is free may be added then,
   * which announces it.
   */
  probe(address: number, handler: ProbeHandler, times: ProbeTimes = STANDARD_PROBE_TIMES): void {
    this.#detection.probe(address, handler, this.#otherEnd === null ? times : NO_QUESTION)
  }

  /** Nobody wants to know any more whether that address is free. */
  cancelProbe(address: number): void {
    this.#detection.cancel(address)
  }

  /** The neighbour of this address, made if need be; it is asked for at the first packet. */
  neighbor(address: number): Neighbor {
    return this.#otherEnd ?? this.#table.obtain(address)
  }

  /** A pseudo-neighbour for a group address, outside the table. */
  groupNeighbor(address: number, mac: MacAddress): Neighbor {
    return this.#table.groupNeighbor(address, mac)
  }

  /** Enters a neighbour that never expires and that no traffic changes. */
  addStatic(address: number, mac: MacAddress): void {
    this.#table.addStatic(address, mac)
    this.#ethernet.flush()
  }

  /** Forgets a neighbour, static or not; packets that wait for it are dropped. */
  remove(address: number): void {
    this.#table.remove(address)
  }

  /** Forgets everything and stops all timers. */
  close(): void {
    this.#table.clear()
    this.#detection.cancelAll()
    for (const own of this.#own) own.announcement.stop()
    this.#own = []
  }

  /**
   * Sends an IPv4 packet to a neighbour that is not `ready` (callers test that and write the frame themselves), and
   * takes over the caller's reference. It goes out, or waits for the address.
   */
  send(packet: PacketBuffer, neighbor: Neighbor): void {
    this.#table.send(packet, neighbor)
  }

  /** A transport heard from this neighbour (RFC 1122, 2.3.2.1: advice from higher layers). */
  confirm(neighbor: Neighbor): void {
    this.#table.confirm(neighbor)
  }

  // For the table.

  sendRequest(neighbor: Neighbor, byUnicast: boolean): void {
    const high = byUnicast ? neighbor.macHigh : MacAddress.BROADCAST.high
    const low = byUnicast ? neighbor.macLow : MacAddress.BROADCAST.low
    const source = this.#sourceFor(neighbor.address)
    if (this.#transmit(wire.Operation.Request, source, 0, 0, neighbor.address, high, low)) this.counters.requestsSent++
  }

  sendPacket(packet: PacketBuffer, neighbor: Neighbor): void {
    this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
  }

  packetUnreachable(packet: PacketBuffer): void {
    this.#unreachable?.neighborUnreachable(packet)
  }

  flush(): void {
    this.#ethernet.flush()
  }

  receive(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    if (!wire.isValid(bytes, at, packet.end)) {
      this.counters.malformed++
      return
    }
    const operation = wire.operation(bytes, at)
    if (operation !== wire.Operation.Request && operation !== wire.Operation.Reply) {
      this.counters.unknownOperation++
      return
    }
    const isRequest = operation === wire.Operation.Request
    if (isRequest) this.counters.requestsReceived++
    else this.counters.repliesReceived++

    const high = wire.senderMacHigh(bytes, at)
    const low = wire.senderMacLow(bytes, at)
    const sender = wire.senderAddress(bytes, at)
    const target = wire.targetAddress(bytes, at)
    if (!isStationMac(high, low) || !isPossibleSender(sender, isRequest)) {
      this.counters.invalidSender++
      return
    }
    if (this.#detection.active && !this.#isOurMac(high, low)) this.#detection.heard(sender, target, isRequest)
    const ownSender = this.#findOwn(sender)
    if (ownSender !== null) {
      this.#conflict(ownSender, high, low)
      return
    }
    const ownTarget = this.#findOwn(target)
    // RFC 826, "Packet Reception": first the merge of what is known already, then the table grows for us only.
    if (sender !== 0) {
      const known = this.#table.find(sender)
      const isAnswer = !isRequest && ownTarget !== null && !packet.linkMulticast
      if (known !== undefined) this.#table.learn(known, high, low, isAnswer)
      else if (isRequest && ownTarget !== null && isHostOn(sender, ownTarget)) this.#table.learnNew(sender, high, low)
    }
    // RFC 5227, 2.1.1: a probe (sender 0) for our address is answered as any request.
    if (isRequest && ownTarget !== null) this.#reply(ownTarget.address, high, low, sender)
  }

  endOfBurst(): void {}

  #findOwn(address: number): OwnAddress | null {
    const own = this.#own
    for (let i = 0; i < own.length; i++) if (own[i].address === address) return own[i]
    return null
  }

  /** An own address on the neighbour's link, so that its check of our request succeeds. */
  #sourceFor(address: number): number {
    for (const own of this.#own) if (isOnLink(address, own)) return own.address
    return this.#own.length > 0 ? this.#own[0].address : 0
  }

  #reply(own: number, high: number, low: number, address: number): void {
    if (this.#transmit(wire.Operation.Reply, own, high, low, address, high, low)) this.counters.repliesSent++
  }

  /** RFC 5227, section 2.3: a request with sender and target both our address. */
  #sendAnnouncement(address: number): void {
    const { high, low } = MacAddress.BROADCAST
    if (this.#transmit(wire.Operation.Request, address, 0, 0, address, high, low)) this.counters.announcementsSent++
    this.#ethernet.flush()
  }

  #transmit(
    operation: number,
    sender: number,
    targetHigh: number,
    targetLow: number,
    target: number,
    toHigh: number,
    toLow: number,
  ): boolean {
    const packet = this.#ethernet.memory.allocate(wire.PACKET_LENGTH)
    if (packet === null) {
      this.counters.noMemory++
      return false
    }
    const { high, low } = this.#ethernet.mac
    packet.end = packet.start + wire.PACKET_LENGTH
    wire.write(this.#bytes, packet.start, operation, high, low, sender, targetHigh, targetLow, target)
    // RFC 3927, section 2.5: from a link-local address even replies are for all to hear, so that conflicts show.
    const { high: allHigh, low: allLow } = MacAddress.BROADCAST
    if (isLinkLocal(sender)) this.#ethernet.send(packet, allHigh, allLow, EtherType.Arp)
    else this.#ethernet.send(packet, toHigh, toLow, EtherType.Arp)
    return true
  }

  /** RFC 5227, section 2.1.1: a request for the address that says nothing of ourselves but our MAC address. */
  #sendProbe(address: number): void {
    const { high, low } = MacAddress.BROADCAST
    if (this.#transmit(wire.Operation.Request, 0, 0, 0, address, high, low)) this.counters.probesSent++
    this.#ethernet.flush()
  }

  #isOurMac(high: number, low: number): boolean {
    const { mac } = this.#ethernet
    return high === mac.high && low === mac.low
  }

  /** RFC 5227, section 2.4. */
  #conflict(own: OwnAddress, high: number, low: number): void {
    // Our own announcement, come back over a loop or a mirroring switch.
    if (this.#isOurMac(high, low)) return
    this.counters.conflicts++
    const action = own.contested()
    if (action === ConflictAction.Ignore) return
    const fields = { address: IpAddress.v4(own.address).toString(), mac: new MacAddress(high, low).toString() }
    if (action === ConflictAction.Announce) {
      this.#log.warn('another station uses our address', fields)
      this.counters.defenses++
      this.#sendAnnouncement(own.address)
      return
    }
    this.#log.error('another station uses our address: it is given up', fields)
    this.counters.addressesLost++
    this.removeAddress(own.address)
    own.use.lost?.(own.address)
  }
}

function isStationMac(high: number, low: number): boolean {
  return (high & 0x0100) === 0 && (high !== 0 || low !== 0)
}

/** No multicast, class E, loopback or zero network; 0.0.0.0 asks in a probe (RFC 5227, section 1.1). */
function isPossibleSender(address: number, isRequest: boolean): boolean {
  const first = address >>> 24
  if (address === 0) return isRequest
  return first !== 0 && first !== 127 && first < 224
}

/** On the network of one of our addresses, and not its broadcast address (which a /31 and a /32 have not). */
function isHostOn(address: number, own: OwnAddress): boolean {
  return isOnLink(address, own) && ((address | own.mask) !== -1 || own.mask << 30 !== 0)
}

function isOnLink(address: number, own: OwnAddress): boolean {
  return ((address ^ own.address) & own.mask) === 0
}

/** 169.254/16, RFC 3927, section 2.1. */
function isLinkLocal(address: number): boolean {
  return address >>> 16 === 0xa9fe
}
