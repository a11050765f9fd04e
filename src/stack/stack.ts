import type { Duplex } from 'node:stream'
import type { IpPrefix } from '../address/index.ts'
import type { DnsModule } from '../dns/index.ts'
import type { CongestionControlName, TcpInfo } from '../tcp/index.ts'
import type { NetworkConfiguration } from './network-configuration.ts'
import type { NodeModuleSet } from './node-modules.ts'

/** One end of a connection or of a datagram, as text and number. */
export interface Endpoint {
  /** Link-local addresses of IPv6 name their interface, `fe80::1%tap0`; where an address is asked for they need not. */
  readonly address: string
  /** 0 to 65,535. */
  readonly port: number
}

/**
 * A TCP connection. Data is read either by pulling (`read`, `for await`, `readable`) or by a data handler
 * (`onData`), not both.
 *
 * Errors carry Node's codes: ECONNRESET, ETIMEDOUT, EPIPE, ECONNABORTED, EHOSTUNREACH, ENETUNREACH.
 */
export interface Flow extends AsyncIterable<Buffer>, AsyncDisposable {
  readonly local: Endpoint
  readonly remote: Endpoint
  /**
   * The next bytes, as many as are there (up to 256 KiB); they are the caller's own. Null at the end of the stream.
   * @throws SystemError when the connection failed (data that had arrived in order is delivered before); EBUSY while
   *   another read waits, or when `onData` or `toDuplex` reads
   */
  read(): Promise<Buffer | null>
  /**
   * Sends bytes. They are kept by reference until acknowledged and must not be changed. Resolves when the send buffer
   * has room for more, so that awaiting each write respects back-pressure.
   * @throws SystemError EPIPE after `shutdown('write')`, or what ended the connection
   */
  write(data: Uint8Array | string): Promise<void>
  /** Several chunks as one write. */
  writev(chunks: readonly Uint8Array[]): Promise<void>
  /**
   * Sends `size` bytes that `fill` writes in place: `fill` gets a view of exactly `size` bytes, valid during the call.
   * @param size 1 to 65,536
   * @throws RangeError for the size and whatever `fill` throws, both from the call itself; otherwise as `write`
   */
  writeInto(size: number, fill: (view: Uint8Array) => void): Promise<void>
  /**
   * Delivers data by callback, without a copy where the stack can: `view` is valid only during the call. `end` runs
   * at the end of the stream. Errors reject `closed`. What `data` throws resets the connection.
   * @throws SystemError EBUSY if somebody reads already
   */
  onData(data: (view: Uint8Array) => void, end?: () => void): void
  /** Stops (and later resumes) delivery by `onData`; the peer is slowed down by the receive window. */
  pause(): void
  resume(): void
  /**
   * `write` sends FIN after all that was written, and resolves as soon as that is queued; `read` discards what arrives
   * from now on.
   */
  shutdown(direction: 'read' | 'write' | 'both'): Promise<void>
  /**
   * Sends FIN, discards what still arrives, resolves when the peer has acknowledged everything or the flow failed.
   * @throws RangeError for `linger`
   */
  close(options?: CloseOptions): Promise<void>
  /** Resets the connection at once. */
  abort(): void
  /** Resolves when both directions have ended, rejects with what ended them otherwise. Never an unhandled rejection. */
  readonly closed: Promise<void>
  /** True turns Nagle's algorithm off (RFC 9293, 3.7.4). */
  setNoDelay(on: boolean): void
  /**
   * @param initialDelay seconds of silence before the first probe, 1 to 32,767; default the stack's, two hours
   * @throws RangeError for the delay
   */
  setKeepAlive(on: boolean, initialDelay?: number): void
  /**
   * What is known about the connection now, with the names and units of Linux's TCP_INFO; also after it has ended.
   * @throws SystemError ENOTSUP on the socket stack: Node has no way to ask the operating system
   */
  info(): TcpInfo
  /** Web Streams over the same flow. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly writable: WritableStream<Uint8Array>
  /**
   * The flow as a Node stream with the surface of a `net.Socket` (`FlowSocket`), for `http`, its agents and other libraries.
   * Takes over the flow.
   * @throws SystemError EBUSY if `onData` reads, or reading was ended
   */
  toDuplex(): Duplex
}

/** What `toDuplex()` and `socket()` have of a `net.Socket` beyond a Duplex, with the meaning that Node documents. */
export interface FlowSocket extends Duplex {
  /**
   * `(port, host)` or `({ port, host, localAddress, localPort, noDelay, keepAlive })`, each with a callback
   * for 'connect'. What goes wrong is emitted as 'error'.
   * @throws TypeError or RangeError for a port that is none; SystemError EISCONN, ENOTSUP (a path) where it is a flow
   */
  connect(port: number, host?: string, callback?: () => void): this
  connect(port: number, callback?: () => void): this
  connect(options: SocketConnectOptions, callback?: () => void): this
  readonly connecting: boolean
  readonly pending: boolean
  readonly readyState: string
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly remoteFamily?: string | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly localFamily?: string | undefined
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly timeout?: number | undefined
  address(): object
  setNoDelay(on?: boolean): this
  /** @param initialDelay milliseconds */
  setKeepAlive(on?: boolean, initialDelay?: number): this
  /** Emits 'timeout' after so many milliseconds without traffic; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this
  ref(): this
  unref(): this
  destroySoon(): void
  resetAndDestroy(): this
}

/** What of the options of `net.connect` means something to a flow. */
export interface SocketConnectOptions {
  port: number
  /** An address or a name; default `localhost`. */
  host?: string
  localAddress?: string
  localPort?: number
  noDelay?: boolean
  keepAlive?: boolean
  /** Milliseconds. */
  keepAliveInitialDelay?: number
}

/** How long the close of a flow waits. */
export interface CloseOptions {
  /**
   * Seconds that the peer has to acknowledge everything, 0 to 65,535; then the connection is reset. 0 resets it at once, as
   * `abort`. Default: as long as the stack tries to deliver. After SO_LINGER. On the socket stack what counts is that the
   * kernel has taken everything.
   */
  linger?: number
}

/** Where `Stack.listen` listens, and how. */
export interface ListenOptions {
  /** 0 to 65,535; 0 takes a free one. */
  port: number
  /** One of the stack's addresses, or `0.0.0.0` for all of IPv4; default `::`, all of them, of both families. */
  address?: string
  /** With `::` or without an address: only IPv6; as in `net.Server.listen`. Default false. */
  ipv6Only?: boolean
  /** Connections that may wait for being accepted; 1 to 65,535; default 4,096, or 511 on the socket stack. */
  backlog?: number
  /**
   * Several listeners may share address and port if all of them ask for it; connections are spread among them (Linux
   * SO_REUSEPORT, and `reusePort` of `net.Server.listen`). Default false. On the socket stack it takes Node.js 22.12 or 23.1,
   * and is ENOTSUP before.
   */
  reusePort?: boolean
  /**
   * TCP Fast Open, RFC 7413: how many flows may be delivered with the data that came with their SYN before the handshake is
   * complete, 0 to 65,535 (Linux TCP_FASTOPEN). Default 0, off: the network may deliver such data twice, so only a service to
   * which a repeated request does no harm may take it. The socket stack ignores it.
   */
  fastOpen?: number
  /**
   * Upper bound of the TCP segment size that flows announce and use, 88 to 65,495 (Linux TCP_MAXSEG): for paths through
   * tunnels that say nothing of their MTU. Default the stack's, `maximumSegmentSize` of its TCP settings. The socket stack
   * ignores it.
   */
  maximumSegmentSize?: number
  /**
   * What decides how fast flows send: 'cubic', 'newreno' or 'bbr' (Linux TCP_CONGESTION). Default the stack's,
   * `congestionControl` of its TCP settings. The socket stack ignores it.
   */
  congestionControl?: CongestionControlName
}

/** Takes connections until it is closed. */
export interface Listener extends AsyncDisposable {
  readonly local: Endpoint
  /** Stops listening; open flows go on. */
  close(): Promise<void>
}

/** Where `Stack.connect` leads, and how. */
export interface ConnectOptions {
  /**
   * An IP address, or the name of a host: its addresses are tried by Happy Eyeballs (RFC 8305), and the flow is that of the
   * first that answers.
   */
  address: string
  /** 1 to 65,535. */
  port: number
  /** One of the stack's addresses; default the one that routes give. */
  localAddress?: string
  /** 0 to 65,535; default 0, a free one. */
  localPort?: number
  /** Gives up with an AbortError. */
  signal?: AbortSignal
  /** Milliseconds until ETIMEDOUT, 1 to 2^31 - 1; default is the protocol's own, 127 s. */
  timeout?: number
  /** As `Flow.setNoDelay(true)` from the beginning; default false. */
  noDelay?: boolean
  /**
   * TCP Fast Open, RFC 7413. The first connection to a server asks for its cookie. Once that is known, connecting resolves at
   * once and what is written first goes with the SYN (as Linux with TCP_FASTOPEN_CONNECT); `signal` and `timeout` then abort
   * the flow, and what goes wrong fails it. Default false: the server may get such data twice. The socket stack ignores
   * it.
   */
  fastOpen?: boolean
  /** As those of `ListenOptions`, for this flow. */
  maximumSegmentSize?: number
  congestionControl?: CongestionControlName
}

/** Where a `Stack.udp` socket is bound, and how. */
export interface UdpOptions {
  /** 0 to 65,535; default 0, a free one. */
  port?: number
  /** One of the stack's addresses, or `0.0.0.0` for all of IPv4; default `::`, all of them, of both families. */
  address?: string
  /** With `::` or without an address: only IPv6; as in `dgram.createSocket`. Default false. */
  ipv6Only?: boolean
  /** Only datagrams from this endpoint, and `send` goes there; ICMP errors are then reported by `onError`. */
  remote?: Endpoint
  /** Allows sending to broadcast addresses; default false, then EACCES. */
  broadcast?: boolean
  /**
   * Others that ask for it, too, may have the same address and port (Linux SO_REUSEADDR, `reuseAddr` of `node:dgram`): what
   * goes to a group reaches all of them, what goes to us alone the latest. Default false.
   */
  reuseAddress?: boolean
}

/** Which sources of a multicast group are listened to. */
export interface GroupFilter {
  /** IP addresses of the group's family, 64 at most; default none. */
  sources?: readonly string[]
  /** `include`: those sources only; `exclude`: all but those. Default `include` where there are sources, else `exclude`. */
  mode?: 'include' | 'exclude'
}

/**
 * @param to which of our addresses it was sent to, or which group or broadcast address. On the socket stack it takes the addon: without
 *   it, a socket that is not bound to one address has null.
 */
export type UdpHandler = (data: Uint8Array, from: Endpoint, to: string | null) => void

/** Sends and receives UDP datagrams. */
export interface UdpSocket extends AsyncDisposable {
  readonly local: Endpoint
  readonly remote: Endpoint | null
  /** `data` is valid only during the call; copy what is to be kept. What `handler` throws is logged. */
  onDatagram(handler: UdpHandler): void
  /** ICMP errors of a connected socket: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH. */
  onError(handler: (error: Error) => void): void
  /**
   * Sends one datagram, copying `data`. What the network loses is lost silently, as UDP does.
   * @throws SystemError EMSGSIZE, EACCES, ENETUNREACH, EDESTADDRREQ, EISCONN (`to` on a socket with `remote`), ENOBUFS,
   *   EBADF after `close`; TypeError or RangeError for `to`
   */
  send(data: Uint8Array | string, to?: Endpoint): void
  /**
   * Listens to a multicast group of either family: the link's routers are told by IGMP (RFC 9776) or MLD (RFC 3810). A socket
   * that has joined no group gets what comes to its port because another has joined, as on Linux.
   * @throws SystemError EINVAL (no group, or sources of another family), EADDRINUSE (joined already), ENOBUFS (too many groups
   *   or sources), EAFNOSUPPORT (the stack does not have the family), EBADF; ENOTSUP on the socket stack for `exclude` with
   *   sources, which Node cannot ask for; TypeError
   */
  joinGroup(group: string, filter?: GroupFilter): void
  /** @throws SystemError EADDRNOTAVAIL (it was not joined), EBADF; TypeError */
  leaveGroup(group: string): void
  /** Listens to other sources of a group that was joined. @throws as `joinGroup`, and SystemError EADDRNOTAVAIL */
  setSourceFilter(group: string, filter: GroupFilter): void
  /**
   * TTL or hop limit of datagrams to one host; default 64, or what the router says. @param hops 1 to 255
   * @throws RangeError; SystemError EBADF, as the next ones
   */
  setHopLimit(hops: number): void
  /** The same of datagrams to groups; default 1, which no router forwards. @param hops 0 (they stay in this host) to 255 */
  setMulticastHopLimit(hops: number): void
  /** Whether sockets of this stack that listen to a group get what we send to it; default true. */
  setMulticastLoopback(on: boolean): void
  /**
   * Datagrams to groups of this address's family leave from it; on the socket stack, through its interface, on which groups
   * are joined from now on, too.
   * @param address one of the stack's @throws SystemError EADDRNOTAVAIL; TypeError
   */
  setMulticastInterface(address: string): void
  close(): Promise<void>
}

/** What `Stack.ping` takes. */
export interface PingOptions {
  /** Payload bytes, 0 to 65,507; default 56. */
  size?: number
  /** Milliseconds to wait, 1 to 2^31 - 1; default 5,000. */
  timeout?: number
  /** TTL or hop limit of the request, 1 to 255; default 64, or what the router says. */
  hopLimit?: number
  signal?: AbortSignal
}

/** Who answered a ping, and after how long. */
export interface PingReply {
  readonly address: string
  /** Payload bytes that came back. */
  readonly size: number
  /** TTL or hop limit of the answer; 0 where it is not known. */
  readonly hopLimit: number
  readonly roundTripMilliseconds: number
}

/**
 * What became of an address: the stack begins or ceases to answer on it; new connections take it or rather another (RFC 4862,
 * section 5.5.4); another station has it, so that the stack does not answer on it.
 */
export type AddressChange = 'added' | 'removed' | 'preferred' | 'deprecated' | 'dadFailed'

/** What becomes of an address of the stack: `StackEvents.onAddress`. */
export interface AddressEvent {
  readonly type: AddressChange
  readonly prefix: IpPrefix
  /** Name of the interface that has it. */
  readonly interface: string
}

/** What a stack tells about addresses and leases. */
export interface StackEvents {
  onAddress(handler: (event: AddressEvent) => void): void
  /** What DHCP of either family gets and loses, after addresses have changed accordingly. None on the socket stack. */
  onLease(handler: (event: LeaseEvent) => void): void
  /** Whenever `configuration` may be another than before. Never on the socket stack. */
  onConfiguration(handler: (configuration: NetworkConfiguration) => void): void
}

/** What became of leases of DHCP. `declined`: another host has the address that a server gave. */
export interface LeaseEvent {
  readonly type: 'bound' | 'renewed' | 'rebound' | 'expired' | 'declined'
  readonly family: 4 | 6
  /** What it is about, delegated prefixes included. */
  readonly prefixes: readonly IpPrefix[]
}

/** What an application sees of the network, whichever stack it runs on. */
export interface Stack extends StackEvents, NodeModuleSet, AsyncDisposable {
  readonly kind: 'direct' | 'socket'
  /** The addresses that the stack answers on now. */
  readonly addresses: readonly IpPrefix[]
  /** DNS servers and the like, as routers and DHCP servers tell them. The socket stack leaves that to the system: nothing. */
  readonly configuration: NetworkConfiguration
  /**
   * @param onFlow is called for each accepted flow; what it throws, or its promise rejects with, aborts that flow only
   * @throws SystemError EADDRINUSE, EADDRNOTAVAIL, ENOTSUP, ENETDOWN (the stack is closed); TypeError or RangeError for an
   *   option
   */
  listen(options: ListenOptions, onFlow: (flow: Flow) => unknown): Promise<Listener>
  /**
   * @throws SystemError ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS, ENETDOWN;
   *   for a name DnsError ENOTFOUND or EAI_AGAIN, and an AggregateError if several addresses failed; AbortError; TypeError
   *   or RangeError for an option
   */
  connect(options: ConnectOptions): Promise<Flow>
  connect(host: string, port: number, options?: Omit<ConnectOptions, 'address' | 'port'>): Promise<Flow>
  /**
   * A socket that is not connected yet, for libraries that call `connect` on one that they are given: `pg`, `ioredis`, agents
   * of `http`. On this stack a Duplex with the surface of `net.Socket`, on the operating system's sockets a `net.Socket`.
   */
  socket(): FlowSocket
  /**
   * @throws SystemError EADDRINUSE, EADDRNOTAVAIL; with `remote` ENETUNREACH, EACCES; ENETDOWN; TypeError or RangeError for
   *   an option
   */
  udp(options?: UdpOptions): Promise<UdpSocket>
  /**
   * One echo request.
   * @throws SystemError ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EACCES, ENOBUFS, ENETDOWN; EPERM or ENOTSUP on the
   *   socket stack; AbortError; TypeError or RangeError
   */
  ping(address: string, options?: PingOptions): Promise<PingReply>
  /** Names: the functions of node:dns, on this stack. */
  readonly dns: DnsModule
  /**
   * Closes listeners, lets connections finish for `grace` milliseconds (default 1,000), resets what is left and
   * releases the device. Idempotent.
   */
  close(grace?: number): Promise<void>
  /**
   * Resolves when the stack has closed, rejects when it lost its interface (ENODEV, ENETDOWN: the stack then closes by
   * itself). Never an unhandled rejection.
   */
  readonly closed: Promise<void>
}
