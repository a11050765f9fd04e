import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Log } from '../log/index.ts'
import { DirectStack, type Flow, type Stack, type UdpSocket } from '../stack/index.ts'
import { formatDestination, type Transport } from './destination.ts'

/** Messages that wait for a connection. */
const QUEUE = 1_000
/** Milliseconds until a connection is tried again. */
const RETRY = 1_000
/** Seconds that a server has to take the last messages. */
const LINGER = 1

/** Of TLS, in PEM. */
export interface TlsIdentity {
  /** Certificates that are trusted instead of Node's. */
  readonly ca?: string | undefined
  /** Our own certificate and its key, where the server wants to know who we are. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

export interface DeliveryOptions {
  /** An address or a name. */
  readonly host: string
  readonly port: number
  readonly transport: Transport
  /** Whose certificate the server has to have; default that of `host`. */
  readonly certificateName?: string | null
  readonly tls?: TlsIdentity
  /** What is delivered, for the log: `syslog`. */
  readonly what: string
  /** Hears when the server cannot be reached, and when it can be again. */
  readonly log: Log
}

/** One connection to the server. */
interface Line {
  /** Resolves when there is room for more. */
  write(message: Buffer): Promise<void> | undefined
  /** Sends what was written, and closes. */
  end(): Promise<void>
  /** At once, whatever has become of it. */
  drop(): void
  /** That the server has ended it, or what has. */
  readonly ended: Promise<void>
}

/**
 * Messages to one server over a stack: logs, measurements. What cannot be sent waits, 1,000 messages at most, of which the oldest
 * are dropped first; a server that has gone is tried again every second. It holds no application open.
 */
export class Delivery {
  readonly #stack: Stack
  readonly #options: DeliveryOptions
  readonly #queue: Buffer[] = []
  readonly #ending = new AbortController()
  #isClosing = false
  #isConnected = false
  #wake: () => void = () => {}
  /** Whether the log has been told that the server cannot be reached. */
  #isComplaining = false
  #dropped = 0
  #sent = 0
  readonly #done: Promise<void>

  constructor(stack: Stack, options: DeliveryOptions) {
    this.#stack = stack
    this.#options = options
    this.#done = this.#lines()
  }

  /** Messages that were handed to the network. */
  get sent(): number {
    return this.#sent
  }

  /** Messages that found no place in the queue, or were left in it at the end. */
  get dropped(): number {
    return this.#dropped
  }

  send(message: Buffer): void {
    if (this.#isClosing) {
      this.#dropped++
      return
    }
    if (this.#queue.length === QUEUE) {
      this.#queue.shift()
      this.#dropped++
    }
    this.#queue.push(message)
    this.#wake()
  }

  /** Sends what waits, for `within` milliseconds at most. */
  async close(within: number): Promise<void> {
    this.#isClosing = true
    this.#wake()
    const end = () => {
      this.#ending.abort()
      this.#wake()
    }
    const timer = setTimeout(end, within)
    // A connection that is being made for nothing.
    if (this.#queue.length === 0 && !this.#isConnected) end()
    await this.#done
    clearTimeout(timer)
    this.#dropped += this.#queue.splice(0).length
  }

  async #lines(): Promise<void> {
    const { signal } = this.#ending
    // Whoever makes one sends its first message before anything happens.
    await Promise.resolve()
    while (!signal.aborted) {
      try {
        await this.#use(await this.#open())
      } catch (error) {
        this.#complain(error)
      }
      if (this.#isClosing) return
      await this.#pause()
      if (this.#isClosing) return
    }
  }

  /** Sends over one connection until that has ended, or there is nothing more to come. */
  async #use(line: Line): Promise<void> {
    this.#isConnected = true
    this.#praise()
    let isOpen = true
    let reason: unknown = new Error('the server has closed the connection')
    line.ended.then(
      () => {
        isOpen = false
        this.#wake()
      },
      (error: unknown) => {
        reason = error
        isOpen = false
        this.#wake()
      },
    )
    const { signal } = this.#ending
    try {
      while (isOpen && !signal.aborted && !(this.#isClosing && this.#queue.length === 0)) {
        const next = this.#queue[0]
        if (next === undefined) {
          await this.#somethingNew()
          continue
        }
        let isTaken = false
        // Not by `Promise.race`, which would keep something for each message as long as the connection is open.
        const taken = () => {
          isTaken = true
          this.#wake()
        }
        const written = line.write(next)
        if (written === undefined) isTaken = true
        else written.then(taken, () => {})
        while (!isTaken && isOpen && !signal.aborted) await this.#somethingNew()
        if (!isTaken) break
        // The oldest may have made room for others meanwhile.
        if (this.#queue[0] === next) this.#queue.shift()
        this.#sent++
      }
      if (!isOpen) throw reason
      if (!signal.aborted) await Promise.race([line.end(), line.ended.catch(() => {}), this.#time(LINGER * 1_000)])
    } finally {
      this.#isConnected = false
      line.drop()
    }
  }

  #open(): Promise<Line> {
    return this.#options.transport === 'udp' ? this.#datagrams() : this.#stream()
  }

  async #datagrams(): Promise<Line> {
    const { host, port } = this.#options
    const address = isIP(host) === 0 ? (await this.#stack.dns.promises.lookup(host)).address : host
    const socket: UdpSocket = await this.#stack.udp({ remote: { address, port } })
    // Datagrams go on being sent to where nobody listens at the moment; it is said once.
    socket.onError((error) => this.#complain(error))
    return {
      write: (message) => void socket.send(message),
      // Whoever is told for the first time has to be found before.
      end: async () => {
        await socket.close()
        if (this.#stack instanceof DirectStack) await this.#stack.packetsSent()
      },
      drop: () => void socket.close(),
      ended: new Promise(() => {}),
    }
  }

  async #stream(): Promise<Line> {
    const { host, port, transport } = this.#options
    const flow = await this.#stack.connect({ address: host, port, signal: this.#ending.signal })
    if (transport === 'tls') return this.#encrypted(flow)
    // A server says nothing; that it has gone is all there is to hear.
    const ended = new Promise<void>((resolve, reject) => {
      flow.onData(() => {}, resolve)
      flow.closed.then(resolve, reject)
    })
    return {
      write: (message) => flow.write(message),
      end: () => flow.close({ linger: LINGER }),
      drop: () => flow.abort(),
      ended,
    }
  }

  /** RFC 5425, section 4.2: TLS from the beginning, and a certificate that is for this server. */
  #encrypted(flow: Flow): Promise<Line> {
    const { host, certificateName, tls } = this.#options
    return new Promise((resolve, reject) => {
      const name = certificateName ?? host
      const carrier: Duplex & { unref?(): unknown } = flow.toDuplex()
      // What is sent holds no application open.
      carrier.unref?.()
      const socket = connectTls({
        socket: carrier,
        host: name,
        // RFC 6066, section 3: names alone are said to the server.
        ...(isIP(name) === 0 ? { servername: name } : {}),
        ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls?.certificate === undefined ? {} : { cert: tls.certificate }),
        ...(tls?.key === undefined ? {} : { key: tls.key }),
        // RFC 9662, which updates RFC 5425, has TLS 1.2 as the least.
        minVersion: 'TLSv1.2',
      })
      const ended = new Promise<void>((closed, failed) => {
        socket.on('error', failed)
        socket.on('end', closed)
        socket.on('close', () => closed())
      })
      const drop = () => {
        socket.destroy()
        flow.abort()
      }
      const abandon = (error: unknown) => {
        drop()
        reject(error)
      }
      ended.then(() => abandon(new Error('the connection ended during the TLS handshake')), abandon)
      this.#ending.signal.addEventListener('abort', drop, { once: true })
      socket.resume()
      socket.once('secureConnect', () => {
        this.#ending.signal.removeEventListener('abort', drop)
        resolve({
          write: (message) => new Promise((written) => void socket.write(message, () => written())),
          // Section 4.4: with a close_notify, which `end` sends.
          end: async () => {
            await new Promise<void>((sent) => void socket.end(sent))
            await flow.close({ linger: LINGER })
          },
          drop,
          ended,
        })
      })
    })
  }

  #praise(): void {
    if (!this.#isComplaining) return
    this.#isComplaining = false
    const { log, what } = this.#options
    log.info(`${what}: the server is reached again`, { ...this.#server(), dropped: this.#dropped })
  }

  #complain(error: unknown): void {
    if (this.#isComplaining || this.#ending.signal.aborted) return
    this.#isComplaining = true
    const { log, what } = this.#options
    const reason = error instanceof Error && error.message !== '' ? error.message : String(error)
    log.warn(`${what}: the server cannot be reached`, { ...this.#server(), reason })
  }

  #server(): { server: string } {
    return { server: formatDestination({ ...this.#options, certificateName: null }) }
  }

  #somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #time(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void setTimeout(resolve, milliseconds).unref())
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(end, RETRY)
      this.#wake = () => {
        if (this.#isClosing) end()
      }
    })
  }
}
