/** A DHCPv4 client whose network is in the test's hand: what it sends is kept, answers are made by hand. */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { type Microseconds, SeededRandom } from '../../src/clock/index.ts'
import { buildMessage } from '../../src/dhcp/v4/build-message.ts'
import { Dhcpv4Client } from '../../src/dhcp/v4/client.ts'
import type { Dhcpv4ClientOptions, Dhcpv4Events } from '../../src/dhcp/v4/client-interface.ts'
import { MessageType, Operation } from '../../src/dhcp/v4/codes.ts'
import type { Dhcpv4Lease } from '../../src/dhcp/v4/lease.ts'
import { type Message, type MessageOptions, newMessage } from '../../src/dhcp/v4/message.ts'
import { parseMessage } from '../../src/dhcp/v4/parse-message.ts'
import type { AddressProber, Dhcpv4Receiver, Dhcpv4Transport } from '../../src/dhcp/v4/transport.ts'
import { LeapingClock } from './leaping-clock.ts'

export const CLIENT_MAC = MacAddress.parse('02:00:00:00:00:02')

/** A message of the client, and which way it went. */
export interface Sent {
  at: Microseconds
  source: string
  destination: string
  message: Message
}

const NAMES = ['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform']

export class Dhcpv4Exchange implements Dhcpv4Transport, AddressProber {
  readonly maximumMessage = 1472
  readonly clock = new LeapingClock()
  readonly client: Dhcpv4Client
  /** `bound 10.0.0.50/24`, `expired 10.0.0.50/24 refused`, ... */
  readonly events: string[] = []
  readonly sent: Sent[] = []
  receiver: Dhcpv4Receiver | null = null
  /** Of the prober, while it asks. */
  asked: IpAddress | null = null
  onEvent: ((event: string) => void) | null = null
  #answer: ((isFree: boolean) => void) | null = null

  /** @param probes whether addresses are probed; then `answerProbe` says how that ends */
  constructor(options: Partial<Dhcpv4ClientOptions> & { seed?: number; probes?: boolean } = {}) {
    const tell = (event: string) => {
      this.events.push(event)
      this.onEvent?.(event)
    }
    const events: Dhcpv4Events = {
      bound: (lease: Dhcpv4Lease) => tell(`bound ${lease.address}`),
      renewed: (lease) => tell(`renewed ${lease.address}`),
      rebound: (lease) => tell(`rebound ${lease.address}`),
      expired: (lease, reason) => tell(`expired ${lease.address} ${reason}`),
      declined: (address) => tell(`declined ${address}`),
      unanswered: (may) => tell(`unanswered ${may}`),
    }
    const { seed = 1, probes = false, ...rest } = options
    this.client = new Dhcpv4Client({
      transport: this,
      clock: this.clock,
      random: new SeededRandom(seed),
      mac: CLIENT_MAC,
      events,
      prober: probes ? this : null,
      ...rest,
    })
  }

  /** As text: `discover`, `request`. */
  get kinds(): string[] {
    return this.sent.map(({ message }) => NAMES[message.options.type ?? 0])
  }

  /** The last message of the client. */
  get last(): Sent {
    return this.sent.at(-1)!
  }

  /** Takes what was sent since the last time, as kinds. */
  take(): string[] {
    const { kinds } = this
    this.sent.length = 0
    return kinds
  }

  /** Lets time pass. @returns the kinds of what was sent meanwhile */
  advance(duration: Microseconds): string[] {
    const before = this.sent.length
    this.clock.advance(duration)
    return this.kinds.slice(before)
  }

  /** A server answers the client's last message. */
  answer(type: number, options: Partial<MessageOptions> = {}, fields: Partial<Message> = {}): void {
    const { message } = this.last
    const isRefusal = type === MessageType.Nak
    const answer = newMessage(
      {
        operation: Operation.Reply,
        transactionId: message.transactionId,
        hardwareAddress: CLIENT_MAC,
        yourAddress: isRefusal ? IpAddress.ANY_V4 : IpAddress.parse('10.0.0.50'),
        ...fields,
      },
      {
        type,
        serverId: IpAddress.parse('10.0.0.1'),
        ...(isRefusal ? {} : { leaseTime: 3600, prefixLength: 24 }),
        ...options,
      },
    )
    this.receiver?.receiveDatagram(buildMessage(answer, 1472))
  }

  offer(options: Partial<MessageOptions> = {}, fields: Partial<Message> = {}): void {
    this.answer(MessageType.Offer, options, fields)
  }

  acknowledge(options: Partial<MessageOptions> = {}, fields: Partial<Message> = {}): void {
    this.answer(MessageType.Ack, options, fields)
  }

  refuse(options: Partial<MessageOptions> = {}): void {
    this.answer(MessageType.Nak, options)
  }

  /** From the beginning to an address, without probing. */
  bind(options: Partial<MessageOptions> = {}, fields: Partial<Message> = {}): void {
    this.client.start()
    this.offer(options, fields)
    this.advance(200_000)
    this.acknowledge(options, fields)
    this.take()
  }

  answerProbe(isFree: boolean): void {
    const answer = this.#answer
    this.#answer = null
    this.asked = null
    answer?.(isFree)
  }

  // --- what the client uses -------------------------------------------------------------------------------------

  open(receiver: Dhcpv4Receiver): void {
    this.receiver = receiver
  }

  close(): void {
    this.receiver = null
  }

  broadcast(bytes: Uint8Array): void {
    this.send(bytes, IpAddress.ANY_V4, IpAddress.BROADCAST_V4)
  }

  send(bytes: Uint8Array, source: IpAddress, destination: IpAddress): void {
    const message = parseMessage(bytes)
    if (message === null || message.ignoredOptions > 0) throw new Error('the client sent what cannot be read')
    this.sent.push({ at: this.clock.now(), source: `${source}`, destination: `${destination}`, message })
  }

  probe(address: IpAddress, _duration: number, answered: (isFree: boolean) => void): void {
    this.asked = address
    this.#answer = answered
  }

  cancel(): void {
    this.#answer = null
    this.asked = null
  }
}
