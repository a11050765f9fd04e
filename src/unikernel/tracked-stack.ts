import {
  type ConnectOptions,
  type Flow,
  type FlowSocket,
  type Listener,
  type ListenOptions,
  NodeModuleOwner,
  type NodeModuleSet,
  type PingOptions,
  type PingReply,
  type Stack,
  type StackEvents,
  type UdpOptions,
  type UdpSocket,
} from '../stack/index.ts'

/** Servers and sockets, as Node names what it has open. */
const NETWORK_RESOURCE = /^(?:TCP|UDP)/
const LISTENING_RESOURCE = /^(?:TCPServer|UDP)/
/** Milliseconds; Node does not tell when they close. */
const LOOK_INTERVAL = 100

/**
 * A stack that knows whether an application still has something open on it, as Node's event loop does for a process.
 * It counts, and is in no data path.
 */
export class TrackedStack extends NodeModuleOwner implements Stack {
  readonly #stack: Stack
  readonly #open = new Set<object>()
  /** Listeners and UDP sockets among them. */
  #listening = 0
  #onIdle: (() => void) | null = null
  /** Whether the application has Node's own modules, on the operating system's sockets: who counts those is Node. */
  #asksNode = false

  constructor(stack: Stack) {
    super()
    this.#stack = stack
    if (stack instanceof NodeModuleOwner) stack.openHandles.onNone = () => setImmediate(() => this.#look())
  }

  /** The stack for what is not to hold the application, such as its log. */
  static untracked(stack: Stack): Stack {
    return stack instanceof TrackedStack ? stack.#stack : stack
  }

  get kind() {
    return this.#stack.kind
  }

  get addresses() {
    return this.#stack.addresses
  }

  get configuration() {
    return this.#stack.configuration
  }

  get nodeModules(): NodeModuleSet {
    this.#asksNode = this.kind === 'socket'
    return this.#stack
  }

  get dns() {
    return this.#stack.dns
  }

  get isIdle(): boolean {
    if (this.#open.size > 0) return false
    if (this.#asksNode) return !process.getActiveResourcesInfo().some((name) => NETWORK_RESOURCE.test(name))
    return !(this.#stack instanceof NodeModuleOwner) || this.#stack.openHandles.count === 0
  }

  /** Whether somebody may connect, or send a datagram: a listener or a socket for datagrams is open, in whichever way it was made. */
  get isListening(): boolean {
    if (this.#listening > 0) return true
    if (this.#asksNode) return process.getActiveResourcesInfo().some((name) => LISTENING_RESOURCE.test(name))
    return (this.#stack as { tcp?: { isListening: boolean } }).tcp?.isListening === true
  }

  /** Resolves as soon as no listener, UDP socket or flow is open, and nothing that `net` and its like have made. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve
      this.#look()
    })
  }

  #look(): void {
    if (this.#onIdle === null) return
    if (this.isIdle) {
      const resolve = this.#onIdle
      this.#onIdle = null
      resolve()
    } else if (this.#asksNode && this.#open.size === 0) {
      setTimeout(() => this.#look(), LOOK_INTERVAL)
    }
  }

  onAddress(handler: Parameters<StackEvents['onAddress']>[0]): void {
    this.#stack.onAddress(handler)
  }

  onLease(handler: Parameters<StackEvents['onLease']>[0]): void {
    this.#stack.onLease(handler)
  }

  onConfiguration(handler: Parameters<StackEvents['onConfiguration']>[0]): void {
    this.#stack.onConfiguration(handler)
  }

  async listen(options: ListenOptions, onFlow: (flow: Flow) => unknown): Promise<Listener> {
    return this.#closable(
      await this.#stack.listen(options, (flow) => {
        this.#trackFlow(flow)
        return onFlow(flow)
      }),
    )
  }

  async connect(
    target: ConnectOptions | string,
    port?: number,
    options?: Omit<ConnectOptions, 'address' | 'port'>,
  ): Promise<Flow> {
    const flow = await (typeof target === 'string'
      ? this.#stack.connect(target, port as number, options)
      : this.#stack.connect(target))
    this.#trackFlow(flow)
    return flow
  }

  socket(): FlowSocket {
    this.#asksNode = this.kind === 'socket'
    return this.#stack.socket()
  }

  async udp(options?: UdpOptions): Promise<UdpSocket> {
    return this.#closable(await this.#stack.udp(options))
  }

  ping(address: string, options?: PingOptions): Promise<PingReply> {
    return this.#stack.ping(address, options)
  }

  close(grace?: number): Promise<void> {
    return this.#stack.close(grace)
  }

  get closed(): Promise<void> {
    return this.#stack.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #trackFlow(flow: Flow): void {
    this.#open.add(flow)
    const ended = () => this.#forget(flow)
    flow.closed.then(ended, ended)
  }

  /** Counts a listener or UDP socket until its `close` is called. */
  #closable<T extends Listener | UdpSocket>(resource: T): T {
    const close = resource.close.bind(resource)
    this.#open.add(resource)
    this.#listening++
    const tracked = (): Promise<void> =>
      close().finally(() => {
        if (this.#open.has(resource)) this.#listening--
        this.#forget(resource)
      })
    return Object.defineProperties(resource, {
      close: { value: tracked },
      [Symbol.asyncDispose]: { value: tracked },
    })
  }

  #forget(resource: object): void {
    this.#open.delete(resource)
    if (this.#open.size === 0) this.#look()
  }
}
