import { MacAddress } from '../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { Announcement } from './announcement.ts'
import { Neighbor, type NeighborOwner, NeighborState } from './neighbor.ts'
import { NeighborCache } from './neighbor-cache.ts'
import * as wire from './wire.ts'

/** Packets that wait for one neighbour, RFC 1122, 2.3.2.2 asks for one at least. */
const QUEUE_LIMIT = 3
/** Linux: mcast_solicit and ucast_solicit. */
const MAX_REQUESTS = 3
/** Linux: retrans_time_ms. */
const REQUEST_INTERVAL: Microseconds = SECOND
/** Linux: base_reachable_time_ms; drawn anew for each use from half to one and a half of it, RFC 4861, 6.3.2. */
const BASE_REACHABLE_TIME: Microseconds = 30 * SECOND
/** Linux: delay_first_probe_time; RFC 4861, section 10, DELAY_FIRST_PROBE_TIME. */
const DELAY_FIRST_PROBE: Microseconds = 5 * SECOND
/** Linux: locktime. An address that has just changed does not change again, so that duelling replies do no flapping. */
const LOCK_TIME: Microseconds = SECOND
/** RFC 5227, section 1.1, DEFEND_INTERVAL: how often a conflict with our own address is logged. */
const DEFEND_INTERVAL: Microseconds = 10 * SECOND

export interface ArpOptions {
  /** Neighbours that are remembered; 8 to 65,536, default 512. */
  cacheSize?: number
  /** Whether a new address of ours is announced (RFC 5227, 2.3); default true. */
  announce?: boolean
  log?: Log
}

export interface ArpCounters {
  requestsReceived: number
  repliesReceived: number
  requestsSent: number
  repliesSent: number
  announcementsSent: number
  /** Not ARP for IPv4 over Ethernet, or too short. */
  malformed: number
  /** Neither request nor reply. */
  unknownOperation: number
  /** The sender's addresses cannot be a station's: group MAC, or an IP address that is no host's. */
  invalidSender: number
  /** Somebody else claims an address of ours. */
  conflicts: number
  /** Packets that waited and were pushed out by later ones, or went with their evicted entry. */
  queueDropped: number
  /** Packets dropped because their neighbour did not answer. */
  unreachableDropped: number
  /** Entries that gave way to others. */
  evicted: number
  /** Sightings of an address that an entry has, at another MAC address, taken over. */
  addressChanged: number
  /** The same ignored, because the entry had changed less than a second ago or is permanent. */
  addressChangeIgnored: number
  /** Packets of ours not sent for want of packet memory. */
  noMemory: number
}

/** Who is told of packets that cannot be delivered. */
export interface UnreachableHandler {
  /** A packet that waited in vain, as it was given to `Arp.send`. Borrowed for the call. */
  neighborUnreachable(packet: PacketBuffer): void
}

interface OwnAddress {
  readonly address: number
  readonly mask: number
  readonly announcement: Announcement
  nextConflictLog: Microseconds
}

/**
 * Address resolution for IPv4, RFC 826, with the requirements of RFC 1122, 2.3.2 (entries expire and are validated,
 * packets wait for resolution, requests are limited) and announcements of RFC 5227. Timing as Linux has it.
 */
export class Arp implements EthernetHandler, NeighborOwner {
  readonly counters: ArpCounters = {
    requestsReceived: 0,
    repliesReceived: 0,
    requestsSent: 0,
    repliesSent: 0,
    announcementsSent: 0,
    malformed: 0,
    unknownOperation: 0,
    invalidSender: 0,
    conflicts: 0,
    queueDropped: 0,
    unreachableDropped: 0,
    evicted: 0,
    addressChanged: 0,
    addressChangeIgnored: 0,
    noMemory: 0,
  }

  readonly #ethernet: Ethernet
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #announce: boolean
  readonly #cache: NeighborCache
  readonly #bytes: Uint8Array
  #own: OwnAddress[] = []
  #unreachable: UnreachableHandler | null = null

  /** @throws RangeError for a cache size out of range */
  constructor(ethernet: Ethernet, clock: Clock, random: Random, options: ArpOptions = {}) {
    const size = options.cacheSize ?? 512
    if (!Number.isInteger(size) || size < 8 || size > 65_536) {
      throw new RangeError(`cacheSize is 8 to 65536, not ${size}`)
    }
    this.#ethernet = ethernet
    this.#clock = clock
    this.#random = random
    this.#log = options.log ?? SILENT
    this.#announce = options.announce ?? true
    this.#cache = new NeighborCache(size)
    this.#bytes = ethernet.memory.bytes
    ethernet.addProtocol(EtherType.Arp, this)
  }

  /** Neighbours in the cache. */
  get neighborCount(): number {
    return this.#cache.count
  }

  neighbors(): IterableIterator<Neighbor> {
    return this.#cache.values()
  }

  setUnreachableHandler(handler: UnreachableHandler): void {
    this.#unreachable = handler
  }

  /** Answers requests for this address from now on, and announces it. */
  addAddress(address: number, mask: number): void {
    const announcement = new Announcement(this.#clock, () => this.#sendAnnouncement(address))
    this.#own.push({ address, mask, announcement, nextConflictLog: 0 })
    const former = this.#cache.get(address)
    if (former !== undefined) this.#kill(former)
    if (this.#announce) announcement.start()
  }

  removeAddress(address: number): void {
    this.#own.find((own) => own.address === address)?.announcement.stop()
    this.#own = this.#own.filter((own) => own.address !== address)
  }

  /** The neighbour of this address, made if need be; it is asked for at the first packet. */
  neighbor(address: number): Neighbor {
    const known = this.#cache.get(address)
    if (known !== undefined) {
      known.asked = true
      this.#cache.touch(known)
      return known
    }
    const neighbor = this.#create(address)
    neighbor.state = NeighborState.Failed
    neighbor.asked = true
    return neighbor
  }

  /** A pseudo-neighbour for a group address, outside the cache. */
  groupNeighbor(address: number, mac: MacAddress): Neighbor {
    const neighbor = new Neighbor(this, address)
    this.#setPermanent(neighbor, mac)
    return neighbor
  }

  /** Enters a neighbour that never expires and that no traffic changes. */
  addStatic(address: number, mac: MacAddress): void {
    const neighbor = this.#cache.get(address) ?? this.#create(address)
    this.#clock.disarm(neighbor.timer)
    this.#setPermanent(neighbor, mac)
    this.#sendQueued(neighbor)
    this.#ethernet.flush()
  }

  /** Forgets a neighbour, static or not; packets that wait for it are dropped. */
  remove(address: number): void {
    const neighbor = this.#cache.get(address)
    if (neighbor !== undefined) this.#kill(neighbor)
  }

  /** Forgets everything and stops all timers. */
  close(): void {
    for (const neighbor of [...this.#cache.values()]) this.#kill(neighbor)
    for (const own of this.#own) own.announcement.stop()
    this.#own = []
  }

  /**
   * Sends an IPv4 packet to a neighbour that is not `ready` (callers test that and write the frame themselves), and
   * takes over the caller's reference. It goes out, or waits for the address.
   */
  send(packet: PacketBuffer, neighbor: Neighbor): void {
    neighbor.asked = true
    switch (neighbor.state) {
      case NeighborState.Stale:
        // RFC 4861, 7.3.2: the first packet through a stale entry goes out and starts the wait for a confirmation.
        this.#become(neighbor, NeighborState.Delay, true)
        this.#clock.arm(neighbor.timer, this.#clock.now() + DELAY_FIRST_PROBE)
        break
      case NeighborState.Failed:
        this.#become(neighbor, NeighborState.Incomplete, false)
        this.#enqueue(neighbor, packet)
        neighbor.requests = 0
        this.#request(neighbor)
        return
      case NeighborState.Incomplete:
        this.#enqueue(neighbor, packet)
        return
      case NeighborState.Dead:
        this.counters.queueDropped++
        packet.release()
        return
    }
    this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
  }

  /** A transport heard from this neighbour (RFC 1122, 2.3.2.1: advice from higher layers). */
  confirm(neighbor: Neighbor): void {
    if (neighbor.state === NeighborState.Reachable) neighbor.confirmed = true
    else if (
      neighbor.state === NeighborState.Stale ||
      neighbor.state === NeighborState.Delay ||
      neighbor.state === NeighborState.Probe
    ) {
      this.#becomeReachable(neighbor)
    }
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
    const ownSender = this.#findOwn(sender)
    if (ownSender !== null) {
      this.#conflict(ownSender, high, low)
      return
    }
    const ownTarget = this.#findOwn(target)
    // RFC 826, "Packet Reception": first the merge of what is known already, then the table grows for us only.
    if (sender !== 0) {
      const known = this.#cache.get(sender)
      if (known !== undefined) this.#learn(known, high, low, !isRequest && ownTarget !== null && !packet.linkMulticast)
      else if (isRequest && ownTarget !== null && isOnLink(sender, ownTarget)) this.#learnNew(sender, high, low)
    }
    // RFC 5227, 2.1.1: a probe (sender 0) for our address is answered as any request.
    if (isRequest && ownTarget !== null) this.#reply(ownTarget.address, high, low, sender)
  }

  endOfBurst(): void {}

  neighborTimer(neighbor: Neighbor): void {
    switch (neighbor.state) {
      case NeighborState.Reachable:
        if (neighbor.confirmed) this.#becomeReachable(neighbor)
        else {
          neighbor.asked = false
          this.#become(neighbor, NeighborState.Stale, false)
        }
        return
      case NeighborState.Delay:
        this.#become(neighbor, NeighborState.Probe, true)
        neighbor.requests = 0
        this.#request(neighbor)
        break
      case NeighborState.Incomplete:
      case NeighborState.Probe:
        if (neighbor.requests < MAX_REQUESTS) this.#request(neighbor)
        else this.#fail(neighbor)
        break
    }
    this.#ethernet.flush()
  }

  #findOwn(address: number): OwnAddress | null {
    const own = this.#own
    for (let i = 0; i < own.length; i++) if (own[i].address === address) return own[i]
    return null
  }

  /** An address as a sender for which we have an entry already. */
  #learn(neighbor: Neighbor, high: number, low: number, solicited: boolean): void {
    const same = neighbor.macHigh === high && neighbor.macLow === low
    switch (neighbor.state) {
      case NeighborState.Permanent:
        if (!same) this.counters.addressChangeIgnored++
        return
      case NeighborState.Incomplete:
        this.#setMac(neighbor, high, low)
        // Linux: only a reply to us proves both directions; what else names the address makes the entry stale.
        if (solicited) this.#becomeReachable(neighbor)
        else this.#becomeStale(neighbor)
        this.#sendQueued(neighbor)
        return
      case NeighborState.Failed:
        // Nobody waits for it; the next packet uses it and checks it.
        this.#setMac(neighbor, high, low)
        this.#becomeStale(neighbor)
        return
    }
    if (same) {
      if (solicited) this.#becomeReachable(neighbor)
      return
    }
    // Linux, neigh_update with locktime: the first of several answers stands.
    if (this.#clock.now() - neighbor.changedAt < LOCK_TIME) {
      this.counters.addressChangeIgnored++
      return
    }
    this.counters.addressChanged++
    const probing = neighbor.state === NeighborState.Probe
    this.#setMac(neighbor, high, low)
    if (solicited && probing) this.#becomeReachable(neighbor)
    else this.#becomeStale(neighbor)
  }

  #learnNew(address: number, high: number, low: number): void {
    const neighbor = this.#create(address)
    this.#setMac(neighbor, high, low)
    this.#becomeStale(neighbor)
  }

  #create(address: number): Neighbor {
    const victim = this.#cache.victim()
    if (victim !== null) {
      this.counters.evicted++
      this.#kill(victim)
    }
    const neighbor = new Neighbor(this, address)
    // With nothing but permanent entries in a full cache, the neighbour serves its holder only.
    if (!this.#cache.isFull) this.#cache.add(neighbor)
    return neighbor
  }

  #kill(neighbor: Neighbor): void {
    this.#cache.remove(neighbor)
    this.#clock.disarm(neighbor.timer)
    neighbor.state = NeighborState.Dead
    neighbor.ready = false
    for (let packet = neighbor.dequeue(); packet !== null; packet = neighbor.dequeue()) {
      this.counters.queueDropped++
      packet.release()
    }
  }

  #become(neighbor: Neighbor, state: NeighborState, ready: boolean): void {
    neighbor.state = state
    neighbor.ready = ready
  }

  #becomeReachable(neighbor: Neighbor): void {
    this.#become(neighbor, NeighborState.Reachable, true)
    neighbor.confirmed = false
    const time = BASE_REACHABLE_TIME / 2 + this.#random.below(BASE_REACHABLE_TIME)
    this.#clock.arm(neighbor.timer, this.#clock.now() + time)
  }

  #becomeStale(neighbor: Neighbor): void {
    this.#clock.disarm(neighbor.timer)
    this.#become(neighbor, NeighborState.Stale, false)
  }

  #setPermanent(neighbor: Neighbor, mac: MacAddress): void {
    this.#setMac(neighbor, mac.high, mac.low)
    this.#become(neighbor, NeighborState.Permanent, true)
  }

  #setMac(neighbor: Neighbor, high: number, low: number): void {
    neighbor.macHigh = high
    neighbor.macLow = low
    neighbor.changedAt = this.#clock.now()
  }

  #enqueue(neighbor: Neighbor, packet: PacketBuffer): void {
    if (neighbor.queueLength === QUEUE_LIMIT) {
      // RFC 1122, 2.3.2.2: the latest packets are kept.
      this.counters.queueDropped++
      neighbor.dequeue()?.release()
    }
    neighbor.enqueue(packet)
  }

  #sendQueued(neighbor: Neighbor): void {
    for (let packet = neighbor.dequeue(); packet !== null; packet = neighbor.dequeue()) {
      if (neighbor.ready) this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
      else this.send(packet, neighbor)
    }
  }

  #fail(neighbor: Neighbor): void {
    this.#become(neighbor, NeighborState.Failed, false)
    for (let packet = neighbor.dequeue(); packet !== null; packet = neighbor.dequeue()) {
      this.counters.unreachableDropped++
      this.#unreachable?.neighborUnreachable(packet)
      packet.release()
    }
  }

  /** Asks for the neighbour: by unicast while we have an address to check, otherwise everybody. */
  #request(neighbor: Neighbor): void {
    neighbor.requests++
    this.#clock.arm(neighbor.timer, this.#clock.now() + REQUEST_INTERVAL)
    const probing = neighbor.state === NeighborState.Probe
    const high = probing ? neighbor.macHigh : MacAddress.BROADCAST.high
    const low = probing ? neighbor.macLow : MacAddress.BROADCAST.low
    const source = this.#sourceFor(neighbor.address)
    if (this.#transmit(wire.Operation.Request, source, 0, 0, neighbor.address, high, low)) this.counters.requestsSent++
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
    this.#ethernet.send(packet, toHigh, toLow, EtherType.Arp)
    return true
  }

  #conflict(own: OwnAddress, high: number, low: number): void {
    const { mac } = this.#ethernet
    // Our own announcement, come back over a loop or a mirroring switch.
    if (high === mac.high && low === mac.low) return
    this.counters.conflicts++
    const now = this.#clock.now()
    if (now < own.nextConflictLog) return
    own.nextConflictLog = now + DEFEND_INTERVAL
    this.#log.warn('another station uses our address', { mac: new MacAddress(high, low).toString() })
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

function isOnLink(address: number, own: OwnAddress): boolean {
  return ((address ^ own.address) & own.mask) === 0
}

/** How long one resolution takes until it fails, for tests and documentation. */
export const RESOLUTION_TIMEOUT: Microseconds = MAX_REQUESTS * REQUEST_INTERVAL
