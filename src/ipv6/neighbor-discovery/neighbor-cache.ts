import type { IpAddress, MacAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import { WaitingPackets } from '../../ethernet/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { NeighborResolver, NextHop } from '../neighbor-resolver.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { Neighbor, type NeighborOwner, NeighborState } from './neighbor.ts'
import { NeighborEntries } from './neighbor-entries.ts'
import type { LinkParameters } from './parameters.ts'

/** RFC 4861, section 10: MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT. */
const MAX_MULTICAST_SOLICIT = 3
const MAX_UNICAST_SOLICIT = 3
/** RFC 4861, section 10. */
const DELAY_FIRST_PROBE_TIME: Microseconds = 5 * SECOND
/** RFC 7048, section 4: BACKOFF_MULTIPLE and MAX_RETRANS_TIMER. */
const BACKOFF_MULTIPLE = 3
const MAX_RETRANS_TIMER: Microseconds = 60 * SECOND
/** RFC 6583, 6.3: what is being resolved takes at most this part of the cache, a quarter. */
const RESOLVING_SHARE = 4

/** All that the cache may touch of the world. `NeighborDiscovery` is it. */
export interface NeighborCacheContext {
  readonly clock: Clock
  readonly random: Random
  readonly counters: NeighborDiscoveryCounters
  readonly parameters: LinkParameters
  /** Asks for the neighbour's address: its solicited-node group, or by unicast the address that it had last. */
  solicit(neighbor: Neighbor, byUnicast: boolean): void
  /** Sends a packet to the address that the neighbour has, and takes over the reference. */
  sendPacket(packet: PacketBuffer, neighbor: Neighbor): void
  /** A packet waited in vain; borrowed for the call. */
  packetUnreachable(packet: PacketBuffer): void
  /** A neighbour does not answer any more, or does again, or said that it is no router any more (RFC 4861, 7.2.5). */
  reachabilityChanged(neighbor: Neighbor): void
  routerBecameHost(neighbor: Neighbor): void
  flush(): void
}

/**
 * Who is on our link and whether they can be reached: RFC 4861, section 7.2 (resolution) and 7.3 (unreachability
 * detection, appendix C has the states as a table), with RFC 7048 and within the bounds that RFC 6583 asks for.
 */
export class NeighborCache implements NeighborOwner, NeighborResolver {
  readonly #context: NeighborCacheContext
  readonly #clock: Clock
  readonly #counters: NeighborDiscoveryCounters
  readonly #entries: NeighborEntries
  readonly #maxResolving: number
  #resolving = 0
  readonly #waiting: WaitingPackets

  /** @param size most entries */
  constructor(context: NeighborCacheContext, size: number) {
    this.#context = context
    this.#clock = context.clock
    this.#counters = context.counters
    this.#waiting = new WaitingPackets(context.counters)
    this.#entries = new NeighborEntries(size, context.random)
    this.#maxResolving = Math.max(1, Math.floor(size / RESOLVING_SHARE))
  }

  /** Whether packets wait for the address of a neighbour. */
  get isWaiting(): boolean {
    return !this.#waiting.isEmpty
  }

  get count(): number {
    return this.#entries.count
  }

  /** Entries in resolution. */
  get resolving(): number {
    return this.#resolving
  }

  values(): IterableIterator<Neighbor> {
    return this.#entries.values()
  }

  find(address: IpAddress): Neighbor | null {
    return this.#entries.get(address)
  }

  /** The neighbour of this address, made if need be; it is asked for at the first packet. */
  neighbor(address: IpAddress): Neighbor {
    const known = this.#entries.get(address)
    if (known !== null) this.#entries.touch(known)
    const neighbor = known ?? this.#create(address)
    neighbor.asked = true
    return neighbor
  }

  /** Enters a neighbour that never expires and that no traffic changes. */
  addStatic(address: IpAddress, mac: MacAddress): void {
    const neighbor = this.#entries.get(address) ?? this.#create(address)
    this.#clock.disarm(neighbor.timer)
    this.#setLinkLayer(neighbor, mac)
    this.#become(neighbor, NeighborState.Permanent, true)
    this.#sendQueued(neighbor)
  }

  /** Forgets a neighbour, static or not; packets that wait for it are dropped. */
  remove(address: IpAddress): void {
    const neighbor = this.#entries.get(address)
    if (neighbor !== null) this.#kill(neighbor)
  }

  clear(): void {
    for (const neighbor of [...this.#entries.values()]) this.#kill(neighbor)
  }

  /**
   * Sends an IPv6 packet to a neighbour that is not `ready`, and takes over the reference: at once, or when its address is
   * known.
   */
  send(packet: PacketBuffer, nextHop: NextHop): void {
    const neighbor = nextHop as Neighbor
    neighbor.asked = true
    switch (neighbor.state) {
      case NeighborState.Stale:
        // RFC 4861, 7.3.3: the first packet through a stale entry goes out and starts the wait for a confirmation.
        this.#become(neighbor, NeighborState.Delay, true)
        this.#clock.arm(neighbor.timer, this.#clock.now() + DELAY_FIRST_PROBE_TIME)
        break
      case NeighborState.Unreachable:
        this.#solicitUnreachable(neighbor)
        break
      case NeighborState.Failed:
        // RFC 4861, 7.2.2.
        this.#waiting.add(neighbor.waiting, packet)
        this.#resolve(neighbor)
        return
      case NeighborState.Incomplete:
        this.#waiting.add(neighbor.waiting, packet)
        return
      case NeighborState.Dead:
        this.#counters.queueDropped++
        packet.release()
        return
    }
    this.#context.sendPacket(packet, neighbor)
  }

  /** RFC 4191, section 3.5: asks whether a router that is not used answers again, once. */
  probe(address: IpAddress): void {
    const neighbor = this.neighbor(address)
    if (neighbor.state === NeighborState.Failed) {
      this.#resolve(neighbor)
      neighbor.solicitations = MAX_MULTICAST_SOLICIT
    } else if (neighbor.state === NeighborState.Unreachable) this.#solicitUnreachable(neighbor)
  }

  /** A transport heard from this neighbour or from beyond it, RFC 4861, 7.3.1. */
  confirm(nextHop: NextHop): void {
    const neighbor = nextHop as Neighbor
    switch (neighbor.state) {
      case NeighborState.Reachable:
        neighbor.confirmed = true
        break
      case NeighborState.Stale:
      case NeighborState.Delay:
      case NeighborState.Probe:
      case NeighborState.Unreachable:
        this.#becomeReachable(neighbor)
    }
  }

  /**
   * The sender of a solicitation, of a router's message or the target of a redirect named its address: RFC 4861, 7.2.3,
   * 6.3.4 and 8.3. Nobody asked, so it makes or leaves the entry stale.
   */
  learnUnasked(address: IpAddress, mac: MacAddress): Neighbor {
    const neighbor = this.#entries.get(address) ?? this.#create(address)
    if (neighbor.isPermanent) return neighbor
    if (neighbor.hasLinkLayer && this.#has(neighbor, mac)) return neighbor
    if (neighbor.hasLinkLayer) this.#counters.linkLayerChanged++
    this.#setLinkLayer(neighbor, mac)
    this.#becomeStale(neighbor)
    this.#sendQueued(neighbor)
    return neighbor
  }

  /** A neighbour advertisement, RFC 4861, 7.2.5. @param mac its target link-layer address option, null if there is none */
  advertised(
    address: IpAddress,
    mac: MacAddress | null,
    isRouter: boolean,
    solicited: boolean,
    override: boolean,
  ): void {
    const neighbor = this.#entries.get(address)
    // "If no entry exists, the advertisement SHOULD be silently discarded."
    if (neighbor === null || neighbor.isPermanent || neighbor.state === NeighborState.Failed) {
      this.#counters.advertisementsIgnored++
      return
    }
    if (neighbor.state === NeighborState.Incomplete) {
      if (mac === null) {
        this.#counters.linkLayerMissing++
        return
      }
      this.#setLinkLayer(neighbor, mac)
      neighbor.isRouter = isRouter
      if (solicited) this.#becomeReachable(neighbor)
      else this.#becomeStale(neighbor)
      this.#sendQueued(neighbor)
      return
    }
    const differs = mac !== null && !this.#has(neighbor, mac)
    if (differs && !override) {
      this.#counters.overrideRefused++
      if (neighbor.state === NeighborState.Reachable) this.#becomeStale(neighbor)
      return
    }
    if (differs) {
      this.#counters.linkLayerChanged++
      this.#setLinkLayer(neighbor, mac)
    }
    const wasRouter = neighbor.isRouter
    neighbor.isRouter = isRouter
    if (solicited) this.#becomeReachable(neighbor)
    else if (differs) this.#becomeStale(neighbor)
    if (wasRouter && !isRouter) this.#context.routerBecameHost(neighbor)
  }

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
        neighbor.solicitations = 0
        this.#solicit(neighbor, true)
        break
      case NeighborState.Probe:
        if (neighbor.solicitations < MAX_UNICAST_SOLICIT) this.#solicit(neighbor, true)
        else this.#becomeUnreachable(neighbor)
        break
      case NeighborState.Incomplete:
        if (neighbor.solicitations < MAX_MULTICAST_SOLICIT) this.#solicit(neighbor, false)
        else this.#fail(neighbor)
        break
    }
    this.#context.flush()
  }

  #create(address: IpAddress): Neighbor {
    const victim = this.#entries.victim()
    if (victim !== null) {
      this.#counters.evicted++
      this.#kill(victim)
    }
    const neighbor = new Neighbor(this, address)
    // With nothing but permanent entries in a full cache, the neighbour serves its holder only.
    if (!this.#entries.isFull) this.#entries.add(neighbor)
    return neighbor
  }

  #kill(neighbor: Neighbor): void {
    this.#entries.remove(neighbor)
    this.#clock.disarm(neighbor.timer)
    this.#become(neighbor, NeighborState.Dead, false)
    this.#waiting.drop(neighbor.waiting)
  }

  #become(neighbor: Neighbor, state: NeighborState, ready: boolean): void {
    if (neighbor.state === NeighborState.Incomplete) this.#resolving--
    if (state === NeighborState.Incomplete) this.#resolving++
    neighbor.state = state
    neighbor.ready = ready
  }

  #becomeReachable(neighbor: Neighbor): void {
    neighbor.confirmed = false
    // RFC 4861, 6.3.2: from MIN_RANDOM_FACTOR 0.5 to MAX_RANDOM_FACTOR 1.5; drawn anew each time, as ARP does.
    const time = this.#context.parameters.baseReachableTime * (0.5 + this.#context.random.fraction())
    this.#clock.arm(neighbor.timer, this.#clock.now() + Math.floor(time))
    this.#become(neighbor, NeighborState.Reachable, true)
    this.#setSilent(neighbor, false)
  }

  #becomeStale(neighbor: Neighbor): void {
    this.#clock.disarm(neighbor.timer)
    this.#become(neighbor, NeighborState.Stale, false)
    this.#setSilent(neighbor, false)
  }

  #becomeUnreachable(neighbor: Neighbor): void {
    // RFC 7048, section 3: the address is kept in use, and the next solicitations are by multicast and ever rarer.
    neighbor.backoff = this.#context.parameters.retransmitTime
    neighbor.nextSolicitation = this.#clock.now()
    this.#become(neighbor, NeighborState.Unreachable, false)
    this.#setSilent(neighbor, true)
  }

  #setSilent(neighbor: Neighbor, isSilent: boolean): void {
    if (neighbor.isSilent === isSilent) return
    neighbor.isSilent = isSilent
    this.#context.reachabilityChanged(neighbor)
  }

  /** RFC 7048, section 3: only while packets are sent, so they pace it and no timer runs. */
  #solicitUnreachable(neighbor: Neighbor): void {
    const now = this.#clock.now()
    if (now < neighbor.nextSolicitation) return
    neighbor.backoff = Math.min(neighbor.backoff * BACKOFF_MULTIPLE, MAX_RETRANS_TIMER)
    neighbor.nextSolicitation = now + neighbor.backoff
    this.#context.solicit(neighbor, false)
  }

  #resolve(neighbor: Neighbor): void {
    if (this.#resolving >= this.#maxResolving) {
      const oldest = this.#entries.oldestIncomplete()
      this.#counters.resolutionEvicted++
      // All that are being resolved are outside the cache, which is full of permanent entries: this one has to wait.
      if (oldest === null) {
        this.#fail(neighbor)
        return
      }
      this.#kill(oldest)
    }
    neighbor.solicitations = 0
    this.#become(neighbor, NeighborState.Incomplete, false)
    this.#solicit(neighbor, false)
  }

  #has(neighbor: Neighbor, mac: MacAddress): boolean {
    return neighbor.macLow === mac.low && neighbor.macHigh === mac.high
  }

  #setLinkLayer(neighbor: Neighbor, mac: MacAddress): void {
    neighbor.macHigh = mac.high
    neighbor.macLow = mac.low
  }

  #sendQueued(neighbor: Neighbor): void {
    for (
      let packet = this.#waiting.take(neighbor.waiting);
      packet !== null;
      packet = this.#waiting.take(neighbor.waiting)
    ) {
      if (neighbor.ready) this.#context.sendPacket(packet, neighbor)
      else this.send(packet, neighbor)
    }
  }

  #fail(neighbor: Neighbor): void {
    this.#become(neighbor, NeighborState.Failed, false)
    // Who is told of a packet may send another, which waits for the next round.
    for (let count = neighbor.waiting.length; count > 0; count--) {
      const packet = this.#waiting.take(neighbor.waiting)
      if (packet === null) break
      this.#counters.unreachableDropped++
      this.#context.packetUnreachable(packet)
      packet.release()
    }
    this.#setSilent(neighbor, true)
  }

  #solicit(neighbor: Neighbor, byUnicast: boolean): void {
    neighbor.solicitations++
    this.#clock.arm(neighbor.timer, this.#clock.now() + this.#context.parameters.retransmitTime)
    this.#context.solicit(neighbor, byUnicast)
  }
}
