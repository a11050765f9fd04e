import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { integerInRange, SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { type FrameStream, StreamNetif, type StreamNetifOptions } from '../stream-netif.ts'
import { ETHERNET_HEADER } from './frame-limits.ts'
import type { HostAndPort } from './target.ts'

/** What `openDatagram` takes: frames in UDP datagrams. */
export interface DatagramOptions extends StreamNetifOptions {
  /** Where the other end is; nothing of anybody else is heard. */
  remote: HostAndPort
  /** Where this end is. */
  local: HostAndPort
}

/** RFC 768: as much as one datagram over IPv4 carries, less the Ethernet header. */
export const LARGEST_DATAGRAM_MTU = 65_507 - ETHERNET_HEADER
/** Bytes that the socket may keep; then frames wait in the interface. */
const MOST_WAITING = 1024 * 1024

/**
 * Ethernet over UDP: each datagram is one frame, as QEMU's `-netdev dgram` has them. Meant for the loopback: nothing is encrypted,
 * and a datagram is believed to come from where it says.
 *
 * While the other end is not there, frames are lost and counted as `transmitError`; nobody is told when it goes.
 * @throws SystemError as `bind` does: EADDRINUSE, EADDRNOTAVAIL, ...; RangeError for an option
 */
export async function openDatagram(options: DatagramOptions): Promise<StreamNetif> {
  const { local, remote, mtu } = options
  for (const { port } of [local, remote]) integerInRange('port', port, 1, 65_535)
  if (mtu !== undefined) integerInRange('mtu', mtu, 68, LARGEST_DATAGRAM_MTU)
  const socket = createSocket(isIPv6(remote.host) ? 'udp6' : 'udp4')
  try {
    await when(socket, 'listening', 'bind', local, () => socket.bind(local.port, local.host))
    await when(socket, 'connect', 'connect', remote, () => socket.connect(remote.port, remote.host))
  } catch (error) {
    socket.close()
    throw error
  }
  // What the system grants: a burst should not overflow it.
  socket.setRecvBufferSize(MOST_WAITING)
  const stream = new DatagramStream(socket)
  const netif = new StreamNetif(stream, { name: 'udp', ...options })
  stream.onError = () => netif.counters.transmitError++
  return netif
}

async function when(socket: Socket, event: string, syscall: string, at: HostAndPort, begin: () => void): Promise<void> {
  try {
    const happened = once(socket, event)
    begin()
    await happened
  } catch (error) {
    const code = ((error as NodeJS.ErrnoException).code ?? 'EIO') as SystemErrorCode
    throw new SystemError(code, syscall, { address: at.host, port: at.port, cause: error })
  }
}

class DatagramStream implements FrameStream {
  onError: () => void = () => {}
  readonly #socket: Socket
  #drain: () => void = () => {}
  #isBlocked = false
  #isClosed = false
  readonly #sent = (error: Error | null) => {
    // ECONNREFUSED mostly: the other end is not there, of which the system heard from the datagram before.
    if (error !== null) this.onError()
    if (!this.#isBlocked || this.#isClosed || this.#socket.getSendQueueSize() > MOST_WAITING / 2) return
    this.#isBlocked = false
    this.#drain()
  }

  constructor(socket: Socket) {
    this.#socket = socket
    // Said of what was sent, too, when nobody is in the middle of sending.
    socket.on('error', () => this.onError())
  }

  on(event: string, listener: (value: unknown) => void): void {
    if (event === 'data') this.#socket.on('message', listener)
    else if (event === 'drain') this.#drain = () => listener(undefined)
  }

  write(frame: Uint8Array): boolean {
    this.#socket.send(frame, this.#sent)
    this.#isBlocked = this.#socket.getSendQueueSize() > MOST_WAITING
    return !this.#isBlocked
  }

  /** The kernel's own buffer is as bounded as ours, and drops what is too much as well. */
  pause(): void {}

  resume(): void {}

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  destroy(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.close()
  }
}
