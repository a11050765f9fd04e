/**
 * A DHCPv4 client, RFC 2131, section 4.4. Where the RFC leaves a choice it is that of Linux's clients: the search begins without
 * a random delay, and a remembered address that no server confirms is given up for a new search.
 *
 * Not done: DHCPINFORM (an address that was set by hand needs no server), DHCPFORCERENEW (it takes authentication, RFC 3203).
 */

import { IpAddress, type MacAddress } from '../../address/index.ts'
import {
  type Clock,
  MILLISECOND,
  type Microseconds,
  type Random,
  SECOND,
  Timer,
  type TimerHandler,
} from '../../clock/index.ts'
import { integerInRange } from '../../errors/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import { RestartDelay } from '../restart-delay.ts'
import { awaitsAcknowledgment, awaitsRefusal } from './awaited-answers.ts'
import type { Dhcpv4ClientOptions, Dhcpv4EndReason, Dhcpv4Events, Dhcpv4State } from './client-interface.ts'
import { clientProfile } from './client-profile.ts'
import { MessageType } from './codes.ts'
import { newDhcpv4Counters } from './counters.ts'
import { type Dhcpv4Lease, isUsable, leaseFrom } from './lease.ts'
import { logLease, logLoss, logRefusal } from './lease-log.ts'
import { delayInPhase, leasePhase, nextLeaseEvent } from './lease-phase.ts'
import { Offers } from './offers.ts'
import { LeaseMemory, type RememberedLease } from './remembered-lease.ts'
import { delayAfter } from './retransmission.ts'
import { Transaction } from './transaction.ts'
import type { AddressProber, Dhcpv4Receiver, Dhcpv4Transport } from './transport.ts'
import { receiveServerMessage, type ServerMessage } from './validate-message.ts'

/** RFC 2131, section 3.1, 5: a request is sent four times in about a minute before the search begins anew. */
const MAX_REQUESTS = 4
/** A remembered address: what Linux's clients wait for, about ten seconds. */
const MAX_REBOOT_REQUESTS = 2
/** RFC 2131, section 3.1, 5: the least time between a DHCPDECLINE and the next search. */
const DECLINE_DELAY: Microseconds = 10 * SECOND
/** Searches without an offer after which a host may help itself: about 12 seconds. */
const UNANSWERED_DISCOVERS = 2
/** RFC 8925, section 3.4. */
const LEAST_IPV6_ONLY_WAIT: Microseconds = 300 * SECOND
const DEFAULT_OFFER_WAIT: Microseconds = 200 * MILLISECOND
const LONGEST_OFFER_WAIT: Microseconds = 60 * SECOND

export class Dhcpv4Client implements Dhcpv4Receiver, TimerHandler {
  readonly counters = newDhcpv4Counters()
  readonly #transport: Dhcpv4Transport
  readonly #clock: Clock
  readonly #random: Random
  readonly #events: Dhcpv4Events
  readonly #prober: AddressProber | null
  readonly #memory: LeaseMemory | null
  readonly #log: Log
  readonly #offerWait: Microseconds
  readonly #transaction: Transaction
  readonly #timer = new Timer(this)
  readonly #offers = new Offers()
  /** What was refused the first time may be asked for again at once. */
  readonly #restartDelay = new RestartDelay(1)
  #state: Dhcpv4State = 'stopped'
  /** Grows with each start, so that what a store answers to an earlier one is known. */
  #run = 0
  /** When the first request went out; when to send again. */
  #requestedAt: Microseconds = 0
  #sendAt: Microseconds = 0
  /** The field secs of the last DHCPDISCOVER, which the request repeats (RFC 2131, section 3.1, 3). */
  #seconds = 0
  #requested: { address: IpAddress; serverId: IpAddress | null } | null = null
  #remembered: RememberedLease | null = null
  #lease: Dhcpv4Lease | null = null
  /** What a server has said last about addresses without one. */
  #mayAutoConfigure = true

  /** @throws RangeError or TypeError for an option that cannot be */
  constructor(options: Dhcpv4ClientOptions) {
    const { transport, clock, random } = options
    const profile = clientProfile(options)
    this.#offerWait = integerInRange('offerWait', options.offerWait ?? DEFAULT_OFFER_WAIT, 0, LONGEST_OFFER_WAIT)
    this.#transport = transport
    this.#clock = clock
    this.#random = random
    this.#events = options.events
    this.#prober = options.prober ?? null
    this.#log = options.log ?? SILENT
    const { store = null } = options
    this.#memory = store === null ? null : new LeaseMemory(store, clock, this.#log)
    this.#transaction = new Transaction(transport, clock, random, this.counters, profile)
  }

  get state(): Dhcpv4State {
    return this.#state
  }

  /** What is held; null if that is nothing. */
  get lease(): Dhcpv4Lease | null {
    return this.#lease
  }

  /** Resolves when what is to be remembered is written: who ends the process at once loses it. Never rejects. */
  get remembering(): Promise<void> {
    return this.#memory?.written ?? Promise.resolve()
  }

  /** Asks for the remembered address, or looks for servers. Nothing happens if it runs already. */
  start(): void {
    if (this.#state !== 'stopped') return
    this.#state = 'init'
    this.#restartDelay.reset()
    this.#transaction.since = this.#clock.now()
    this.#transport.open(this)
    const run = ++this.#run
    if (this.#memory === null) this.#discover()
    else void this.#memory.recall().then((remembered) => this.#begin(run, remembered))
  }

  #begin(run: number, remembered: RememberedLease | null): void {
    if (run !== this.#run || this.#state !== 'init') return
    this.#remembered = remembered
    if (remembered !== null && !remembered.isOver) this.#reboot(remembered)
    else this.#discover()
  }

  /** Ends at once and tells nobody; the lease stays with the server until it runs out, and remembered. */
  stop(): void {
    if (this.#state === 'stopped') return
    this.#run++
    this.#state = 'stopped'
    this.#transaction.end()
    this.#lease = null
    this.#clock.disarm(this.#timer)
    this.#prober?.cancel()
    this.#transport.close()
  }

  /**
   * Gives the address back (DHCPRELEASE, RFC 2131, section 4.4.6) and stops. The message goes out from that address, so that
   * `expired` comes after it.
   */
  release(): void {
    const lease = this.#lease
    if (lease === null) {
      this.stop()
      return
    }
    const address = lease.address.address
    this.#transaction.begin()
    this.#transaction.release(address, lease.serverId)
    this.#memory?.forget()
    this.#log.info('the lease is released', { address: lease.address.toString() })
    this.stop()
    this.#events.expired(lease, 'released')
  }

  /**
   * Another host uses the address that is held, as address conflict detection has found out: it is given up, the server is told,
   * and after ten seconds another one is looked for.
   */
  decline(): void {
    const lease = this.#lease
    if (lease === null) return
    this.#lose(lease, 'conflict')
    // Whoever heard of it may have stopped the client.
    if (this.#state !== 'stopped') this.#decline(lease)
  }

  /** The interface may be on another network now: asks whether the address still belongs there, RFC 2131, section 3.7. */
  linkChanged(): void {
    if (this.#state === 'stopped') return
    this.#restartDelay.reset()
    this.#transaction.since = this.#clock.now()
    const lease = this.#lease
    if (lease !== null) this.#reboot({ address: lease.address, serverId: lease.serverId, isOver: false })
    else if (this.#state !== 'probing' && this.#state !== 'declining') this.#discover()
  }

  /** The interface has another address now. The identifier stays, by which servers know us. */
  changeMac(mac: MacAddress): void {
    this.#transaction.profile = { ...this.#transaction.profile, mac }
  }

  onTimer(): void {
    switch (this.#state) {
      case 'init':
      case 'declining':
      case 'ipv6-only':
        this.#transaction.since = this.#clock.now()
        this.#discover()
        return
      case 'selecting':
        if (this.#offers.best !== null) this.#request(this.#offers.best)
        else this.#discoverAgain()
        return
      case 'requesting':
        if (this.#transaction.transmissions < MAX_REQUESTS) this.#sendRequest()
        else this.#restart()
        return
      case 'rebooting':
        this.#rebootTimer()
        return
      default:
        this.#leaseTimer()
    }
  }

  receiveDatagram(bytes: Uint8Array): void {
    if (this.#state === 'stopped') return
    const message = receiveServerMessage(bytes, this.#transaction.profile, this.#transaction.id, this.counters)
    if (message === null) return
    if (message.type === MessageType.Offer) this.#offered(message)
    else if (message.type === MessageType.Ack) this.#acknowledged(message)
    else this.#refused(message)
  }

  // --- INIT and SELECTING ---------------------------------------------------------------------------------------

  #discover(): void {
    this.#state = 'selecting'
    this.#mayAutoConfigure = true
    this.#transaction.begin()
    this.#offers.clear(this.#remembered?.address.address ?? null)
    this.#discoverAgain()
  }

  #discoverAgain(): void {
    if (this.#transaction.transmissions === UNANSWERED_DISCOVERS) {
      const run = this.#run
      this.#log.warn('no DHCP server answers; the search goes on')
      this.#events.unanswered?.(this.#mayAutoConfigure)
      if (run !== this.#run || this.#state !== 'selecting') return
    }
    this.#seconds = this.#transaction.elapsed
    const requestedAddress = this.#remembered?.address.address ?? null
    this.#requestedAt = this.#clock.now()
    this.#transaction.broadcast(MessageType.Discover, { seconds: this.#seconds, requestedAddress })
    this.#armFor(delayAfter(this.#transaction.transmissions, this.#random))
  }

  #offered(message: ServerMessage): void {
    if (this.#state !== 'selecting') {
      this.counters.unexpected++
      return
    }
    if (this.#takesIpv6Only(message)) return
    const { autoConfigure } = message.options
    if (this.#transaction.profile.autoConfigure && autoConfigure !== null && message.yourAddress.isUnspecified) {
      // RFC 2563, section 2.3: no address, and whether to take one oneself.
      this.#mayAutoConfigure = autoConfigure
      return
    }
    if (!isUsable(message)) {
      this.counters.unusable++
      return
    }
    const isFirst = this.#offers.best === null
    this.#offers.add(message)
    if (this.#offers.best !== null && (this.#offers.isFinal || this.#offerWait === 0)) this.#request(this.#offers.best)
    else if (isFirst) this.#armFor(this.#offerWait)
  }

  // --- REQUESTING and INIT-REBOOT -------------------------------------------------------------------------------

  /** With the transaction of the offer, RFC 2131, table 5. */
  #request(offer: ServerMessage): void {
    this.#state = 'requesting'
    this.#transaction.transmissions = 0
    this.#requested = { address: offer.yourAddress, serverId: offer.serverId }
    this.#requestedAt = this.#clock.now()
    this.#sendRequest()
  }

  #reboot({ address }: RememberedLease): void {
    this.#state = 'rebooting'
    this.#transaction.begin()
    this.#seconds = 0
    this.#requested = { address: address.address, serverId: null }
    this.#requestedAt = this.#clock.now()
    this.#sendRequest()
  }

  #sendRequest(): void {
    const { address, serverId } = this.#requested!
    const content = { seconds: this.#seconds, requestedAddress: address, serverId: serverId ?? undefined }
    this.#transaction.broadcast(MessageType.Request, content)
    this.#armFor(delayAfter(this.#transaction.transmissions, this.#random))
  }

  #rebootTimer(): void {
    const lease = this.#lease
    if (lease !== null && this.#clock.now() >= lease.expiresAt) this.#expire(lease)
    else if (this.#transaction.transmissions < MAX_REBOOT_REQUESTS) this.#sendRequest()
    else if (lease !== null) this.#bind(lease)
    else this.#discover()
  }

  #acknowledged(message: ServerMessage): void {
    const { rapidCommit } = this.#transaction.profile
    if (!awaitsAcknowledgment(this.#state, message, this.#requested?.serverId ?? null, rapidCommit)) {
      this.counters.unexpected++
      return
    }
    const isHeld = this.#state === 'renewing' || this.#state === 'rebinding'
    if (!isHeld && this.#takesIpv6Only(message)) return
    if (!isUsable(message)) {
      this.counters.unusable++
      return
    }
    const lease = leaseFrom(message, message.serverId, this.#requestedAt, this.#random)
    this.#transaction.end()
    if (this.#lease?.address.address.equals(lease.address.address)) this.#prolong(lease)
    else this.#check(lease)
  }

  // --- an address that is new -----------------------------------------------------------------------------------

  #check(lease: Dhcpv4Lease): void {
    this.#clock.disarm(this.#timer)
    const before = this.#lease
    if (before !== null) this.#lose(before, 'replaced')
    if (before !== null && this.#state === 'stopped') return
    this.#state = 'probing'
    if (this.#prober === null) {
      this.#take(lease)
      return
    }
    this.#prober.probe(lease.address.address, lease.duration, (isFree) => {
      if (this.#state !== 'probing') return
      if (isFree) this.#take(lease)
      else this.#decline(lease)
    })
  }

  #take(lease: Dhcpv4Lease): void {
    if (this.#clock.now() >= lease.expiresAt) {
      this.#restart()
      return
    }
    this.#lease = lease
    this.#bind(lease)
    this.#tell('the lease is bound', lease)
    this.#events.bound(lease)
  }

  /** RFC 2131, section 4.4.1: sent once, because nobody answers it. */
  #decline(lease: Dhcpv4Lease): void {
    const { address } = lease.address
    this.#state = 'declining'
    this.#transaction.begin()
    this.#transaction.broadcast(MessageType.Decline, {
      seconds: 0,
      requestedAddress: address,
      serverId: lease.serverId,
    })
    this.#transaction.end()
    this.#remembered = null
    this.#memory?.forget()
    this.#armFor(DECLINE_DELAY)
    this.#log.warn('the address is declined: another host uses it', { address: address.toString() })
    this.#events.declined(address)
  }

  // --- BOUND, RENEWING and REBINDING ----------------------------------------------------------------------------

  #bind(lease: Dhcpv4Lease): void {
    this.#state = 'bound'
    this.#transaction.end()
    this.#remembered = { address: lease.address, serverId: lease.serverId, isOver: false }
    this.#armLease(lease)
  }

  #prolong(lease: Dhcpv4Lease): void {
    const from = this.#state
    const before = this.#lease!
    if (before.address.length !== lease.address.length) {
      // The same address in another network: what follows from it has to be made anew.
      this.#lose(before, 'replaced')
      if (this.#state !== 'stopped') this.#take(lease)
      return
    }
    this.#lease = lease
    // A lease that lasts until T1 is a good one.
    this.#restartDelay.reset()
    this.#bind(lease)
    if (from === 'renewing') {
      this.#tell('the lease is renewed', lease)
      this.#events.renewed(lease)
    } else {
      this.#tell('the lease is rebound', lease)
      this.#events.rebound(lease)
    }
  }

  /** Also after a leap, when several of these times have passed at once: the last one counts. */
  #leaseTimer(): void {
    const lease = this.#lease
    if (lease === null) return
    const phase = leasePhase(lease, this.#clock.now())
    if (phase === 'expired') this.#expire(lease)
    else if (phase === 'bound') this.#armLease(lease)
    else this.#prolongBy(phase, lease)
  }

  /** Asks for more time, for the first time or again. RFC 2131, section 4.4.5. */
  #prolongBy(state: 'renewing' | 'rebinding', lease: Dhcpv4Lease): void {
    const now = this.#clock.now()
    if (this.#state !== state) {
      this.#state = state
      this.#transaction.begin()
      this.#transaction.since = now
      this.#sendAt = now
    }
    if (now >= this.#sendAt) {
      this.#requestedAt = now
      this.#transaction.prolong(lease.address.address, state === 'rebinding' ? IpAddress.BROADCAST_V4 : lease.serverId)
      this.#sendAt = now + delayInPhase(lease, state, now)
    }
    this.#armLease(lease)
  }

  #armLease(lease: Dhcpv4Lease): void {
    const next = nextLeaseEvent(lease, this.#state, this.#sendAt)
    if (next === Number.POSITIVE_INFINITY) this.#clock.disarm(this.#timer)
    else this.#clock.arm(this.#timer, next)
  }

  #expire(lease: Dhcpv4Lease): void {
    this.#lose(lease, 'expired')
    if (this.#state === 'stopped') return
    this.#transaction.since = this.#clock.now()
    this.#discover()
  }

  /** RFC 2131, section 4.4.5 and others: back to INIT. */
  #refused(message: ServerMessage): void {
    const asked = this.#state === 'requesting' ? this.#requested?.serverId : this.#lease?.serverId
    if (!awaitsRefusal(this.#state, message, asked ?? null)) {
      this.counters.unexpected++
      return
    }
    this.counters.refusals++
    const wasRebooting = this.#state === 'rebooting'
    logRefusal(this.#log, message)
    this.#transaction.end()
    this.#remembered = null
    this.#memory?.forget()
    if (this.#lease !== null) this.#lose(this.#lease, 'refused')
    if (this.#state === 'stopped') return
    // A remembered address may well be one of another network: that is nothing that has failed.
    if (wasRebooting) this.#discover()
    else this.#restart()
  }

  // --- what they share ------------------------------------------------------------------------------------------

  /** RFC 8925, section 3.2: an answer that asks who can to do without IPv4. */
  #takesIpv6Only({ options }: ServerMessage): boolean {
    if (!this.#transaction.profile.ipv6Only || options.ipv6OnlyWait === null) return false
    this.counters.ipv6Only++
    const wait = Math.max(options.ipv6OnlyWait * SECOND, LEAST_IPV6_ONLY_WAIT)
    this.#log.info('the network asks to do without IPv4', { seconds: wait / SECOND })
    if (this.#lease !== null) this.#lose(this.#lease, 'refused')
    if (this.#state === 'stopped') return true
    this.#state = 'ipv6-only'
    this.#transaction.end()
    this.#armFor(wait)
    this.#events.ipv6Only?.(wait / SECOND)
    return true
  }

  /** From the beginning, and slower each time that this leads nowhere. */
  #restart(): void {
    this.#state = 'init'
    this.#transaction.end()
    this.#armFor(this.#restartDelay.next())
  }

  /** The address is ours no longer. */
  #lose(lease: Dhcpv4Lease, reason: Dhcpv4EndReason): void {
    this.#lease = null
    this.#transaction.end()
    this.#clock.disarm(this.#timer)
    if (reason === 'expired') this.#memory?.forget()
    logLoss(this.#log, lease, reason)
    this.#events.expired(lease, reason)
  }

  #armFor(delay: Microseconds): void {
    this.#clock.arm(this.#timer, this.#clock.now() + delay)
  }

  #tell(what: string, lease: Dhcpv4Lease): void {
    logLease(this.#log, what, lease)
    this.#memory?.remember(lease)
  }
}
