/** setsockopt and getsockopt as what a connection of ours can be told and asked. */
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import type { BsdSocket } from './bsd-socket.ts'
import { type CallResult, SUCCESS } from './call.ts'

/** What changes nothing that could be seen on the wire. */
const WITHOUT_EFFECT = new Set([
  'SO_REUSEADDR',
  'SO_REUSEPORT',
  'SO_PRIORITY',
  'SO_MARK',
  'SO_BROADCAST',
  'SO_NOSIGPIPE',
  'IP_TTL',
  'IPV6_V6ONLY',
])

/** Sets an option; one that stands on a socket without a connection is set again on the connection that it gets. */
export function setOption(socket: BsdSocket, option: string, value: unknown): CallResult {
  if (WITHOUT_EFFECT.has(option)) return SUCCESS
  const number = numberOf(option, value)
  if (number === null) return { unsupported: `a value for ${option}` }
  if (!(option in SETTERS)) return { unsupported: `option ${option}` }
  socket.options.set(option, number)
  SETTERS[option](socket, number)
  return SUCCESS
}

/** The value of an option, where there is one to be compared. */
export function optionValue(socket: BsdSocket, option: string): CallResult {
  const read = GETTERS[option]
  if (read !== undefined) return { ret: 0, opt: read(socket) }
  const set = socket.options.get(option)
  return set === undefined ? { ret: 0 } : { ret: 0, opt: set }
}

const SETTERS: Record<string, (socket: BsdSocket, value: number) => void> = {
  TCP_NODELAY: ({ connection }, value) => connection?.setNoDelay(value !== 0),
  SO_KEEPALIVE: setKeepAlive,
  TCP_KEEPIDLE: setKeepAlive,
  TCP_KEEPALIVE: setKeepAlive,
  // Of the whole stack: a script has one socket that matters.
  TCP_KEEPINTVL: ({ tcp }, value) => void (tcp.settings.keepAliveInterval = value * SECOND),
  TCP_KEEPCNT: ({ tcp }, value) => void (tcp.settings.keepAliveProbes = value),
  TCP_USER_TIMEOUT: ({ connection }, value) => {
    if (connection !== null && value > 0) connection.userTimeout = value * MILLISECOND
  },
  TCP_QUICKACK: ({ connection, tcp }, value) => {
    if (connection !== null) connection.quickAcknowledgments = value === 0 ? 0 : tcp.settings.quickAcknowledgments
  },
  // Read when the socket listens or connects.
  SO_LINGER: () => {},
  TCP_FASTOPEN: ({ listener }, value) => {
    if (listener !== null) Object.assign(listener, { fastOpen: value })
  },
  TCP_FASTOPEN_CONNECT: () => {},
  SO_SNDBUF: ({ connection, tcp }, value) => {
    if (connection === null) tcp.settings.sendBuffer = value
    else connection.sendBufferLimit = value
  },
  SO_RCVBUF: ({ connection, tcp }, value) => {
    // Before there is a connection: the window that its SYN offers.
    if (connection === null) tcp.settings.receiveBuffer = value
    else connection.receiveLimit = value
  },
  TCP_MAXSEG: ({ connection }, value) => {
    if (connection === null) return
    connection.peerSegmentSize = Math.min(connection.peerSegmentSize, value)
    connection.updateSegmentSize()
  },
}

function setKeepAlive({ connection, options, tcp }: BsdSocket): void {
  const idle = options.get('TCP_KEEPIDLE') ?? options.get('TCP_KEEPALIVE')
  connection?.setKeepAlive(
    options.get('SO_KEEPALIVE') === 1,
    idle === undefined ? tcp.settings.keepAliveIdle : idle * SECOND,
  )
}

const GETTERS: Record<string, (socket: BsdSocket) => number | string> = {
  SO_ERROR: (socket) => socket.takeError() ?? 0,
  SO_TYPE: () => 'SOCK_STREAM',
  SO_ACCEPTCONN: ({ listener }) => (listener === null ? 0 : 1),
  SO_RCVBUF: ({ connection, tcp }) => connection?.receiveLimit ?? tcp.settings.receiveBuffer,
  SO_SNDBUF: ({ connection, tcp }) => connection?.sendBufferLimit ?? tcp.settings.sendBuffer,
  TCP_KEEPIDLE: ({ options, tcp }) => options.get('TCP_KEEPIDLE') ?? tcp.settings.keepAliveIdle / SECOND,
  TCP_KEEPINTVL: ({ tcp }) => tcp.settings.keepAliveInterval / SECOND,
  TCP_KEEPCNT: ({ tcp }) => tcp.settings.keepAliveProbes,
  TCP_MAXSEG: ({ connection }) => connection?.segmentSize ?? 536,
}

/** The number in `[1]`; of SO_LINGER's structure the seconds, or -1 while it is off. */
function numberOf(option: string, value: unknown): number | null {
  const first = Array.isArray(value) ? value[0] : value
  if (typeof first === 'number' && option !== 'SO_LINGER') return first
  if (option === 'SO_LINGER') {
    const [on, seconds] = Array.isArray(value) && value.length > 1 ? value : numbersIn(value)
    return typeof seconds === 'number' ? (on ? seconds : -1) : typeof first === 'number' ? first : null
  }
  return null
}

/** All numbers of a structure, in order. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : []
}
