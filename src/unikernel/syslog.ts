import type { Stack, UdpSocket } from '../stack/index.ts'
import type { LogEntry } from './logs.ts'

export const SYSLOG_TRANSPORTS = ['udp', 'tcp'] as const
export type SyslogTransport = (typeof SYSLOG_TRANSPORTS)[number]

/** RFC 5426, section 3.3 (UDP); RFC 6587 has none for TCP, where servers listen on the port of RFC 3195 or on this one. */
export const SYSLOG_PORT = 514

/** Facility "user-level messages", RFC 5424, section 6.2.1. */
const FACILITY = 1
/** RFC 5424, section 6.2.1: what was said whatever else is logged is "normal but significant". */
const SEVERITIES: Readonly<Record<LogEntry['level'], number>> = { error: 3, warn: 4, app: 5, info: 6, debug: 7 }
/** Bytes of a message: RFC 5424, section 6.1, has every receiver take 480 and most of them 2,048. */
const LONGEST_DATAGRAM = 1_200
const LONGEST_MESSAGE = 8_192
/** Messages that wait for a connection. */
const QUEUE = 1_000
/** Milliseconds until a connection is tried again. */
const RETRY = 1_000

export interface SyslogOptions {
  readonly address: string
  readonly port: number
  readonly transport: SyslogTransport
  /** Who sends: `--name`. */
  readonly hostName: string
  /** The application. */
  readonly application: string
}

/** An entry as a message of RFC 5424, section 6, its source as MSGID; cut at a number of bytes, between characters. */
export function syslogMessage(entry: LogEntry, text: string, from: SyslogOptions, longest: number): Buffer {
  const priority = FACILITY * 8 + SEVERITIES[entry.level]
  const line = text.replace(/[\r\n]+/g, ' ')
  // What header fields may consist of, section 6: printable US-ASCII, of these lengths.
  const field = (value: string, length: number) => value.replace(/[^\x21-\x7e]/g, '_').slice(0, length) || '-'
  const header = `<${priority}>1 ${entry.time} ${field(from.hostName, 255)} ${field(from.application, 48)}`
  const bytes = Buffer.from(`${header} ${process.pid} ${field(entry.source, 32)} - ${line}`)
  if (bytes.length <= longest) return bytes
  let end = longest
  // Not in the middle of a character: its further bytes are 10xxxxxx (RFC 3629, section 3).
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

/** Sends log entries to a server, over the application's own network. What cannot be sent is dropped, the oldest first. */
export class SyslogSender {
  readonly #stack: Stack
  readonly #options: SyslogOptions
  readonly #queue: Buffer[] = []
  readonly #closing = new AbortController()
  #wake: () => void = () => {}
  #socket: UdpSocket | null = null
  /** Sending may make the network log something, which is not to be sent in turn. */
  #isSending = false
  #done: Promise<void> = Promise.resolve()

  private constructor(stack: Stack, options: SyslogOptions) {
    this.#stack = stack
    this.#options = options
  }

  /** @throws as `Stack.udp` */
  static async open(stack: Stack, options: SyslogOptions): Promise<SyslogSender> {
    const sender = new SyslogSender(stack, options)
    if (options.transport === 'udp') {
      sender.#socket = await stack.udp({ remote: { address: options.address, port: options.port } })
      sender.#socket.onError(() => {})
    } else sender.#done = sender.#connections()
    return sender
  }

  send(entry: LogEntry, text: string): void {
    if (this.#isSending || this.#closing.signal.aborted) return
    this.#isSending = true
    try {
      if (this.#socket !== null) this.#socket.send(syslogMessage(entry, text, this.#options, LONGEST_DATAGRAM))
      else {
        if (this.#queue.length === QUEUE) this.#queue.shift()
        const message = syslogMessage(entry, text, this.#options, LONGEST_MESSAGE)
        // Octet counting, RFC 6587, section 3.4.1.
        this.#queue.push(Buffer.concat([Buffer.from(`${message.length} `), message]))
        this.#wake()
      }
    } catch {
      // As a datagram that is lost on its way: logs must not be what ends an application.
    } finally {
      this.#isSending = false
    }
  }

  /** Sends what waits, as far as there is a connection. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#wake()
    await this.#socket?.close()
    await this.#done
  }

  async #connections(): Promise<void> {
    const { signal } = this.#closing
    const { address, port } = this.#options
    while (!signal.aborted) {
      try {
        const flow = await this.#stack.connect({ address, port, signal })
        // A server says nothing; that it has gone is all there is to hear.
        let isOpen = true
        const ended = () => {
          isOpen = false
          this.#wake()
        }
        flow.onData(() => {}, ended)
        flow.closed.then(ended, ended)
        while (isOpen && !(signal.aborted && this.#queue.length === 0)) {
          const next = this.#queue[0]
          if (next === undefined) await this.#somethingNew()
          else {
            await flow.write(next)
            this.#queue.shift()
          }
        }
        await flow.close({ linger: 1 })
      } catch {
        // Tried again, below.
      }
      if (!signal.aborted) await this.#pause()
    }
  }

  #somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY)
      this.#closing.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
