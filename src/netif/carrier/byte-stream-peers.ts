import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { integerInRange, SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { ByteStreamNetif, type ByteStreamNetifOptions, type PeerSource } from './byte-stream-netif.ts'
import { connectOnSystem } from './system-sockets.ts'
import { checkUnixPath, pathProblem } from './unix-path.ts'

/** A UNIX socket by its path, or a TCP port. */
export type StreamAddress = { path: string } | { host?: string; port: number }

/** What `openByteStream` takes: who the other end is, and how frames go to it. */
export type ByteStreamOptions = ByteStreamNetifOptions &
  StreamAddress & {
    /** Waits for others to connect, one at a time, and after each for the next; default false: connects. */
    listen?: boolean
    /**
     * Milliseconds from one attempt to connect to the next, 10 to 3,600,000. With it the interface is there at once and stays,
     * whether the other end is there or not. Default: the first failure is told, and the end of the connection is that of the
     * interface.
     */
    reconnect?: number
  }

const LOOPBACK = '127.0.0.1'
/** Frames do not wait for more of them; another end whose machine is gone is noticed some time, and makes room for the next one. */
const TCP_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }

/**
 * Connects to, or listens on, a UNIX socket or a TCP port, with Ethernet frames in it as QEMU's `-netdev stream` has them. Nothing
 * in it is encrypted, and who reaches it is on the network: a UNIX socket is guarded by the permissions of its folder; TCP is meant
 * for the loopback, which is the default of `host`.
 * @throws SystemError as `connect` and `listen` do: ENOENT, ECONNREFUSED, EACCES, EADDRINUSE, ...; RangeError or TypeError for an
 *   option
 */
export async function openByteStream(options: ByteStreamOptions): Promise<ByteStreamNetif> {
  const { listen = false, reconnect } = options
  if (reconnect !== undefined) {
    if (listen) throw new TypeError('reconnect is for who connects: who listens waits for the next one anyway')
    integerInRange('reconnect', reconnect, 10, 3_600_000)
  }
  if ('path' in options) {
    checkUnixPath(options.path)
  } else {
    integerInRange('port', options.port, listen ? 0 : 1, 65_535)
  }
  const name = options.name ?? ('path' in options ? 'unix' : 'tcp')
  if (listen) {
    const listening = new Listening(options)
    const netif = new ByteStreamNetif(listening, { ...options, name })
    await listening.start(netif)
    return netif
  }
  const connecting = new Connecting(options, reconnect ?? null)
  const netif = new ByteStreamNetif(connecting, { ...options, name })
  await connecting.start(netif)
  return netif
}

class Connecting implements PeerSource {
  readonly #address: StreamAddress
  readonly #interval: number | null
  #timer: NodeJS.Timeout | null = null
  #attempt: Socket | null = null
  #closed = false
  #isReferenced = true

  constructor(address: StreamAddress, interval: number | null) {
    this.#address = address
    this.#interval = interval
  }

  /** Resolves when there is a connection, or at once where it is tried for ever. */
  async start(netif: ByteStreamNetif): Promise<void> {
    if (this.#interval !== null) {
      this.#try(netif)
      return
    }
    const connected = new Promise<void>((resolve, reject) => {
      const socket = this.#connect()
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.removeAllListeners('error')
        netif.use(socket)
        resolve()
      })
    })
    await connected.catch(async (error) => {
      throw await addressError(error, 'connect', this.#address)
    })
  }

  lost(netif: ByteStreamNetif, error: Error | null): void {
    if (this.#interval === null) {
      const hint = `${textOf(this.#address)} was closed by its other end`
      const code = (error as NodeJS.ErrnoException | null)?.code
      // Who is sending when the other end goes may hear of it so.
      const isOver = error === null || code === 'EPIPE' || code === 'ECONNRESET'
      netif.fail(isOver ? new SystemError('ECONNRESET', 'read', { hint }) : error)
    } else {
      this.#later(netif)
    }
  }

  refer(isReferenced: boolean): void {
    this.#isReferenced = isReferenced
    if (isReferenced) {
      this.#timer?.ref()
      this.#attempt?.ref()
    } else {
      this.#timer?.unref()
      this.#attempt?.unref()
    }
  }

  close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#attempt?.destroy()
    return Promise.resolve()
  }

  #try(netif: ByteStreamNetif): void {
    const socket = (this.#attempt = this.#connect())
    if (!this.#isReferenced) socket.unref()
    const failed = () => {
      this.#attempt = null
      this.#later(netif)
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      this.#attempt = null
      socket.removeListener('error', failed)
      netif.use(socket)
    })
  }

  #later(netif: ByteStreamNetif): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#try(netif), this.#interval!)
    if (!this.#isReferenced) this.#timer.unref()
  }

  #connect(): Socket {
    const address = this.#address
    if ('path' in address) return connect({ path: address.path })
    return connectOnSystem({ host: LOOPBACK, ...portOf(address), ...TCP_OPTIONS })
  }
}

class Listening implements PeerSource {
  readonly #address: StreamAddress
  readonly #server: Server

  constructor(address: StreamAddress) {
    this.#address = address
    this.#server = createServer('path' in address ? {} : TCP_OPTIONS)
  }

  async start(netif: ByteStreamNetif): Promise<void> {
    this.#server.on('connection', (socket) => netif.use(socket))
    try {
      await this.#listen()
    } catch (error) {
      if (!('path' in this.#address) || !(await removeStale(this.#address.path, error as NodeJS.ErrnoException))) {
        throw await addressError(error as NodeJS.ErrnoException, 'listen', this.#address)
      }
      await this.#listen()
    }
    this.#server.on('error', (error) => netif.fail(error))
  }

  /** The next one comes by itself. */
  lost(): void {}

  refer(isReferenced: boolean): void {
    if (isReferenced) this.#server.ref()
    else this.#server.unref()
  }

  close(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #listen(): Promise<void> {
    const address = this.#address
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen('path' in address ? { path: address.path } : { host: LOOPBACK, ...portOf(address) }, () => {
        this.#server.removeListener('error', reject)
        resolve()
      })
    })
  }
}

function portOf({ host, port }: { host?: string; port: number }): { host?: string; port: number } {
  return host === undefined ? { port } : { host, port }
}

/** Takes away the socket that a process left behind which was killed; not one where somebody listens. */
async function removeStale(path: string, error: NodeJS.ErrnoException): Promise<boolean> {
  if (error.code !== 'EADDRINUSE') return false
  const isSocket = await lstat(path).then(
    (found) => found.isSocket(),
    () => false,
  )
  if (!isSocket) return false
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ path })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
    socket.once('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
  })
  if (code !== 'ECONNREFUSED') return false
  await unlink(path)
  return true
}

function textOf(address: StreamAddress): string {
  return 'path' in address ? address.path : `${address.host ?? LOOPBACK} port ${address.port}`
}

async function addressError(
  error: NodeJS.ErrnoException,
  syscall: string,
  address: StreamAddress,
): Promise<SystemError> {
  const problem = 'path' in address ? await pathProblem(address.path, syscall) : null
  const code = problem?.code ?? ((error.code ?? 'EIO') as SystemErrorCode)
  return new SystemError(code, syscall, { hint: problem?.hint ?? hintFor(code, textOf(address)), cause: error })
}

function hintFor(code: string, where: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `nobody listens at ${where}: start the other end first, or let this one wait for it with ",reconnect=1s"`
    case 'EADDRINUSE':
      return `${where} is taken by somebody else`
    case 'EACCES':
    case 'EPERM':
      return `no permission for ${where}`
    case 'EPROTOTYPE':
      return `${where} is a socket of another type, of datagrams maybe`
    default:
      return where
  }
}
