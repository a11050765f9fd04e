/**
 * What stands below a `net.Socket` or `net.Server` in place of libuv's TCP handle, for the code of Node that runs on top:
 * the methods, numbers and order of callbacks are those of Node's TCPWrap, the connection is one of this stack. Here:
 * binding, listening, connecting, options, and the end. Node sees it through a `TcpHandle`.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IpAddress, IpFamily } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { Acceptor, Connection, ConnectionUser } from '../tcp/index.ts'
import { errorNumber, numberOf } from './error-numbers.ts'
import type { HandleHost } from './handle-host.ts'
import type { JsStream, NodeRequest, UnopenedHandle } from './internals.ts'
import { describe, parseAddress, reachable, type SocketAddress, unspecified } from './socket-addresses.ts'
import { refusalToBind, refusalToConnect, sourceOf, wrongSource } from './tcp-addresses.ts'
import { NO_CONTEXT } from './tcp-endpoint-base.ts'
import { ReadingTcpEndpoint } from './tcp-reading.ts'

/** TCPConstants of Node: flags of `bind` and `bind6`. */
const IPV6_ONLY = 1
const REUSE_PORT = 2

type Done = (() => void) | undefined

interface KeepAlive {
  readonly on: boolean
  readonly seconds: number
  readonly interval: number
  readonly probes: number
}

/** The handle in which Node sees an endpoint. */
export interface EndpointHandle extends JsStream {
  /** Set by Node on the handle of a server. */
  onconnection?: (status: number, handle: EndpointHandle) => void
  /** The endpoint of a new handle of the same stack. */
  another(): TcpEndpoint
}

export class TcpEndpoint extends ReadingTcpEndpoint implements Acceptor, ConnectionUser {
  #bound: { address: IpAddress; port: number; flags: number; isAnyPort: boolean } | null = null
  /** Whether a socket of Linux would be there: the first that is to be bound or connected makes it. */
  #isOpen = false
  /** What became of `connect`, until Node is told. */
  #connected: number | null = null
  /** Whether others have their turns first: a program that connects to itself sees its server accept, and then its client connected. */
  #isPatient = false
  readonly #accepted: TcpEndpoint[] = []
  #noDelay = false
  #keepAlive: KeepAlive | null = null

  declare readonly handle: EndpointHandle

  constructor(host: HandleHost, handle: EndpointHandle, listed: UnopenedHandle) {
    super(host, handle, listed)
  }

  // --- what Node calls: opening --------------------------------------------------------------------------------

  bind(family: IpFamily, text: string, port: number, flags: number): number {
    const parsed = parseAddress(text, family)
    if (parsed === null || this.#bound !== null) return errorNumber('EINVAL')
    this.family = family
    this.#isOpen = true
    const { address } = parsed
    const { tcp } = this.host.stack
    const refusal = refusalToBind(this.host.stack, parsed, family === 6 && (flags & IPV6_ONLY) !== 0)
    if (refusal !== null) return errorNumber(refusal)
    const listened = listenedOn(address, flags)
    // libuv takes the lower half of whatever number it is given; Node leaves it out where it is any.
    const wanted = port & 0xffff
    const isAnyPort = wanted === 0
    const isTaken = !isAnyPort && (this.#isTaken(wanted, listened, flags) || this.#isPortOfConnection(wanted, address))
    const chosen = isAnyPort ? tcp.freePort(listened) : wanted
    if (isTaken || chosen === 0) return errorNumber('EADDRINUSE')
    this.#bound = { address, port: chosen, flags, isAnyPort }
    return 0
  }

  /** As Linux with SO_REUSEADDR, which libuv sets when it binds: only a listener keeps a port to itself. */
  #isTaken(port: number, address: IpAddress | null, flags: number): boolean {
    return this.host.stack.tcp.isTaken(address, port, (flags & REUSE_PORT) !== 0)
  }

  /** As does a connection whose port was chosen when it connected: nobody has bound that, and so not set SO_REUSEADDR. */
  #isPortOfConnection(port: number, address: IpAddress): boolean {
    let isIt = false
    this.host.stack.tcp.forEachConnection(({ localPort, localAddress, user }) => {
      if (localPort !== port || !(user instanceof TcpEndpoint) || !user.#hasConnectedUnbound) return
      const isAny = address.isUnspecified && (address.family === 6 || localAddress.family === 4)
      isIt ||= isAny || address.equals(localAddress)
    })
    return isIt
  }

  get #hasConnectedUnbound(): boolean {
    return this.#bound === null && this.#isOpen
  }

  listen(backlog: number): number {
    // Another server that was given this handle.
    if (this.listener !== null) return 0
    const { tcp } = this.host.stack
    const { address, port, flags } = this.#bound ?? { address: unspecified(6), port: 0, flags: 0 }
    const reusePort = (flags & REUSE_PORT) !== 0
    try {
      this.listener = tcp.listen(listenedOn(address, flags), port, Math.max(backlog, 1), this, { reusePort })
    } catch (error) {
      return numberOf(error)
    }
    this.scope = new AsyncResource('TCPSERVERWRAP')
    this.updateHold()
    return 0
  }

  connect(family: IpFamily, request: NodeRequest, text: string, port: number): number {
    const parsed = parseAddress(text, family)
    if (parsed === null) return errorNumber('EINVAL')
    if (this.connectRequest !== null) return errorNumber('EALREADY')
    if (this.connection !== null) return errorNumber('EISCONN')
    this.family = family
    this.#isOpen = true
    const { stack } = this.host
    const bound = this.#bound?.address ?? null
    const refusal = refusalToConnect(stack, parsed, bound)
    if (refusal !== null) return errorNumber(refusal)
    const remote = reachable(parsed.address, family)
    const local = bound === null ? null : sourceOf(stack, bound)
    try {
      this.connection = this.#open(remote, port, local)
    } catch (error) {
      const failure = numberOf(error)
      // What Linux calls it when both ends have such a connection already.
      if (failure === errorNumber('EADDRINUSE')) return errorNumber('EADDRNOTAVAIL')
      const isSource = local !== null && failure === errorNumber('EADDRNOTAVAIL')
      return isSource ? errorNumber(wrongSource(stack, local, remote)) : failure
    }
    this.connectRequest = request
    this.scope = new AsyncResource('TCPCONNECTWRAP')
    this.#applyOptions()
    this.updateHold()
    return 0
  }

  #open(remote: IpAddress, port: number, local: IpAddress | null): Connection {
    const { tcp } = this.host.stack
    const { port: localPort, isAnyPort } = this.#bound ?? { port: 0, isAnyPort: false }
    try {
      return tcp.connect({ remote, port, local, localPort, user: this })
    } catch (error) {
      // One that nobody has asked for may have gone to somebody else since.
      if (!isAnyPort || numberOf(error) !== errorNumber('EADDRINUSE')) throw error
      return tcp.connect({ remote, port, local, user: this })
    }
  }

  // --- what Node calls: properties -----------------------------------------------------------------------------

  getsockname(out: SocketAddress): number {
    const { connection, listener, family } = this
    const { zone } = this.host.stack
    if (connection !== null) return describe(out, connection.localAddress, family, connection.localPort, zone)
    if (listener !== null) return describe(out, listener.address ?? unspecified(family), family, listener.port, zone)
    if (this.#bound !== null) return describe(out, this.#bound.address, family, this.#bound.port, zone)
    return this.#isOpen ? describe(out, unspecified(family), family, 0) : errorNumber('EBADF')
  }

  getpeername(out: SocketAddress): number {
    const { connection } = this
    if (connection === null || this.connectRequest !== null) return errorNumber('ENOTCONN')
    return describe(out, connection.remoteAddress, this.family, connection.remotePort, this.host.stack.zone)
  }

  setNoDelay(on: boolean): number {
    this.#noDelay = on
    this.connection?.setNoDelay(on)
    return 0
  }

  /**
   * @param seconds of silence before the first probe; 0 leaves that, the interval and the number of probes to the stack
   * @param interval seconds between probes; default libuv's, as for the next
   * @param probes how many without an answer are the end
   */
  setKeepAlive(on: boolean, seconds: number, interval = 1, probes = 10): number {
    this.#keepAlive = { on, seconds, interval, probes }
    this.#applyOptions()
    return 0
  }

  /** As Linux: the two bits of ECN are not the application's. */
  setTypeOfService(field: number): number {
    if (this.connection === null) return errorNumber('EBADF')
    this.connection.differentiatedServices = field
    return 0
  }

  getTypeOfService(): number {
    return this.connection === null ? errorNumber('EBADF') : this.connection.differentiatedServices
  }

  #applyOptions(): void {
    const connection = this.connection
    if (connection === null) return
    if (this.#noDelay) connection.setNoDelay(true)
    if (this.#keepAlive === null) return
    const { on, seconds, interval, probes } = this.#keepAlive
    if (seconds > 0) connection.setKeepAlive(on, seconds * SECOND, interval * SECOND, probes)
    else connection.setKeepAlive(on, this.host.stack.tcp.settings.keepAliveIdle)
  }

  close(done?: Done): void {
    if (this.isClosed) return
    this.#letGo(done, () => this.connection?.release())
  }

  reset(done?: Done): number {
    if (this.isClosed || this.shutdownRequest !== null) return errorNumber('EINVAL')
    this.#letGo(done, () => this.connection?.abort())
    return 0
  }

  #letGo(done: Done, end: () => void): void {
    // What has come and was not read makes a reset of the end.
    this.host.deliverLocal()
    this.isClosed = true
    this.wantsData = false
    this.updateHold()
    if (this.listener !== null) this.host.stack.tcp.unlisten(this.listener)
    for (const endpoint of this.#accepted.splice(0)) endpoint.reset()
    if (this.connectRequest !== null) this.connection?.abort()
    else end()
    // Its callback comes exactly when ours has to.
    this.listed.close(() => {
      this.#cancelRequests()
      if (done !== undefined) this.inScope(done, this.handle)
    })
  }

  #cancelRequests(): void {
    const canceled = errorNumber('ECANCELED')
    if (this.connectRequest !== null) this.#tellConnected(canceled)
    this.cancelWrites(canceled)
  }

  /** What Node waits for, in the order in which it has asked. */
  get requests(): NodeRequest[] {
    const { connectRequest, shutdownRequest, writes } = this
    return [connectRequest, this.toldRequest, ...writes.requests, shutdownRequest].filter((each) => each !== null)
  }

  // --- what the connection tells, from inside a burst ------------------------------------------------------------

  onEstablished(): void {
    if (this.connectRequest === null) return
    this.#connected = 0
    this.#isPatient = this.connection?.path.isLocal === true
    this.queueTurn()
  }

  onFinished(): void {
    this.host.stack.flowFinished()
  }

  onClosed(_connection: Connection, code: SystemErrorCode | null): void {
    this.isGone = true
    this.gonePass = this.host.turns.servedPass
    // As Linux (tcp_reset): of a reset after the end of the other side who has not ended hears when he writes.
    const isAfterEnd = code === 'ECONNRESET' && this.connection?.finReceived === true && this.shutdownPass < 0
    this.failure = isAfterEnd ? 'EPIPE' : code
    this.host.stack.flowFinished()
    if (this.isClosed) return
    // Also where Node was about to hear that it is connected.
    if (this.connectRequest !== null && (this.#connected === null || code !== null)) {
      this.#connected = errorNumber(code ?? 'ECONNABORTED')
    }
    this.queueTurn()
  }

  /** For the closing of a stack: nothing is left to say. */
  get isDone(): boolean {
    return this.isGone || ((this.isClosed || this.host.hasEnded) && this.connection?.isFinished === true)
  }

  accept(connection: Connection): void {
    if (this.isClosed) {
      connection.abort()
      return
    }
    // As Node's own: it belongs to no asynchronous context, certainly not to the one that happens to run.
    const endpoint = NO_CONTEXT.runInAsyncScope(() => this.handle.another())
    endpoint.connection = connection
    endpoint.family = this.family
    endpoint.scope = NO_CONTEXT
    connection.user = endpoint
    this.#accepted.push(endpoint)
    this.queueTurn()
  }

  // --- turns: what Node is told ---------------------------------------------------------------------------------

  /** One event at a time, in the order in which libuv looks for them. */
  takeTurn(): boolean {
    // It may have been given its place while the program was there.
    if (this.isClosed || this.host.hasEnded) return false
    return this.#nextConnect() || this.#nextAccepted() || this.nextRead() || this.nextWrite() || this.nextShutdown()
  }

  #nextConnect(): boolean {
    const status = this.#connected
    if (status === null) return false
    if (this.#isPatient) {
      this.#isPatient = false
      this.host.turns.addLast(this)
      return false
    }
    // A server of this program may have reset it: libuv asks the socket for an error before it says that it is connected.
    if (this.connection?.path.isLocal) this.host.deliverLocal()
    const outcome = this.#connected ?? status
    this.#connected = null
    this.#tellConnected(outcome)
    return true
  }

  #tellConnected(status: number): void {
    const request = this.connectRequest!
    this.connectRequest = null
    this.updateHold()
    const ok = status === 0
    // Node takes the callback away from an attempt that it has given up.
    if (typeof request.oncomplete !== 'function') return
    this.toldRequest = request
    try {
      this.inScope(request.oncomplete, request, status, this.handle, request, ok, ok)
    } finally {
      this.toldRequest = null
    }
  }

  #nextAccepted(): boolean {
    const endpoint = this.#accepted.shift()
    if (endpoint === undefined) return false
    this.inScope(this.handle.onconnection!, this.handle, 0, endpoint.handle)
    return true
  }
}

/** As `Tcp.listen` wants it: null for all addresses of both families. */
function listenedOn(address: IpAddress, flags: number): IpAddress | null {
  return address.isUnspecified && address.family === 6 && (flags & IPV6_ONLY) === 0 ? null : address
}
