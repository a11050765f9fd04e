import type { IpAddress } from '../../address/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { Udp, UdpBinding, UdpReceiver } from '../../udp/index.ts'
import { CLIENT_PORT, SERVER_PORT } from './codes.ts'
import type { Dhcpv6Counters } from './counters.ts'
import type { DhcpReceiver, DhcpTransport } from './transport.ts'

export interface UdpDhcpTransportOptions {
  udp: Udp
  /** The link-local address of the interface as of now; null while there is none. */
  linkLocal(): IpAddress | null
  /** `unsent` is counted in. */
  counters?: Pick<Dhcpv6Counters, 'unsent'> | undefined
  log?: Log | undefined
}

/**
 * DHCPv6 over UDP, RFC 8415, sections 5 and 7.2. Bound to the link-local address, so that nothing from beyond the link, which
 * no router would carry there, is ever taken for a server's answer.
 */
export class UdpDhcpTransport implements DhcpTransport, UdpReceiver {
  readonly counters: Pick<Dhcpv6Counters, 'unsent'>
  readonly #options: UdpDhcpTransportOptions
  readonly #log: Log
  #receiver: DhcpReceiver | null = null
  #binding: UdpBinding | null = null
  /** Why the last message was not sent; said once in the log, until one is. */
  #failure: string | null = null

  constructor(options: UdpDhcpTransportOptions) {
    this.#options = options
    this.counters = options.counters ?? { unsent: 0 }
    this.#log = options.log ?? SILENT
  }

  open(receiver: DhcpReceiver): void {
    this.#receiver = receiver
    this.#bind()
  }

  close(): void {
    this.#receiver = null
    this.#binding?.close()
    this.#binding = null
  }

  send(bytes: Uint8Array, destination: IpAddress): void {
    // Answers may have to come to another address than before: a duplicate was replaced.
    const binding = this.#bind()
    const failure = typeof binding === 'string' ? binding : binding.send(bytes, destination, SERVER_PORT)
    if (failure === null) this.#options.udp.flush()
    else this.counters.unsent++
    if (failure !== null && failure !== this.#failure) {
      this.#log.warn('cannot send to DHCPv6 servers', { reason: failure, port: CLIENT_PORT })
    }
    this.#failure = failure
  }

  /** For UDP only. */
  datagram(packet: PacketBuffer): void {
    this.#receiver?.receiveDatagram(packet.memory.bytes.subarray(packet.payload, packet.payloadEnd))
  }

  /** Never called: the binding is not connected. */
  error(): void {}

  #bind(): UdpBinding | string {
    const address = this.#options.linkLocal()
    if (this.#binding !== null && address !== null && this.#binding.address?.equals(address)) return this.#binding
    this.#binding?.close()
    this.#binding = null
    if (address === null) return 'no link-local address'
    const bound = this.#options.udp.bind(this, { address, port: CLIENT_PORT })
    if (typeof bound !== 'string') this.#binding = bound
    return bound
  }
}
