/**
 * A DHCPv6 client that gets addresses and prefixes, RFC 8415, section 18.2. One exchange runs at a time, and all identity
 * associations go through it together (section 18.2, last paragraphs).
 *
 * Not done: Reconfigure (it takes authentication), temporary addresses (RFC 8981 makes them without a server), the server
 * unicast option (RFC 9915 has done away with it; multicast always works).
 */

import type { IpAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, Timer, type TimerHandler } from '../../clock/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import { RestartDelay } from '../restart-delay.ts'
import { TransmitLimit } from '../transmit-limit.ts'
import { advertisementFrom, ServerSelection } from './advertisement.ts'
import { Binding, type Dhcpv6LeaseTimes } from './binding.ts'
import { Bindings } from './bindings.ts'
import type { Dhcpv6ClientOptions, Dhcpv6Lease, Dhcpv6State } from './client-interface.ts'
import { type ClientIdentity, clientIdentity, isToOneServer } from './client-messages.ts'
import { ALL_RELAY_AGENTS_AND_SERVERS, MessageType, StatusCode } from './codes.ts'
import { configurationFrom, type Dhcpv6Configuration, NO_CONFIGURATION } from './configuration.ts'
import { type Dhcpv6Counters, newDhcpv6Counters } from './counters.ts'
import { sameDuid } from './duid.ts'
import { Exchange, type ExchangeOwner } from './exchange.ts'
import { LeaseReports } from './lease-reports.ts'
import type { IdentityAssociation } from './message.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import {
  CONFIRM,
  DECLINE,
  maximumTimeoutFrom,
  REBIND,
  RELEASE,
  RENEW,
  REQUEST,
  SOLICIT,
  withMaximumTimeout,
} from './parameters.ts'
import type { DhcpReceiver, DhcpTransport } from './transport.ts'
import { receiveServerMessage, type ServerMessage } from './validate-message.ts'

export class Dhcpv6Client implements DhcpReceiver, ExchangeOwner, TimerHandler {
  readonly counters: Dhcpv6Counters
  readonly #transport: DhcpTransport
  readonly #clock: Clock
  readonly #reports: LeaseReports
  readonly #log: Log
  readonly #identity: ClientIdentity
  readonly #bindings: Bindings
  readonly #exchange: Exchange
  /** For T1, T2 and the end of leases. */
  readonly #timer = new Timer(this)
  #state: Dhcpv6State = 'stopped'
  /** That of the exchange. */
  readonly #message: OutgoingMessage
  /** That of the lease, or the one that is being asked for it. */
  #serverId: Uint8Array | null = null
  readonly #selection = new ServerSelection()
  #configuration: Dhcpv6Configuration = NO_CONFIGURATION
  /** SOL_MAX_RT. */
  #solicitMaximum = SOLICIT.maximumTimeout
  /** What is being declined. */
  #declined: Dhcpv6LeaseTimes[] = []
  readonly #restartDelay = new RestartDelay()
  #releasing: Promise<void> | null = null
  #released: (() => void) | null = null

  /** @throws RangeError or TypeError for an option that cannot be */
  constructor(options: Dhcpv6ClientOptions) {
    this.#identity = clientIdentity(options)
    const bindings: Binding[] = []
    if (options.addresses ?? true) bindings.push(new Binding('IA_NA', options.iaid))
    if ((options.delegatedPrefixLength ?? null) !== null) bindings.push(new Binding('IA_PD', options.iaid))
    if (bindings.length === 0) throw new TypeError('a DHCPv6 client asks for addresses, a prefix or both')
    this.#bindings = new Bindings(bindings)
    this.#message = new OutgoingMessage(this.#identity, this.#bindings)
    this.counters = options.counters ?? newDhcpv6Counters()
    this.#transport = options.transport
    this.#clock = options.clock
    this.#log = options.log ?? SILENT
    this.#reports = new LeaseReports(options.events, this.#log)
    this.#exchange = new Exchange(options.clock, options.random, new TransmitLimit(options.clock), this.counters, this)
  }

  get state(): Dhcpv6State {
    return this.#state
  }

  /** What is held; null if that is nothing. A copy. */
  get lease(): Dhcpv6Lease | null {
    if (this.#bindings.empty || this.#serverId === null) return null
    const copy = (leases: Dhcpv6LeaseTimes[]) => leases.map((lease) => ({ ...lease }))
    return {
      addresses: copy(this.#bindings.of('IA_NA')),
      prefixes: copy(this.#bindings.of('IA_PD')),
      configuration: this.#configuration,
      serverId: this.#serverId,
    }
  }

  /** Begins to look for servers, after a random delay of up to a second. Nothing happens if it runs already. */
  start(): void {
    if (this.#state !== 'stopped') return
    this.#restartDelay.reset()
    this.#transport.open(this)
    this.#solicit(0)
  }

  /** Ends at once and tells nobody; leases stay with the server until they run out. */
  stop(): void {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#exchange.stop()
    this.#clock.disarm(this.#timer)
    this.#bindings.clear()
    this.#serverId = null
    this.#configuration = NO_CONFIGURATION
    this.#transport.close()
    this.#released?.()
    this.#released = null
    this.#releasing = null
  }

  /**
   * Gives everything back (RFC 8415, section 18.2.7) and stops. The caller has to have taken the addresses out of use.
   * @returns resolved when the server knows, or after four attempts, about 15 seconds
   */
  release(): Promise<void> {
    if (this.#releasing !== null) return this.#releasing
    if (this.#bindings.empty) {
      this.stop()
      return Promise.resolve()
    }
    this.#state = 'releasing'
    this.#message.beginReturn(MessageType.Release, this.#bindings.clear())
    this.#clock.disarm(this.#timer)
    this.#exchange.start(RELEASE)
    this.#log.info('releases its DHCPv6 leases')
    this.#releasing = new Promise((resolve) => {
      this.#released = resolve
    })
    return this.#releasing
  }

  /**
   * Says that other hosts use these addresses (RFC 8415, section 18.2.8), as duplicate address detection found out. They
   * are ours no longer; when none is left, servers are looked for anew. Addresses that are not held are ignored.
   */
  decline(addresses: readonly IpAddress[]): void {
    const held = this.#bindings
      .of('IA_NA')
      .filter(({ prefix }) => addresses.some((address) => address.equals(prefix.address)))
    if (held.length === 0) return
    for (const binding of this.#bindings.all) binding.remove(held)
    if (this.#state !== 'declining') this.#declined = []
    this.#declined.push(...held)
    this.#state = 'declining'
    this.#message.beginReturn(MessageType.Decline, this.#declined)
    this.#exchange.start(DECLINE)
    this.#schedule()
    this.#reports.declined(held)
  }

  /**
   * The interface may be on another link now: asks whether the addresses still belong there (Confirm, RFC 8415, section
   * 18.2.3), or with delegated prefixes for the leases themselves (18.2.12).
   */
  linkChanged(): void {
    if (this.#state === 'stopped' || this.#state === 'releasing') return
    if (this.#bindings.empty) {
      this.#restartDelay.reset()
      this.#solicit(0)
      return
    }
    this.#state = 'confirming'
    this.#message.begin(this.#bindings.of('IA_PD').length > 0 ? MessageType.Rebind : MessageType.Confirm)
    this.#exchange.start(CONFIRM)
    this.#schedule()
  }

  /** A lease ran out, or T1 or T2 has come. */
  onTimer(): void {
    const now = this.#clock.now()
    const gone = this.#bindings.expire(now)
    if (gone.length > 0 && this.#exchange.running) this.#message.update()
    const holding = this.#state === 'bound' || this.#state === 'renewing' || this.#state === 'rebinding'
    if (this.#bindings.empty && (holding || this.#state === 'confirming')) this.#solicit(0)
    else if ((this.#state === 'bound' || this.#state === 'renewing') && now >= this.#bindings.rebindAt) this.#rebind()
    else if (this.#state === 'bound' && now >= this.#bindings.renewAt) this.#renew()
    this.#schedule()
    this.#reports.expired(gone)
  }

  receiveDatagram(bytes: Uint8Array): void {
    if (this.#state === 'stopped') return
    const message = receiveServerMessage(bytes, this.#identity.duid, this.#exchange.transactionId, this.counters)
    // An answer to what has not been sent yet is none.
    if (message === null) return
    if (this.#exchange.transmissions === 0) {
      this.counters.unexpected++
      return
    }
    if (message.type === MessageType.Advertise) this.#advertise(message)
    else this.#reply(message)
  }

  transmit(elapsed: number): void {
    const bytes = this.#message.bytes(this.#exchange.transactionId, elapsed, this.#serverId)
    this.#transport.send(bytes, ALL_RELAY_AGENTS_AND_SERVERS)
  }

  /** The first timeout of a Solicit ends the collecting of advertisements, RFC 8415, section 18.2.1. */
  mayRetransmit(): boolean {
    const { best } = this.#selection
    if (this.#state !== 'soliciting' || best === null) return true
    this.#request(best.serverId, best.associations)
    return false
  }

  exchangeFailed(): void {
    switch (this.#state) {
      case 'requesting':
        // 18.2.2: another server may do better. With leases in hand T2 will find one.
        if (this.#bindings.empty) this.#restart()
        else this.#resume()
        return
      case 'confirming':
        // 18.2.3: nobody answers, so that what is known stays.
        this.#resume()
        return
      case 'declining':
        this.#afterDecline()
        return
      case 'releasing':
        this.stop()
    }
  }

  #advertise(message: ServerMessage): void {
    if (this.#state !== 'soliciting') {
      this.counters.unexpected++
      return
    }
    // 18.2.9: SOL_MAX_RT holds even if nothing is offered.
    this.#takeSolicitMaximum(message)
    this.#exchange.setMaximumTimeout(this.#solicitMaximum)
    const advertisement = advertisementFrom(message, this.#bindings.all)
    if (advertisement === null) {
      this.counters.emptyAdvertisements++
      return
    }
    const taken = this.#selection.consider(advertisement, this.#exchange.transmissions > 1)
    if (taken !== null) this.#request(taken.serverId, taken.associations)
  }

  /** RFC 8415, section 18.2.10. */
  #reply(message: ServerMessage): void {
    // 16: other servers discard what is addressed to one, so that this is no answer to it.
    if (isToOneServer(this.#message.type) && (this.#serverId === null || !sameDuid(message.serverId, this.#serverId))) {
      this.counters.wrongServer++
      return
    }
    switch (this.#state) {
      case 'soliciting':
        // 18.2.1: a Reply to a Solicit has to say that it is one.
        if (this.#identity.rapidCommit && message.options.rapidCommit) this.#leaseReply(message)
        else this.counters.unexpected++
        return
      case 'requesting':
      case 'renewing':
      case 'rebinding':
        this.#leaseReply(message)
        return
      case 'confirming':
        if (this.#message.type === MessageType.Rebind) this.#leaseReply(message)
        else this.#confirmReply(message)
        return
      case 'declining':
        // 18.2.10.3: whatever it says.
        this.#afterDecline()
        return
      case 'releasing':
        // 18.2.10.2: the same.
        this.stop()
        return
      default:
        this.counters.unexpected++
    }
  }

  /** To a Solicit with rapid commit, Request, Renew or Rebind, RFC 8415, section 18.2.10.1. */
  #leaseReply(message: ServerMessage): void {
    const { options, serverId } = message
    this.#takeSolicitMaximum(message)
    const asked = this.#message.type
    const status = options.status?.code ?? StatusCode.Success
    if (status !== StatusCode.Success) {
      this.counters.refusals++
      this.#log.warn('a DHCPv6 server refuses', { status, message: options.status?.message })
      // UnspecFail and what is unknown: the exchange goes on, at its pace.
      if (asked === MessageType.Request && status !== StatusCode.UnspecFail) this.#giveUpServer()
      else if (status === StatusCode.NoBinding && asked !== MessageType.Solicit) this.#request(serverId, null)
      return
    }
    const isNew = asked === MessageType.Request || asked === MessageType.Solicit
    const { granted, noBinding, notOnLink, gone } = this.#bindings.take(options, this.#clock.now(), isNew)
    if (noBinding + notOnLink > 0) this.counters.refusals++
    if (granted > 0) {
      this.#serverId = serverId
      this.#configuration = configurationFrom(options)
    }
    if (noBinding > 0 && !isNew) this.#request(serverId, null)
    else if (granted > 0) this.#resume()
    else if (asked === MessageType.Solicit) this.counters.emptyAdvertisements++
    else if (asked === MessageType.Request || this.#bindings.empty) this.#giveUpServer()
    else this.#schedule()
    this.#reports.expired(gone)
    if (granted > 0) this.#reports.granted(asked, this.lease)
  }

  #confirmReply({ options }: ServerMessage): void {
    const status = options.status?.code ?? StatusCode.Success
    if (status === StatusCode.Success) {
      this.#resume()
      return
    }
    this.counters.refusals++
    if (status !== StatusCode.NotOnLink) return
    // 18.2.10.1: these addresses are of another link.
    const gone = this.#bindings.clear()
    this.#solicit(0)
    this.#schedule()
    this.#reports.expired(gone)
  }

  #solicit(delay: Microseconds): void {
    this.#state = 'soliciting'
    this.#message.begin(MessageType.Solicit)
    this.#selection.clear()
    this.#exchange.start(withMaximumTimeout(SOLICIT, this.#solicitMaximum), delay, true)
  }

  /** @param advertised what to ask for; null for what is held already */
  #request(serverId: Uint8Array, advertised: IdentityAssociation[] | null): void {
    this.#state = 'requesting'
    this.#serverId = serverId
    this.#selection.clear()
    this.#message.beginRequest(advertised ?? [])
    this.#exchange.start(REQUEST)
    this.#schedule()
  }

  #renew(): void {
    // A lease that lasts until T1 is a good one. The first binding is that of the addresses, if any are wanted.
    if (this.#bindings.all[0].leases.length > 0) this.#restartDelay.reset()
    this.#state = 'renewing'
    this.#message.begin(MessageType.Renew)
    this.#exchange.start(RENEW)
  }

  #rebind(): void {
    this.#state = 'rebinding'
    this.#message.begin(MessageType.Rebind)
    this.#exchange.start(REBIND)
  }

  /** Back to holding leases; T1 or T2 that passed meanwhile fires at once. */
  #resume(): void {
    this.#exchange.stop()
    this.#state = 'bound'
    this.#schedule()
  }

  /** The server that was asked gives nothing, RFC 8415, section 18.2.10.1. */
  #giveUpServer(): void {
    this.#bindings.postpone(this.#clock.now())
    if (this.#bindings.empty) this.#restart()
    else this.#resume()
  }

  #afterDecline(): void {
    this.#declined = []
    if (this.#bindings.empty) {
      this.#restart()
      return
    }
    // What is left may be good for days: the Renew that asks for other addresses comes earlier.
    if (this.#bindings.of('IA_NA').length === 0) this.#bindings.renewBy(this.#clock.now() + this.#restartDelay.next())
    this.#resume()
  }

  /** From the beginning, and slower each time that this leads nowhere. */
  #restart(): void {
    this.#solicit(this.#restartDelay.next())
    this.#schedule()
  }

  #schedule(): void {
    const { nextExpiry, renewAt, rebindAt } = this.#bindings
    let next = nextExpiry
    if (this.#state === 'bound') next = Math.min(next, renewAt, rebindAt)
    else if (this.#state === 'renewing') next = Math.min(next, rebindAt)
    if (next === Number.POSITIVE_INFINITY || this.#state === 'stopped') this.#clock.disarm(this.#timer)
    else this.#clock.arm(this.#timer, next)
  }

  #takeSolicitMaximum({ options }: ServerMessage): void {
    this.#solicitMaximum = maximumTimeoutFrom(options.solicitMaximum, this.#solicitMaximum)
  }
}
