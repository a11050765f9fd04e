/** Configuration without leases (stateless DHCPv6), RFC 8415, sections 6.1 and 18.2.6. */

import { type Clock, type Microseconds, type Random, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import { TransmitLimit } from '../transmit-limit.ts'
import { buildMessage } from './build-message.ts'
import { ALL_RELAY_AGENTS_AND_SERVERS, INFINITE_SECONDS, MessageType, OptionCode, StatusCode } from './codes.ts'
import { configurationFrom, type Dhcpv6Configuration } from './configuration.ts'
import { type Dhcpv6Counters, newDhcpv6Counters } from './counters.ts'
import { isDuid } from './duid.ts'
import { Exchange, type ExchangeOwner } from './exchange.ts'
import {
  DEFAULT_REFRESH,
  INFORMATION_REQUEST,
  LEAST_REFRESH,
  maximumTimeoutFrom,
  withMaximumTimeout,
} from './parameters.ts'
import type { DhcpReceiver, DhcpTransport } from './transport.ts'
import { receiveServerMessage } from './validate-message.ts'

export interface Dhcpv6InformationClientOptions {
  transport: DhcpTransport
  clock: Clock
  random: Random
  /** As `ownDuid` gives it. */
  duid: Uint8Array
  /** Hears of every answer, also when it says the same as the last one. */
  configured(configuration: Dhcpv6Configuration): void
  /** To count in; default its own. */
  counters?: Dhcpv6Counters | undefined
  log?: Log | undefined
}

/** INF_MAX_RT and refresh times have to be among what is asked for, RFC 8415, section 21.7. */
const REQUESTED_OPTIONS: number[] = [
  OptionCode.DnsServers,
  OptionCode.DomainSearch,
  OptionCode.NtpServer,
  OptionCode.InformationRefreshTime,
  OptionCode.InformationMaximum,
]

/** Asks for name servers and the like, and again when the answer is old. */
export class Dhcpv6InformationClient implements DhcpReceiver, ExchangeOwner, TimerHandler {
  readonly counters: Dhcpv6Counters
  /** The last answer; null before the first, and after `stop`. */
  configuration: Dhcpv6Configuration | null = null
  readonly #options: Dhcpv6InformationClientOptions
  readonly #log: Log
  readonly #exchange: Exchange
  readonly #refreshTimer = new Timer(this)
  #running = false
  /** INF_MAX_RT. */
  #maximumTimeout = INFORMATION_REQUEST.maximumTimeout

  /** @throws RangeError for a DUID that cannot be */
  constructor(options: Dhcpv6InformationClientOptions) {
    if (!isDuid(options.duid)) throw new RangeError(`a DUID has 3 to 130 octets, not ${options.duid.length}`)
    this.#options = options
    this.counters = options.counters ?? newDhcpv6Counters()
    this.#log = options.log ?? SILENT
    const { clock, random } = options
    this.#exchange = new Exchange(clock, random, new TransmitLimit(clock), this.counters, this)
  }

  /** Asks, after a random delay of up to a second. Nothing happens if it runs already. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#options.transport.open(this)
    this.#ask()
  }

  /** Ends at once, and forgets what was told. */
  stop(): void {
    if (!this.#running) return
    this.#running = false
    this.configuration = null
    this.#exchange.stop()
    this.#options.clock.disarm(this.#refreshTimer)
    this.#options.transport.close()
  }

  /** The interface may be on another link now: what was told may not hold there (RFC 8415, section 18.2.12). */
  linkChanged(): void {
    if (this.#running) this.#ask()
  }

  /** The refresh time has passed, RFC 8415, section 21.23. */
  onTimer(): void {
    this.#ask()
  }

  receiveDatagram(bytes: Uint8Array): void {
    if (!this.#running) return
    const message = receiveServerMessage(bytes, this.#options.duid, this.#exchange.transactionId, this.counters)
    if (message === null) return
    if (message.type !== MessageType.Reply || this.#exchange.transmissions === 0) {
      this.counters.unexpected++
      return
    }
    const { options } = message
    this.#maximumTimeout = maximumTimeoutFrom(options.informationMaximum, this.#maximumTimeout)
    if (options.status !== null && options.status.code !== StatusCode.Success) {
      // 18.2.10.4: nothing is taken from it, and asking goes on.
      this.counters.refusals++
      this.#exchange.setMaximumTimeout(this.#maximumTimeout)
      return
    }
    this.#exchange.stop()
    const refresh = refreshTime(options.informationRefreshTime)
    const { clock } = this.#options
    if (refresh !== Number.POSITIVE_INFINITY) clock.arm(this.#refreshTimer, clock.now() + refresh)
    this.configuration = configurationFrom(options)
    this.#log.info('is configured by DHCPv6', {
      dnsServers: this.configuration.dnsServers.map(String),
      domainSearch: this.configuration.domainSearch,
    })
    this.#options.configured(this.configuration)
  }

  transmit(elapsed: number): void {
    const options = { clientId: this.#options.duid, optionRequest: REQUESTED_OPTIONS, elapsedTime: elapsed }
    const bytes = buildMessage(MessageType.InformationRequest, this.#exchange.transactionId, options)
    this.#options.transport.send(bytes, ALL_RELAY_AGENTS_AND_SERVERS)
  }

  mayRetransmit(): boolean {
    return true
  }

  /** An Information-request is repeated without end: this is not called. */
  exchangeFailed(): void {}

  #ask(): void {
    this.#options.clock.disarm(this.#refreshTimer)
    this.#exchange.start(withMaximumTimeout(INFORMATION_REQUEST, this.#maximumTimeout))
  }
}

function refreshTime(seconds: number | null): Microseconds {
  if (seconds === null) return DEFAULT_REFRESH
  if (seconds === INFINITE_SECONDS) return Number.POSITIVE_INFINITY
  return Math.max(seconds * SECOND, LEAST_REFRESH)
}
