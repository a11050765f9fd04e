import { IpAddress, MacAddress } from '../../address/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { type Udp, UdpBinding } from '../../udp/index.ts'
import { CLIENT_PORT, SERVER_PORT } from './codes.ts'
import type { Dhcpv4Receiver, Dhcpv4Transport } from './transport.ts'

/** IPv4 and UDP. */
const HEADERS = 28

/**
 * A DHCPv4 client's messages over our own IPv4 and UDP, before there is an address and after: RFC 2131, section 4.1. Only while
 * it is open, and only at port 68, datagrams to addresses that are not ours are taken.
 */
export class UdpDhcpv4Transport implements Dhcpv4Transport {
  readonly maximumMessage: number
  readonly #ipv4: Ipv4
  readonly #udp: Udp
  /** Hands out what was sent, unless a burst is under way, whose end does. */
  readonly #flush: () => void
  #binding: UdpBinding | null = null

  /** @param flush called after each message */
  constructor(ipv4: Ipv4, udp: Udp, flush: () => void = () => ipv4.flush()) {
    this.#ipv4 = ipv4
    this.#udp = udp
    this.#flush = flush
    this.maximumMessage = ipv4.mtu - HEADERS
  }

  /** @throws Error if somebody else has port 68 */
  open(receiver: Dhcpv4Receiver): void {
    const bound = this.#udp.bind(
      {
        datagram(packet: PacketBuffer, remotePort: number): void {
          if (remotePort !== SERVER_PORT) return
          receiver.receiveDatagram(packet.memory.bytes.slice(packet.payload, packet.payloadEnd))
        },
        error(): void {},
      },
      { port: CLIENT_PORT, broadcast: true },
    )
    if (!(bound instanceof UdpBinding)) throw new Error(`UDP port ${CLIENT_PORT}, which DHCP needs: ${bound}`)
    this.#binding = bound
    bound.takesForeign = true
    this.#ipv4.setForeignReceiver(this.#udp)
  }

  close(): void {
    this.#binding?.close()
    this.#binding = null
    this.#ipv4.setForeignReceiver(null)
  }

  broadcast(message: Uint8Array): void {
    const path = this.#ipv4.linkPath(IpAddress.ANY_V4, IpAddress.BROADCAST_V4, MacAddress.BROADCAST)
    this.#binding?.sendOver(path, SERVER_PORT, message)
    this.#flush()
  }

  send(message: Uint8Array, source: IpAddress, destination: IpAddress): void {
    this.#binding?.send(message, destination, SERVER_PORT, source)
    this.#flush()
  }
}
