import type { MacAddress } from '../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { WaitingPackets } from '../ethernet/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { ArpCounters } from './counters.ts'
import { Neighbor, type NeighborOwner, NeighborState } from './neighbor.ts'
import { NeighborCache } from './neighbor-cache.ts'

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

/** All that the table may touch of the world. `Arp` is it. */
export interface NeighborContext {
  readonly clock: Clock
  readonly random: Random
  readonly counters: ArpCounters
  /** Asks everybody for the neighbour's address, or by unicast the one that it had last. */
  sendRequest(neighbor: Neighbor, byUnicast: boolean): void
  /** Sends a packet to the address that the neighbour has, and takes over the reference. */
  sendPacket(packet: PacketBuffer, neighbor: Neighbor): void
  /** A packet waited in vain; borrowed for the call. */
  packetUnreachable(packet: PacketBuffer): void
  flush(): void
}

/**
 * Who is on our link and whether they can be reached: the states of RFC 4861, section 7.3, as Linux uses them for ARP,
 * which is how it meets RFC 1122, 2.3.2.1 (entries are validated) and 2.3.2.2 (packets wait for resolution).
 */
export class NeighborTable implements NeighborOwner {
  readonly #context: NeighborContext
  readonly #clock: Clock
  readonly #counters: ArpCounters
  readonly #cache: NeighborCache
  readonly #waiting: WaitingPackets

  /** @param size most entries */
  constructor(context: NeighborContext, size: number) {
    this.#context = context
    this.#clock = context.clock
    this.#counters = context.counters
    this.#waiting = new WaitingPackets(context.counters)
    this.#cache = new NeighborCache(size)
  }

  /** Whether packets wait for the address of a neighbour. */
  get isWaiting(): boolean {
    return !this.#waiting.isEmpty
  }

  get count(): number {
    return this.#cache.count
  }

  values(): IterableIterator<Neighbor> {
    return this.#cache.values()
  }

  find(address: number): Neighbor | undefined {
    return this.#cache.get(address)
  }

  /** The neighbour of this address, made if need be; it is asked for at the first packet. */
  obtain(address: number): Neighbor {
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
  }

  /** Forgets a neighbour, static or not; packets that wait for it are dropped. */
  remove(address: number): void {
    const neighbor = this.#cache.get(address)
    if (neighbor !== undefined) this.#kill(neighbor)
  }

  clear(): void {
    for (const neighbor of [...this.#cache.values()]) this.#kill(neighbor)
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
        this.#waiting.add(neighbor.waiting, packet)
        neighbor.requests = 0
        this.#request(neighbor)
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

  /**
   * A neighbour that is in the table said what its MAC address is.
   * @param solicited whether that was an answer to us alone
   */
  learn(neighbor: Neighbor, high: number, low: number, solicited: boolean): void {
    const same = neighbor.macHigh === high && neighbor.macLow === low
    switch (neighbor.state) {
      case NeighborState.Permanent:
        if (!same) this.#counters.addressChangeIgnored++
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
      this.#counters.addressChangeIgnored++
      return
    }
    this.#counters.addressChanged++
    const probing = neighbor.state === NeighborState.Probe
    this.#setMac(neighbor, high, low)
    if (solicited && probing) this.#becomeReachable(neighbor)
    else this.#becomeStale(neighbor)
  }

  /** Somebody who is not in the table asked for us, and so will hear from us. */
  learnNew(address: number, high: number, low: number): void {
    const neighbor = this.#create(address)
    this.#setMac(neighbor, high, low)
    this.#becomeStale(neighbor)
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
        neighbor.requests = 0
        this.#request(neighbor)
        break
      case NeighborState.Incomplete:
      case NeighborState.Probe:
        if (neighbor.requests < MAX_REQUESTS) this.#request(neighbor)
        else this.#fail(neighbor)
        break
    }
    this.#context.flush()
  }

  #create(address: number): Neighbor {
    const victim = this.#cache.victim()
    if (victim !== null) {
      this.#counters.evicted++
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
    this.#waiting.drop(neighbor.waiting)
  }

  #become(neighbor: Neighbor, state: NeighborState, ready: boolean): void {
    neighbor.state = state
    neighbor.ready = ready
  }

  #becomeReachable(neighbor: Neighbor): void {
    this.#become(neighbor, NeighborState.Reachable, true)
    neighbor.confirmed = false
    const time = BASE_REACHABLE_TIME / 2 + this.#context.random.below(BASE_REACHABLE_TIME)
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
    for (
      let packet = this.#waiting.take(neighbor.waiting);
      packet !== null;
      packet = this.#waiting.take(neighbor.waiting)
    ) {
      this.#counters.unreachableDropped++
      this.#context.packetUnreachable(packet)
      packet.release()
    }
  }

  #request(neighbor: Neighbor): void {
    neighbor.requests++
    this.#clock.arm(neighbor.timer, this.#clock.now() + REQUEST_INTERVAL)
    this.#context.sendRequest(neighbor, neighbor.state === NeighborState.Probe)
  }
}
