import type { IpAddress } from '../../address/index.ts'

/** Who takes the datagrams that come to UDP port 546. */
export interface DhcpReceiver {
  /** @param bytes the payload; belongs to the caller and is not kept */
  receiveDatagram(bytes: Uint8Array): void
}

/** What a DHCPv6 client needs of the network: one UDP socket on one interface. */
export interface DhcpTransport {
  /** Begins to hand over what arrives at UDP port 546 of the interface. */
  open(receiver: DhcpReceiver): void
  /** No datagram is handed over any more. */
  close(): void
  /**
   * Sends a datagram from a link-local address of the interface and port 546 to port 547, with hop limit 1 or more. What
   * cannot be sent is lost, and sent again in due time.
   * @param bytes at most 1,232 octets, so that it fits into the least MTU; the transport may keep them
   * @param destination always ff02::1:2
   */
  send(bytes: Uint8Array, destination: IpAddress): void
}
