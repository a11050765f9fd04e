/**
 * A DHCPv4 client, RFC 2131, section 4.4. Where the RFC leaves a choice it is that of Linux's clients: the search begins without
 * a random delay, and a remembered address that no server confirms is given up for a new search.
 *
 * Not done: DHCPINFORM (an address that was set by hand needs no server), DHCPFORCERENEW (it takes authentication, RFC 3203).
 */

import type { IpAddress, MacAddress } from '../../address/index.ts'
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
import { HeldLease } from './held-lease.ts'
import { type Dhcpv4Lease, isUsable, leaseFrom } from './lease.ts'
import { logRefusal } from './lease-log.ts'
import { leasePhase, nextLeaseEvent } from './lease-phase.ts'
import { Offers } from './offers.ts'
import { Reacquisition } from './reacquisition.ts'
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
  readonly #held: HeldLease
  readonly #prober: AddressProber | null
  readonly #memory: LeaseMemory | null
  readonly #log: Log
  readonly #offerWait: Microseconds
  readonly #transaction: Transaction
  readonly #reacquisition: Reacquisition
  readonly #timer = new Timer(this)
  readonly #offers = new Offers()
  /** What was refused the first time may be asked for again at once. */
  readonly #restartDelay = new RestartDelay(1)
  #state: Dhcpv4State = 'stopped'
  /** Grows with each start, so that what a store answers to an earlier one is known. */
  #run = 0
  #requested: { address: IpAddress; serverId: IpAddress | null } | null = null
  #remembered: RememberedLease | null = null

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
    this.#held = new HeldLease(options.events, this.#memory, this.#log)
    this.#transaction = new Transaction(transport, clock, random, this.counters, profile)
    this.#reacquisition = new Reacquisition(this.#transaction, clock)
  }

  get state(): Dhcpv4State {
    return this.#state
  }

  /** What is held; null if that is nothing. */
  get lease(): Dhcpv4Lease | null {
    return this.#held.lease
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
    this.#held.drop()
    this.#clock.disarm(this.#timer)
    this.#prober?.cancel()
    this.#transport.close()
  }

  /**
   * Gives the address back (DHCPRELEASE, RFC 2131, section 4.4.6) and stops. The message goes out from that address, so that
   * `expired` comes after it.
   */
  release(): void {
    const { lease } = this.#held
    if (lease !== null) {
      this.#transaction.begin()
      this.#transaction.release(lease.address.address, lease.serverId)
    }
    this.stop()
    if (lease !== null) this.#held.released(lease)
  }

  /**
   * Another host uses the address that is held, as address conflict detection has found out: it is given up, the server is told,
   * and after ten seconds another one is looked for.
   */
  decline(): void {
    const { lease } = this.#held
    if (lease === null) return
    this.#lose('conflict')
    // Whoever heard of it may have stopped the client.
    if (this.#state !== 'stopped') this.#decline(lease)
  }

  /** The interface may be on another network now: asks whether the address still belongs there, RFC 2131, section 3.7. */
  linkChanged(): void {
    if (this.#state === 'stopped') return
    this.#restartDelay.reset()
    this.#transaction.since = this.#clock.now()
    const { lease } = this.#held
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
    this.#transaction.begin()
    this.#offers.clear(this.#remembered?.address.address ?? null)
    this.#discoverAgain()
  }

  #discoverAgain(): void {
    if (this.#transaction.transmissions === UNANSWERED_DISCOVERS) {
      const run = this.#run
      this.#log.warn('no DHCP server answers; the search goes on')
      this.#events.unanswered?.(this.#offers.mayAutoConfigure)
      if (run !== this.#run || this.#state !== 'selecting') return
    }
    this.#transaction.discover(this.#remembered?.address.address ?? null)
    this.#armFor(delayAfter(this.#transaction.transmissions, this.#random))
  }

  #offered(message: ServerMessage): void {
    if (this.#state !== 'selecting') {
      this.counters.unexpected++
      return
    }
    if (this.#takesIpv6Only(message)) return
    if (this.#transaction.profile.autoConfigure && this.#offers.takesAutoConfigure(message)) return
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
    this.#sendRequest()
  }

  #reboot({ address }: RememberedLease): void {
    this.#state = 'rebooting'
    this.#transaction.begin()
    this.#requested = { address: address.address, serverId: null }
    this.#sendRequest()
  }

  #sendRequest(): void {
    const { address, serverId } = this.#requested!
    this.#transaction.request(address, serverId)
    this.#armFor(delayAfter(this.#transaction.transmissions, this.#random))
  }

  #rebootTimer(): void {
    const { lease } = this.#held
    if (lease !== null && this.#clock.now() >= lease.expiresAt) this.#expire()
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
    const lease = leaseFrom(message, message.serverId, this.#transaction.requestedAt, this.#random)
    this.#transaction.end()
    if (this.#held.lease?.address.address.equals(lease.address.address)) this.#prolong(lease)
    else this.#check(lease)
  }

  // --- an address that is new -----------------------------------------------------------------------------------

  #check(lease: Dhcpv4Lease): void {
    this.#clock.disarm(this.#timer)
    if (this.#held.lease !== null) {
      this.#lose('replaced')
      if (this.#state === 'stopped') return
    }
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
    this.#bind(lease)
    this.#held.take(lease)
  }

  /** RFC 2131, section 4.4.1: sent once, because nobody answers it. */
  #decline(lease: Dhcpv4Lease): void {
    const { address } = lease.address
    this.#state = 'declining'
    this.#transaction.begin()
    this.#transaction.decline(address, lease.serverId)
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
    if (this.#held.lease!.address.length !== lease.address.length) {
      // The same address in another network: what follows from it has to be made anew.
      this.#lose('replaced')
      if (this.#state !== 'stopped') this.#take(lease)
      return
    }
    // A lease that lasts until T1 is a good one.
    this.#restartDelay.reset()
    this.#bind(lease)
    this.#held.prolong(lease, from === 'renewing')
  }

  /** Also after a leap, when several of these times have passed at once: the last one counts. */
  #leaseTimer(): void {
    const { lease } = this.#held
    if (lease === null) return
    const phase = leasePhase(lease, this.#clock.now())
    if (phase === 'expired') {
      this.#expire()
      return
    }
    if (phase !== 'bound') {
      this.#reacquisition.ask(lease, phase, this.#state !== phase)
      this.#state = phase
    }
    this.#armLease(lease)
  }

  #armLease(lease: Dhcpv4Lease): void {
    const next = nextLeaseEvent(lease, this.#state, this.#reacquisition.sendAt)
    if (next === Number.POSITIVE_INFINITY) this.#clock.disarm(this.#timer)
    else this.#clock.arm(this.#timer, next)
  }

  #expire(): void {
    this.#lose('expired')
    if (this.#state === 'stopped') return
    this.#transaction.since = this.#clock.now()
    this.#discover()
  }

  /** RFC 2131, section 4.4.5 and others: back to INIT. */
  #refused(message: ServerMessage): void {
    const asked = this.#state === 'requesting' ? this.#requested?.serverId : this.#held.lease?.serverId
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
    if (this.#held.lease !== null) this.#lose('refused')
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
    if (this.#held.lease !== null) this.#lose('refused')
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
  #lose(reason: Dhcpv4EndReason): void {
    this.#transaction.end()
    this.#clock.disarm(this.#timer)
    this.#held.lose(reason)
  }

  #armFor(delay: Microseconds): void {
    this.#clock.arm(this.#timer, this.#clock.now() + delay)
  }
}
