import type { IpAddress } from '../../address/index.ts'

/** Who takes the datagrams that come to UDP port 68. */
export interface Dhcpv4Receiver {
  /** @param bytes the payload; belongs to the caller and is not kept */
  receiveDatagram(bytes: Uint8Array): void
}

/** What a DHCPv4 client needs of the network: UDP port 68 on one interface. */
export interface Dhcpv4Transport {
  /** Largest message that passes in one packet, without the headers below it. */
  readonly maximumMessage: number
  /** Begins to hand over what arrives at port 68, also to addresses that are not ours yet. */
  open(receiver: Dhcpv4Receiver): void
  /** No datagram is handed over any more. */
  close(): void
  /** Sends from 0.0.0.0 to everybody on the link. What cannot be sent is lost, and sent again in due time. */
  broadcast(message: Uint8Array): void
  /** Sends from an address of ours, by the routing table; to 255.255.255.255 as well. */
  send(message: Uint8Array, source: IpAddress, destination: IpAddress): void
}

/** Who finds out whether an address is free before it is used, RFC 5227. */
export interface AddressProber {
  /**
   * Asks, and tells later, never from inside this call. One at a time.
   * @param duration of the lease, seconds: what takes longer than that is of no use
   */
  probe(address: IpAddress, duration: number, answered: (isFree: boolean) => void): void
  cancel(): void
}
