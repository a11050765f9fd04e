/** Syslog: messages of RFC 5424 over UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425). */
import type { Log } from '../log/index.ts'
import type { Stack } from '../stack/index.ts'
import { Delivery, type TlsIdentity } from './delivery.ts'
import type { Destination, Transport } from './destination.ts'

/** RFC 5426, section 3.3, for UDP; RFC 6587 has none for TCP, where this one is usual; RFC 5425, section 4.1, for TLS. */
export const SYSLOG_PORTS: Readonly<Record<Transport, number>> = { udp: 514, tcp: 514, tls: 6514 }

/** RFC 5424, section 6.2.1, from the gravest to the least. */
export const SYSLOG_SEVERITIES = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'informational',
  'debug',
] as const
/** How bad it is, RFC 5424, section 6.2.1. */
export type SyslogSeverity = (typeof SYSLOG_SEVERITIES)[number]

/** Of RFC 5424, section 6.2.1, those that an application may have. */
export const SYSLOG_FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const
/** Who speaks, RFC 5424, section 6.2.1. */
export type SyslogFacility = keyof typeof SYSLOG_FACILITIES

/** Bytes of a message: RFC 5424, section 6.1, has every receiver take 480 and most of them 2,048; RFC 5425, 4.3.1: 8,192. */
const LONGEST_DATAGRAM = 1_200
const LONGEST_MESSAGE = 8_192

/** Who sends. */
export interface SyslogSource {
  readonly hostName: string
  readonly application: string
  readonly facility: SyslogFacility
}

export interface SyslogMessage {
  /** As RFC 3339 has it. */
  readonly time: string
  readonly severity: SyslogSeverity
  /** MSGID: what kind of message it is. */
  readonly id: string
  /** STRUCTURED-DATA, RFC 5424, section 6.3: elements by their identifiers, parameters by their names. */
  readonly data?: SyslogData | undefined
  readonly text: string
}

/** Structured data, RFC 5424, section 6.3: parameters under the identifier of their element. */
export type SyslogData = Readonly<Record<string, Readonly<Record<string, string>>>>

/** What header fields may consist of, section 6: printable US-ASCII, of these lengths. */
function field(value: string, length: number): string {
  return value.replace(/[^\x21-\x7e]/g, '_').slice(0, length) || '-'
}

/** Section 6.3.2: an SD-NAME is a field without `=`, `]` and `"`. */
function sdName(name: string): string {
  return field(name, 32).replace(/[="\]]/g, '_')
}

/** Section 6.3.3: quotes, backslashes and brackets are escaped. */
function structured(data: SyslogData | undefined): string {
  const elements = Object.entries(data ?? {}).map(([id, parameters]) => {
    const texts = Object.entries(parameters).map(
      ([name, value]) => ` ${sdName(name)}="${value.replace(/[\r\n]+/g, ' ').replace(/["\\\]]/g, '\\$&')}"`,
    )
    return `[${sdName(id)}${texts.join('')}]`
  })
  return elements.length === 0 ? '-' : elements.join('')
}

/** A message as bytes: RFC 5424, section 6, in one line; cut at a number of bytes, between characters. */
export function syslogMessage(message: SyslogMessage, from: SyslogSource, longest: number): Buffer {
  const priority = SYSLOG_FACILITIES[from.facility] * 8 + SYSLOG_SEVERITIES.indexOf(message.severity)
  const header = `<${priority}>1 ${message.time} ${field(from.hostName, 255)} ${field(from.application, 48)}`
  const what = `${field(message.id, 32)} ${structured(message.data)}`
  const bytes = Buffer.from(`${header} ${process.pid} ${what} ${message.text.replace(/[\r\n]+/g, ' ')}`)
  if (bytes.length <= longest) return bytes
  let end = longest
  // Not in the middle of a character: its further bytes are 10xxxxxx (RFC 3629, section 3).
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

export interface SyslogSenderOptions extends SyslogSource {
  readonly server: Destination
  /** Where `server` does not say. */
  readonly transport: Transport
  readonly port?: number | undefined
  readonly tls?: TlsIdentity
  readonly log: Log
}

/** Sends messages to a syslog server, over the application's own network. */
export class SyslogSender {
  readonly #options: SyslogSenderOptions
  readonly #transport: Transport
  readonly delivery: Delivery
  /** Sending may make the network log something, which is not to be sent in turn. */
  #isSending = false

  constructor(stack: Stack, options: SyslogSenderOptions) {
    const { server, log, tls = {} } = options
    const transport = server.transport ?? options.transport
    const port = server.port ?? options.port ?? SYSLOG_PORTS[transport]
    this.#options = options
    this.#transport = transport
    const { host, certificateName } = server
    this.delivery = new Delivery(stack, { host, port, transport, certificateName, tls, what: 'syslog', log })
  }

  send(message: SyslogMessage): void {
    if (this.#isSending) return
    this.#isSending = true
    try {
      const isDatagram = this.#transport === 'udp'
      const bytes = syslogMessage(message, this.#options, isDatagram ? LONGEST_DATAGRAM : LONGEST_MESSAGE)
      // Octet counting: RFC 6587, section 3.4.1, and RFC 5425, section 4.3.
      this.delivery.send(isDatagram ? bytes : Buffer.concat([Buffer.from(`${bytes.length} `), bytes]))
    } finally {
      this.#isSending = false
    }
  }
}
