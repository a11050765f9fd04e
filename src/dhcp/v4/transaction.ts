import type { IpAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import { TransmitLimit } from '../transmit-limit.ts'
import { type ClientProfile, clientMessage, type MessageContent } from './client-messages.ts'
import { MessageType } from './codes.ts'
import type { Dhcpv4Counters } from './counters.ts'
import type { Dhcpv4Transport } from './transport.ts'

/** The most that the field secs holds, RFC 2131, section 2. */
const LONGEST_ELAPSED = 0xffff

/** What a client says to servers until it is answered, under one number: RFC 2131, sections 2 and 4.1. */
export class Transaction {
  /** The field xid; -1 while nothing is asked. */
  id = -1
  /** So many times a message was sent; also those count that the rate did not let out. */
  transmissions = 0
  /** When the client began to look for an address, or for more time. */
  since: Microseconds = 0
  /** When it was asked first for what a server may give, from where on a lease counts (RFC 2131, section 4.4.1). */
  requestedAt: Microseconds = 0
  /** The field secs of the last DHCPDISCOVER, which the request repeats (RFC 2131, section 3.1, 3). */
  #seconds = 0
  profile: ClientProfile
  readonly #transport: Dhcpv4Transport
  readonly #clock: Clock
  readonly #random: Random
  readonly #counters: Dhcpv4Counters
  readonly #limit: TransmitLimit

  constructor(
    transport: Dhcpv4Transport,
    clock: Clock,
    random: Random,
    counters: Dhcpv4Counters,
    profile: ClientProfile,
  ) {
    this.#transport = transport
    this.#clock = clock
    this.#random = random
    this.#counters = counters
    this.profile = profile
    this.#limit = new TransmitLimit(clock)
  }

  begin(): void {
    this.id = this.#random.int32() >>> 0
    this.transmissions = 0
    this.#seconds = 0
  }

  /** Answers are of no interest any more. */
  end(): void {
    this.id = -1
  }

  /** The field secs: whole seconds since the search began. */
  get elapsed(): number {
    return Math.min(Math.floor((this.#clock.now() - this.since) / SECOND), LONGEST_ELAPSED)
  }

  /** DHCPDISCOVER. @param requestedAddress what is wished for */
  discover(requestedAddress: IpAddress | null): void {
    this.requestedAt = this.#clock.now()
    this.#seconds = this.elapsed
    this.#broadcast(MessageType.Discover, { seconds: this.#seconds, requestedAddress })
  }

  /** DHCPREQUEST, RFC 2131, section 4.3.2. @param serverId whose offer is taken; null for an address that we had */
  request(requestedAddress: IpAddress, serverId: IpAddress | null): void {
    if (this.transmissions === 0) this.requestedAt = this.#clock.now()
    const content = { seconds: this.#seconds, requestedAddress, serverId: serverId ?? undefined }
    this.#broadcast(MessageType.Request, content)
  }

  /** DHCPDECLINE, RFC 2131, section 4.4.4: sent once, because nobody answers it. */
  decline(requestedAddress: IpAddress, serverId: IpAddress): void {
    this.#broadcast(MessageType.Decline, { seconds: 0, requestedAddress, serverId })
  }

  #broadcast(type: MessageType, content: Omit<MessageContent, 'transactionId'>): void {
    const bytes = this.#build(type, content)
    if (this.#mayTransmit()) this.#transport.broadcast(bytes)
  }

  /** DHCPREQUEST for more time with an address that we have, RFC 2131, section 4.4.5. */
  prolong(address: IpAddress, server: IpAddress): void {
    this.requestedAt = this.#clock.now()
    const bytes = this.#build(MessageType.Request, { clientAddress: address, seconds: this.elapsed })
    if (this.#mayTransmit()) this.#transport.send(bytes, address, server)
  }

  /** DHCPRELEASE, RFC 2131, section 4.4.6: sent whatever was sent before, since nothing follows. */
  release(address: IpAddress, server: IpAddress): void {
    const content = { clientAddress: address, serverId: server, seconds: 0 }
    this.#transport.send(this.#build(MessageType.Release, content), address, server)
    this.#counters.sent++
  }

  #build(type: MessageType, content: Omit<MessageContent, 'transactionId'>): Uint8Array {
    return clientMessage(type, this.profile, { ...content, transactionId: this.id })
  }

  /** Counts a transmission. @returns false if there are too many, whatever servers do */
  #mayTransmit(): boolean {
    if (this.transmissions > 0) this.#counters.retransmitted++
    this.transmissions++
    if (this.#limit.take() > 0) {
      this.#counters.rateLimited++
      return false
    }
    this.#counters.sent++
    return true
  }
}
