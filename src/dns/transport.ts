import type { DnsServer } from './server.ts'

/**
 * What resolving needs of the network below. The stack passes it in: the resolver knows neither UDP nor TCP nor TLS. All
 * handlers are called from outside of the calls made here.
 */
export interface DnsTransport {
  /**
   * A socket at a random port (RFC 5452, section 9.2) that gets datagrams of this server only.
   * @throws an error with a code: no way to the server
   */
  datagrams(server: DnsServer, localAddress: string | null, handler: DatagramHandler): Promise<DnsDatagrams>
  /**
   * A connection to a server, encrypted and the server authenticated if it is one for TLS (RFC 7858, RFC 8310).
   * @param signal gives up
   * @throws an error with a code
   */
  stream(
    server: DnsServer,
    localAddress: string | null,
    handler: StreamHandler,
    signal: AbortSignal,
  ): Promise<DnsStream>
}

/** A socket for questions in datagrams. */
export interface DnsDatagrams {
  /** What cannot be sent is reported by `failed`, or lost. */
  send(bytes: Buffer): void
  close(): void
}

/** Who hears what comes in answer to datagrams. */
export interface DatagramHandler {
  /** `bytes` is valid only during the call. */
  datagram(bytes: Buffer): void
  /** Nobody is there, or no way leads there. */
  failed(): void
}

/** A connection for questions, over TCP or TLS. */
export interface DnsStream {
  write(bytes: Buffer): void
  /** Ends it; the handler is not called again. */
  close(): void
}

/** Who hears what comes over a connection for questions. */
export interface StreamHandler {
  /** `bytes` is valid only during the call. */
  data(bytes: Buffer): void
  /** It has ended, in whatever way. */
  ended(): void
}
