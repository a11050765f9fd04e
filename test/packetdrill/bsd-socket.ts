/** A TCP socket with the calls that scripts make, on top of our connections and listeners. */
import { IpAddress } from '../../src/address/index.ts'
import type { SystemError, SystemErrorCode } from '../../src/errors/index.ts'
import { type Connection, type ConnectionUser, State, type Tcp, type TcpListener } from '../../src/tcp/index.ts'
import { blocking, type CallContext, type CallResult, failed, SUCCESS } from './call.ts'
import { optionValue, setOption } from './socket-options.ts'

export const SOCKET_CALLS: ReadonlySet<string> = new Set([
  ...['bind', 'listen', 'accept', 'accept4', 'connect', 'shutdown', 'close', 'fcntl', 'ioctl'],
  ...['read', 'recv', 'recvfrom', 'write', 'send', 'sendto', 'setsockopt', 'getsockopt'],
])

export class BsdSocket implements ConnectionUser {
  readonly tcp: Tcp
  readonly options = new Map<string, number>()
  port = 0
  listener: TcpListener | null = null
  connection: Connection | null = null
  nonBlocking = false
  isEstablished = false
  isClosed = false
  error: SystemErrorCode | null = null
  readonly #accepted: Connection[] = []
  readonly #remote: string

  constructor(tcp: Tcp, remote: string) {
    this.tcp = tcp
    this.#remote = remote
  }

  onEstablished(): void {
    this.isEstablished = true
    // The peer has told of its own meanwhile.
    const segmentSize = this.options.get('TCP_MAXSEG')
    if (segmentSize !== undefined) setOption(this, 'TCP_MAXSEG', segmentSize)
  }

  onReadable(): void {}

  onWritable(): void {}

  onFinished(): void {}

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.isClosed = true
    this.error = error
  }

  call(name: string, args: unknown[], context: CallContext): CallResult {
    switch (name) {
      case 'bind':
        this.port = context.bindPort
        return SUCCESS
      case 'listen':
        return this.#listen(args[0] as number, context.bindPort)
      case 'accept':
        return blocking(this.nonBlocking, () => this.#accept(false))
      case 'accept4':
        return blocking(this.nonBlocking, () => this.#accept(String(args[2]).includes('SOCK_NONBLOCK')))
      case 'connect':
        return this.#connect(context.connectPort)
      case 'read':
        return this.#receive(args[0], args[1] as number, '')
      case 'recv':
      case 'recvfrom':
        return this.#receive(args[0], args[1] as number, String(args[2] ?? ''))
      case 'write':
        return this.#send(args[0], args[1] as number, '')
      case 'send':
      case 'sendto':
        return this.#send(args[0], args[1] as number, String(args[2] ?? ''), context.connectPort)
      case 'shutdown':
        return this.#shutdown(String(args[0]))
      case 'close':
        return this.#close()
      case 'fcntl':
        if (args[0] === 'F_GETFL') return { ret: this.nonBlocking ? 2 | O_NONBLOCK : 2 }
        if (args[0] !== 'F_SETFL') return { unsupported: `fcntl ${args[0]}` }
        this.nonBlocking = String(args[1]).includes('O_NONBLOCK')
        return SUCCESS
      case 'ioctl':
        return this.#ioctl(String(args[0]))
      case 'setsockopt':
        return setOption(this, String(args[1]), args[2])
      case 'getsockopt':
        return optionValue(this, String(args[1]))
      default:
        return { unsupported: `call ${name}` }
    }
  }

  takeError(): SystemErrorCode | null {
    const { error } = this
    this.error = null
    return error
  }

  #listen(backlog: number, port: number): CallResult {
    const acceptor = { accept: (connection: Connection) => void this.#accepted.push(connection) }
    try {
      const fastOpen = Math.max(this.options.get('TCP_FASTOPEN') ?? 0, 0)
      // FreeBSD and Linux let in one more than they are asked for.
      this.listener = this.tcp.listen(null, this.port || port, backlog + 1, acceptor, { fastOpen })
    } catch (error) {
      return failed((error as SystemError).code)
    }
    return SUCCESS
  }

  #accept(nonBlocking: boolean): CallResult | null {
    if (this.listener === null) return failed('EINVAL')
    const connection = this.#accepted.shift()
    if (connection === undefined) return null
    const socket = new BsdSocket(this.tcp, this.#remote)
    socket.port = connection.localPort
    socket.connection = connection
    socket.isEstablished = true
    socket.nonBlocking = nonBlocking
    connection.user = socket
    // What the application has set on the listening socket holds for those that it accepts.
    for (const [option, value] of this.options) setOption(socket, option, value)
    return { ret: socket }
  }

  #connect(port: number): CallResult {
    if (this.connection !== null) return this.#connectAgain()
    const error = this.#begin(port, this.options.get('TCP_FASTOPEN_CONNECT') === 1)
    if (error !== null) return failed(error)
    // The SYN waits for what is to go with it.
    if (this.connection!.fastOpen?.isDeferred) return SUCCESS
    if (this.nonBlocking) return failed('EINPROGRESS')
    return { pending: () => (this.isEstablished ? SUCCESS : this.isClosed ? this.#failure('ECONNABORTED') : null) }
  }

  /** @returns what stands against it, or null */
  #begin(port: number, fastOpen: boolean): SystemErrorCode | null {
    try {
      this.connection = this.tcp.connect({
        remote: IpAddress.parse(this.#remote),
        port,
        localPort: this.port,
        fastOpen,
        user: this,
      })
    } catch (error) {
      return (error as SystemError).code
    }
    for (const [option, value] of this.options) setOption(this, option, value)
    return null
  }

  #connectAgain(): CallResult {
    if (this.isClosed) return this.#failure('ECONNABORTED')
    return failed(this.isEstablished ? 'EISCONN' : 'EALREADY')
  }

  #receive(buffer: unknown, most: number, flags: string): CallResult {
    if (buffer === 'NULL') return failed('EFAULT')
    if (flags.includes('MSG_OOB')) return failed('EINVAL')
    const peek = flags.includes('MSG_PEEK')
    return blocking(this.nonBlocking || flags.includes('MSG_DONTWAIT'), () => this.#receiveNow(most, peek))
  }

  #receiveNow(most: number, peek: boolean): CallResult | null {
    const { connection } = this
    if (connection === null) return failed('ENOTCONN')
    const waiting = Math.min(most, connection.receiveQueue.length)
    if (waiting > 0) {
      // The contents do not matter to the runner.
      for (let left = peek ? 0 : waiting; left > 0; ) left -= connection.read(left)!.length
      return { ret: waiting }
    }
    if (this.error !== null) return this.#failure()
    return connection.finReceived || this.isClosed || connection.discarding ? { ret: 0 } : null
  }

  #send(buffer: unknown, length: number, flags: string, port = 0): CallResult {
    if (buffer === 'NULL') return failed('EFAULT')
    if (flags.includes('MSG_FASTOPEN') && this.connection === null) {
      const error = this.#begin(port, true)
      if (error !== null) return failed(error)
      // As Linux: without a cookie the data has to be given again.
      if (!this.connection!.fastOpen?.isDeferred && this.nonBlocking) return failed('EINPROGRESS')
    }
    let sent = 0
    const result = blocking(this.nonBlocking || flags.includes('MSG_DONTWAIT'), () => {
      const { connection } = this
      if (connection === null) return failed('ENOTCONN')
      if (this.error !== null) return this.#failure()
      if (!connection.canWrite) return failed('EPIPE')
      if (connection.isOpening && !connection.fastOpen?.isDeferred) return null
      const room = Math.max(connection.sendBufferLimit - connection.sendBuffer.length, 0)
      const count = Math.min(room, length - sent)
      if (count > 0) {
        if (flags.includes('MSG_MORE')) connection.enqueue(new Uint8Array(count))
        else connection.write(new Uint8Array(count), null)
        sent += count
      }
      return sent === length ? { ret: sent } : null
    })
    return 'errno' in result && result.errno === 'EWOULDBLOCK' && sent > 0 ? { ret: sent } : result
  }

  #shutdown(how: string): CallResult {
    const { connection } = this
    if (connection === null || this.isClosed) return failed('ENOTCONN')
    if (how !== 'SHUT_WR') connection.discardReceived()
    if (how !== 'SHUT_RD') connection.shutdownWrite()
    return SUCCESS
  }

  #close(): CallResult {
    if (this.listener !== null) {
      this.tcp.unlisten(this.listener)
      // Those that nobody has accepted are reset (Linux and FreeBSD).
      for (const connection of this.#accepted.splice(0)) connection.abort(null)
    }
    if (this.options.get('SO_LINGER') === 0) this.connection?.abort(null)
    else this.connection?.release()
    return SUCCESS
  }

  #ioctl(request: string): CallResult {
    const { connection } = this
    if (connection === null) return failed('ENOTCONN')
    // The runner compares only what the call returns.
    return ['FIONREAD', 'SIOCINQ', 'SIOCOUTQ', 'FIONWRITE'].includes(request)
      ? SUCCESS
      : { unsupported: `ioctl ${request}` }
  }

  #failure(otherwise: SystemErrorCode = 'ECONNRESET'): CallResult {
    return failed(this.takeError() ?? otherwise)
  }

  /** The state as the RFC names it, for TCP_INFO. */
  get state(): State | 'LISTEN' {
    if (this.listener !== null) return 'LISTEN'
    const { connection } = this
    if (connection === null) return State.Closed
    if (connection.state !== State.Closed) return connection.state
    let waits = false
    this.tcp.forEachTimeWait((record) => {
      waits ||= record.incomingPorts === connection.incomingPorts
    })
    return waits ? State.TimeWait : State.Closed
  }
}

/** FreeBSD's value. */
const O_NONBLOCK = 4
