/**
 * Router advertisements, RFC 4861, section 6.2: small enough for tests and simulated networks. It says that we are a router and
 * forwards nothing itself.
 */

import { MILLISECOND, type Microseconds, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'
import { ALL_NODES, ALL_ROUTERS } from '../addresses.ts'
import type { Ipv6Host } from '../ipv6-host.ts'
import type { RouterRole } from '../neighbor-discovery/index.ts'
import { buildAdvertisement, intervalsOf, type RouterAdvertisementSettings } from './advertisement.ts'

/** RFC 4861, section 10. */
const MAX_INITIAL_ADVERTISEMENTS = 3
const MAX_INITIAL_INTERVAL: Microseconds = 16 * SECOND
const MIN_DELAY_BETWEEN: Microseconds = 3 * SECOND
const MAX_ANSWER_DELAY: Microseconds = 500 * MILLISECOND
const HOP_LIMIT = 255

export interface RouterAdvertiserCounters {
  sent: number
  /** Router solicitations that were heard. */
  solicited: number
}

/** A router for tests and simulated networks: its advertisements, RFC 4861, section 6.2. */
export class RouterAdvertiser implements TimerHandler, RouterRole {
  readonly counters: RouterAdvertiserCounters = { sent: 0, solicited: 0 }
  readonly #host: Ipv6Host
  readonly #settings: RouterAdvertisementSettings
  readonly #intervals: ReturnType<typeof intervalsOf>
  readonly #timer = new Timer(this)
  #isRunning = false
  #lastAt: Microseconds = Number.NEGATIVE_INFINITY
  /** Since the start. */
  #sent = 0

  /** @throws TypeError or RangeError naming the setting that cannot be */
  constructor(host: Ipv6Host, settings: RouterAdvertisementSettings) {
    this.#host = host
    this.#settings = settings
    this.#intervals = intervalsOf(settings)
    // All of the settings are looked at.
    buildAdvertisement(settings, host.ipv6.mac, this.#intervals.lifetime)
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** From now on, or as soon as there is a link-local address to speak from. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#sent = 0
    this.#host.discovery.setRouterRole(this)
    this.#host.ipv6.joinGroup(ALL_ROUTERS)
    this.#armFor(0)
  }

  /** Says that we are no router any more (section 6.2.5), and stops. */
  stop(): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#host.ipv6.clock.disarm(this.#timer)
    this.#host.discovery.setRouterRole(null)
    this.#host.ipv6.leaveGroup(ALL_ROUTERS)
    this.#send(0)
  }

  /** Section 6.2.6: to all nodes, after a short random time, and not more often than once in three seconds. */
  routerSolicited(): void {
    this.counters.solicited++
    const { clock, random } = this.#host.ipv6
    const at = Math.max(
      clock.now() + Math.floor(random.fraction() * MAX_ANSWER_DELAY),
      this.#lastAt + MIN_DELAY_BETWEEN,
    )
    if (at < this.#timer.expiry || !this.#timer.armed) clock.arm(this.#timer, at)
  }

  onTimer(): void {
    if (!this.#send(this.#intervals.lifetime)) {
      // The link-local address is still being checked.
      this.#armFor(SECOND)
      return
    }
    const { least, most } = this.#intervals
    const { random } = this.#host.ipv6
    const usual = (least + random.fraction() * (most - least)) * SECOND
    // Section 6.2.4: the first ones come faster, so that hosts find us soon.
    this.#armFor(this.#sent < MAX_INITIAL_ADVERTISEMENTS ? Math.min(usual, MAX_INITIAL_INTERVAL) : usual)
  }

  /** @returns false if there is no address to send it from */
  #send(lifetime: number): boolean {
    const { ipv6, linkLocal } = this.#host
    if (linkLocal === null) return false
    const message = buildAdvertisement(this.#settings, ipv6.mac, lifetime)
    const packet = ipv6.memory.allocate(message.length)
    if (packet === null) return true
    packet.end = packet.start + message.length
    packet.memory.bytes.set(message, packet.start)
    ipv6.sendControl(packet, linkLocal, ALL_NODES, HOP_LIMIT, null)
    ipv6.flush()
    this.counters.sent++
    this.#sent++
    this.#lastAt = ipv6.clock.now()
    return true
  }

  #armFor(delay: Microseconds): void {
    const { clock } = this.#host.ipv6
    clock.arm(this.#timer, clock.now() + Math.floor(delay))
  }
}
