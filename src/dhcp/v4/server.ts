/**
 * A DHCPv4 server small enough for tests and simulated networks: RFC 2131, section 4.3, with one pool of addresses on one link.
 * It keeps its leases in memory and does not ask the link whether an address is free; clients do.
 */

import { IpAddress, type IpPrefix, MacAddress } from '../../address/index.ts'
import type { Clock } from '../../clock/index.ts'
import { integerInRange } from '../../errors/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { type Udp, UdpBinding } from '../../udp/index.ts'
import { AddressPool } from './address-pool.ts'
import { buildMessage, LEAST_MAXIMUM_MESSAGE } from './build-message.ts'
import { CLIENT_PORT, FOREVER, MessageType, Operation, SERVER_PORT } from './codes.ts'
import { type Message, type MessageOptions, newMessage } from './message.ts'
import { parseMessage } from './parse-message.ts'

/** IPv4 and UDP. */
const HEADERS = 28

/** What it tells its clients besides an address. */
export type Dhcpv4ServerConfiguration = Partial<
  Pick<
    MessageOptions,
    | 'routers'
    | 'dnsServers'
    | 'ntpServers'
    | 'domainName'
    | 'domainSearch'
    | 'mtu'
    | 'broadcastAddress'
    | 'staticRoutes'
    | 'classlessRoutes'
    | 'renewAfter'
    | 'rebindAfter'
    | 'ipv6OnlyWait'
    | 'others'
  >
>

/** What `new Dhcpv4Server` takes. */
export interface Dhcpv4ServerOptions {
  ipv4: Ipv4
  udp: Udp
  clock: Clock
  /** The address of ours that it answers from, and the network of its clients. */
  address: IpPrefix
  /** The addresses that it gives, both ends among them; 1 to 65,536. */
  pool: readonly [first: IpAddress, last: IpAddress]
  /** Seconds, 1 to 2^32 - 2, or `Infinity`; default 3,600. */
  leaseTime?: number
  configuration?: Dhcpv4ServerConfiguration
  /** Gives leases at once to who asks for that, RFC 4039; default false. */
  rapidCommit?: boolean
  /** Answers, also with a refusal, for addresses that it knows nothing of; default true. Several servers on a link are not. */
  authoritative?: boolean
  log?: Log
}

export interface Dhcpv4ServerCounters {
  received: number
  /** Malformed, or not of a client. */
  malformed: number
  offers: number
  acknowledgments: number
  refusals: number
  declines: number
  releases: number
  /** Discoveries that found no free address. */
  exhausted: number
}

/** A DHCPv4 server (RFC 2131) for tests and simulated networks. */
export class Dhcpv4Server {
  readonly counters: Dhcpv4ServerCounters = {
    received: 0,
    malformed: 0,
    offers: 0,
    acknowledgments: 0,
    refusals: 0,
    declines: 0,
    releases: 0,
    exhausted: 0,
  }
  readonly #options: Dhcpv4ServerOptions
  readonly #serverId: IpAddress
  readonly #pool: AddressPool
  readonly #leaseTime: number
  readonly #isAuthoritative: boolean
  readonly #log: Log
  #binding: UdpBinding | null = null

  /** @throws RangeError for an option out of range */
  constructor(options: Dhcpv4ServerOptions) {
    const { leaseTime = 3600 } = options
    if (leaseTime !== Number.POSITIVE_INFINITY) integerInRange('leaseTime', leaseTime, 1, FOREVER - 1)
    this.#options = options
    this.#serverId = options.address.address
    this.#pool = new AddressPool(options.clock, ...options.pool)
    this.#leaseTime = leaseTime
    this.#isAuthoritative = options.authoritative ?? true
    this.#log = options.log ?? SILENT
  }

  /** Whether it answers. */
  get isRunning(): boolean {
    return this.#binding !== null
  }

  /** @throws Error if somebody else has port 67 */
  start(): void {
    if (this.#binding !== null) return
    const receiver = { datagram: (packet: PacketBuffer) => this.#datagram(packet), error: () => {} }
    const bound = this.#options.udp.bind(receiver, { port: SERVER_PORT, broadcast: true })
    if (!(bound instanceof UdpBinding)) throw new Error(`UDP port ${SERVER_PORT}, which a DHCP server needs: ${bound}`)
    this.#binding = bound
  }

  /** Leases stay known for the next start. */
  stop(): void {
    this.#binding?.close()
    this.#binding = null
  }

  #datagram(packet: PacketBuffer): void {
    this.counters.received++
    const message = parseMessage(packet.memory.bytes.slice(packet.payload, packet.payloadEnd))
    if (message === null || message.operation !== Operation.Request) {
      this.counters.malformed++
      return
    }
    const client = clientOf(message)
    switch (message.options.type) {
      case MessageType.Discover:
        this.#discover(message, client)
        break
      case MessageType.Request:
        this.#request(message, client)
        break
      case MessageType.Decline:
        if (this.#isForUs(message)) this.#decline(message, client)
        break
      case MessageType.Release:
        if (this.#isForUs(message)) this.#release(message, client)
        break
      case MessageType.Inform:
        // RFC 2131, section 4.3.5: neither an address nor a time.
        this.#reply(message, MessageType.Ack, IpAddress.ANY_V4, this.#options.configuration ?? {})
        break
      default:
        this.counters.malformed++
    }
  }

  #isForUs({ options }: Message): boolean {
    return options.serverId?.equals(this.#serverId) === true
  }

  #discover(message: Message, client: string): void {
    const address = this.#pool.offer(client, message.options.requestedAddress)
    if (address === null) {
      this.counters.exhausted++
      return
    }
    if (this.#options.rapidCommit === true && message.options.rapidCommit) {
      this.#give(message, client, address)
      return
    }
    this.counters.offers++
    this.#reply(message, MessageType.Offer, address, this.#leaseOptions())
  }

  /** RFC 2131, section 4.3.2. */
  #request(message: Message, client: string): void {
    const { serverId, requestedAddress } = message.options
    const address = requestedAddress ?? message.clientAddress
    if (serverId !== null) {
      if (!this.#isForUs(message)) {
        // Another one was chosen.
        if (!this.#pool.isLeased(client)) this.#pool.release(client)
      } else if (this.#pool.of(client)?.equals(address)) this.#give(message, client, address)
      else this.#refuse(message, 'that address was not offered')
      return
    }
    const known = this.#pool.of(client)
    if (known?.equals(address)) this.#give(message, client, address)
    else if (!this.#options.address.contains(address)) this.#refuse(message, 'that address is of another network')
    else if (known !== null) this.#refuse(message, 'another address belongs to this client')
    else if (!this.#isAuthoritative) return
    else if (this.#pool.isFreeFor(client, address)) this.#give(message, client, address)
    else this.#refuse(message, 'that address is not to be had')
  }

  #give(message: Message, client: string, address: IpAddress): void {
    this.#pool.lease(client, address, this.#leaseTime)
    this.counters.acknowledgments++
    const options = this.#leaseOptions()
    const isCommit = message.options.type === MessageType.Discover
    this.#reply(message, MessageType.Ack, address, isCommit ? { ...options, rapidCommit: true } : options)
    this.#log.info('gives an address', { address: address.toString(), mac: message.hardwareAddress.toString() })
  }

  #refuse(message: Message, text: string): void {
    this.counters.refusals++
    this.#reply(message, MessageType.Nak, IpAddress.ANY_V4, { message: text })
  }

  #decline(message: Message, client: string): void {
    this.counters.declines++
    this.#pool.decline(client)
    const address = message.options.requestedAddress?.toString()
    this.#log.warn('an address is in use by another host', { address, mac: message.hardwareAddress.toString() })
  }

  #release(message: Message, client: string): void {
    this.counters.releases++
    this.#pool.release(client)
    this.#log.info('an address was given back', { address: message.clientAddress.toString() })
  }

  #leaseOptions(): Partial<MessageOptions> {
    return {
      leaseTime: this.#leaseTime === Number.POSITIVE_INFINITY ? FOREVER : this.#leaseTime,
      prefixLength: this.#options.address.length,
      ...this.#options.configuration,
    }
  }

  /** To where RFC 2131, section 4.1 says. */
  #reply(request: Message, type: MessageType, yourAddress: IpAddress, options: Partial<MessageOptions>): void {
    const { ipv4 } = this.#options
    const { transactionId, hardwareAddress, relayAddress, clientAddress, broadcast } = request
    const isRefusal = type === MessageType.Nak
    const reply = newMessage(
      {
        operation: Operation.Reply,
        transactionId,
        hardwareAddress,
        relayAddress,
        yourAddress,
        clientAddress: isRefusal ? IpAddress.ANY_V4 : clientAddress,
        // RFC 2131, section 4.3.2: who has a wrong address would not hear unicast behind a relay agent.
        broadcast: broadcast || (isRefusal && !relayAddress.isUnspecified),
      },
      // RFC 6842: the client's identifier comes back.
      { ...options, type, serverId: this.#serverId, clientId: request.options.clientId },
    )
    const mostOfAll = Math.max(LEAST_MAXIMUM_MESSAGE, (request.options.maximumSize ?? 0) - HEADERS)
    const bytes = buildMessage(reply, Math.min(mostOfAll, ipv4.mtu - HEADERS))
    if (!relayAddress.isUnspecified) {
      this.#binding?.send(bytes, relayAddress, SERVER_PORT, this.#serverId)
    } else if (!isRefusal && !clientAddress.isUnspecified) {
      this.#binding?.send(bytes, clientAddress, CLIENT_PORT, this.#serverId)
    } else {
      const toAll = isRefusal || broadcast || yourAddress.isUnspecified
      const path = ipv4.linkPath(
        this.#serverId,
        toAll ? IpAddress.BROADCAST_V4 : yourAddress,
        toAll ? MacAddress.BROADCAST : hardwareAddress,
      )
      this.#binding?.sendOver(path, CLIENT_PORT, bytes)
    }
    ipv4.flush()
  }
}

/** RFC 2131, section 4.2: by its identifier, else by its hardware address. */
function clientOf({ options, hardwareAddress }: Message): string {
  return options.clientId === null ? hardwareAddress.toString() : Buffer.from(options.clientId).toString('hex')
}
