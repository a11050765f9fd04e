import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { IpPrefix } from '../../address/index.ts'
import { HostClock, SecureRandom } from '../../clock/index.ts'
import type { DnsModule, HappyEyeballsSettings } from '../../dns/index.ts'
import { SystemError } from '../../errors/index.ts'
import { type Log, type LogFactory, silentLogs } from '../../log/index.ts'
import { connectOptions, type DnsOptions, isHostName, StackDns } from '../dns/index.ts'
import { NO_NETWORK_CONFIGURATION } from '../network-configuration.ts'
import { NodeModuleOwner, type NodeModuleSet } from '../node-modules.ts'
import { checkAddress, checkBoolean, checkInteger, checkPort } from '../options.ts'
import type {
  ConnectOptions,
  Flow,
  FlowSocket,
  Listener,
  ListenOptions,
  PingOptions,
  PingReply,
  Stack,
  StackEvents,
  UdpOptions,
  UdpSocket,
} from '../stack.ts'
import { Waiter } from '../waiter.ts'
import { BoundAddresses, type BoundAddressesOptions } from './bound-addresses.ts'
import { boundModules } from './bound-modules.ts'
import { HostAddresses } from './host-addresses.ts'
import { JoinedListener } from './joined-listener.ts'
import { JoinedUdp } from './joined-udp.ts'
import { ping } from './ping.ts'
import { connectSocket } from './socket-connect.ts'
import { SocketFlow } from './socket-flow.ts'
import { SocketListener } from './socket-listener.ts'
import { SocketUdp } from './socket-udp.ts'

/** Milliseconds that connections have to finish when the stack closes. */
const DEFAULT_GRACE = 1_000

/** What is bound to each. */
const ALL_OF_BOTH = [{ address: '0.0.0.0' }, { address: '::', ipv6Only: true }] as const

const OWN_MODULES: NodeModuleSet = {
  get net() {
    return process.getBuiltinModule('node:net')
  },
  get dgram() {
    return process.getBuiltinModule('node:dgram')
  },
  get tls() {
    return process.getBuiltinModule('node:tls')
  },
  get http() {
    return process.getBuiltinModule('node:http')
  },
  get https() {
    return process.getBuiltinModule('node:https')
  },
  get http2() {
    return process.getBuiltinModule('node:http2')
  },
}

/** What `new SocketStack` takes. */
export interface SocketStackOptions extends BoundAddressesOptions {
  /** Default: no logs. */
  logs?: LogFactory
  /** How names are resolved; what is left open is as resolv.conf(5) says. */
  dns?: DnsOptions
  /** How one of several addresses of a name is chosen. */
  happyEyeballs?: Partial<HappyEyeballsSettings>
}

/** The operating system's own network stack behind the `Stack` interface, over `node:net` and `node:dgram`. */
export class SocketStack extends NodeModuleOwner implements Stack {
  readonly kind = 'socket'
  readonly #log: Log
  readonly #addresses: HostAddresses
  readonly #bound: BoundAddresses
  readonly #modules: NodeModuleSet
  readonly #listeners = new Set<SocketListener>()
  readonly #sockets = new Set<SocketUdp>()
  readonly #flows = new Set<SocketFlow>()
  /** Fires when the stack begins to close: ends what is still connecting. */
  readonly #closing = new AbortController()
  readonly #clock = new HostClock()
  readonly #dns: StackDns
  #closed: Promise<void> | null = null
  readonly #ended = new Waiter<void>()
  #onLastFlow: (() => void) | null = null

  /** @throws TypeError for an option */
  constructor(options: SocketStackOptions = {}) {
    super()
    this.#log = (options.logs ?? silentLogs)('stack')
    this.#bound = new BoundAddresses(options)
    this.#modules = this.#bound.isRestricted ? boundModules(OWN_MODULES, this.#bound) : OWN_MODULES
    this.#addresses = new HostAddresses((prefix) => this.#bound.has(prefix))
    // Every attempt to connect listens to it: many are no leak.
    setMaxListeners(0, this.#closing.signal)
    this.#dns = new StackDns({
      carrier: this,
      clock: this.#clock,
      random: new SecureRandom(),
      log: (options.logs ?? silentLogs)('dns'),
      options: options.dns,
      happyEyeballs: options.happyEyeballs,
      connect: (each) => this.#connect(each),
      asSystem: true,
    })
  }

  get dns(): DnsModule {
    return this.#dns.module
  }

  get addresses(): readonly IpPrefix[] {
    return this.#addresses.current
  }

  /** Node's own; where the stack has only some of the host's addresses, their servers and sockets keep to these. */
  get nodeModules(): NodeModuleSet {
    return this.#modules
  }

  onAddress(handler: Parameters<StackEvents['onAddress']>[0]): void {
    this.#addresses.watch(handler)
  }

  /** The operating system gets the leases, and keeps to itself what it hears. */
  readonly configuration = NO_NETWORK_CONFIGURATION

  onLease(): void {}

  onConfiguration(): void {}

  async listen(options: ListenOptions, onFlow: (flow: Flow) => unknown): Promise<Listener> {
    this.#checkOpen('listen')
    const port = checkPort('port', options.port, 0)
    const wanted = options.address === undefined ? undefined : checkAddress('address', options.address)
    const ipv6Only = checkBoolean('ipv6Only', options.ipv6Only ?? false)
    const bindings = this.#bound.bindings(wanted, ipv6Only, port, 'listen')
    return JoinedListener.open(bindings.length, port, async (index, port) => {
      const listener = await SocketListener.open(
        { ...options, ...bindings[index]!, port },
        this.#log,
        (socket) => this.#accept(socket, onFlow),
        (closed) => this.#listeners.delete(closed),
      )
      this.#listeners.add(listener)
      if (this.#closing.signal.aborted) await listener.close()
      return listener
    })
  }

  #accept(socket: Socket, onFlow: (flow: Flow) => unknown): void {
    if (socket.remoteAddress === undefined) {
      // The peer has reset the connection before it could be handed over.
      socket.on('error', () => {})
      socket.destroy()
      return
    }
    const flow = this.#adopt(socket)
    const failed = (error: unknown) => {
      // A connection that failed makes its handler fail too, which is nothing to report.
      if (!socket.destroyed) this.#log.error('a flow handler failed', { error, ...flow.remote })
      flow.abort()
    }
    try {
      const result = onFlow(flow)
      if (result instanceof Promise) result.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  async connect(
    target: ConnectOptions | string,
    port?: number,
    rest?: Omit<ConnectOptions, 'address' | 'port'>,
  ): Promise<Flow> {
    this.#checkOpen('connect')
    const options = connectOptions(target, port, rest)
    return isHostName(options.address) ? this.#dns.connector.connect(options) : this.#connect(options)
  }

  /** A `net.Socket`. */
  socket(): FlowSocket {
    return new this.net.Socket() as unknown as FlowSocket
  }

  async #connect(options: ConnectOptions): Promise<Flow> {
    this.#checkOpen('connect')
    return this.#adopt(await connectSocket(options, this.#closing.signal))
  }

  #adopt(socket: Socket): SocketFlow {
    const flow = new SocketFlow(socket, this.#log)
    this.#flows.add(flow)
    socket.on('close', () => {
      this.#flows.delete(flow)
      if (this.#flows.size === 0) this.#onLastFlow?.()
    })
    return flow
  }

  async udp(options: UdpOptions = {}): Promise<UdpSocket> {
    this.#checkOpen('bind')
    if (options.remote !== undefined && options.address === undefined) return this.#udp(options)
    const port = checkPort('port', options.port ?? 0, 0)
    const wanted = options.address === undefined ? undefined : checkAddress('address', options.address)
    const ipv6Only = checkBoolean('ipv6Only', options.ipv6Only ?? false)
    // All of both families: a socket for each, because one for both has hop limits and the like for IPv6 alone.
    const isAll = !this.#bound.isRestricted && !ipv6Only && (wanted === undefined || wanted === '::')
    const [first, second] = isAll ? ALL_OF_BOTH : this.#bound.bindings(wanted, ipv6Only, port, 'bind')
    if (second === undefined) return this.#udp({ ...options, ...first, port })
    return JoinedUdp.open(port, isAll, (family, port) =>
      this.#udp({ ...options, ...(family === 4 ? first : second), port }),
    )
  }

  async #udp(options: UdpOptions): Promise<UdpSocket> {
    const socket = await SocketUdp.open(options, this.#log, (closed) => this.#sockets.delete(closed))
    this.#sockets.add(socket)
    if (this.#closing.signal.aborted) await socket.close()
    return socket
  }

  async ping(address: string, options: PingOptions = {}): Promise<PingReply> {
    this.#checkOpen('ping')
    return ping(address, options, this.#closing.signal)
  }

  close(grace = DEFAULT_GRACE): Promise<void> {
    this.#closed ??= this.#close(checkInteger('grace', grace, 0, 2 ** 31 - 1))
    return this.#closed
  }

  get closed(): Promise<void> {
    return this.#ended.promise
  }

  async #close(grace: number): Promise<void> {
    this.#closing.abort()
    this.#dns.close()
    this.#addresses.close()
    await Promise.all([...this.#listeners, ...this.#sockets].map((each) => each.close()))
    if (this.#flows.size > 0 && grace > 0) await this.#lastFlow(grace)
    for (const flow of this.#flows) flow.abort()
    if (this.#flows.size > 0) await this.#lastFlow(DEFAULT_GRACE)
    this.#clock.close()
    this.#ended.resolve()
  }

  #lastFlow(atMost: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, atMost)
      this.#onLastFlow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #checkOpen(syscall: string): void {
    if (this.#closing.signal.aborted) throw new SystemError('ENETDOWN', syscall, { hint: 'the stack is closed' })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
