/** ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443, section 4) over the optional package `raw-socket`. */
import type { EventEmitter } from 'node:events'
import { isIPv4 } from 'node:net'
import { SystemError } from '../../errors/index.ts'
import { loadOptionalPackage, RAW_SOCKET } from '../../netif/index.ts'
import type { PingReply } from '../stack.ts'
import type { EchoRequest } from './ping.ts'

interface RawSocketHandle extends EventEmitter {
  send(
    data: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null, bytes: number) => void,
  ): void
  close(): void
}

/** As much of the package's surface as is used here. */
export interface RawSocketPackage {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocketHandle
  createChecksum(data: Buffer): number
  writeChecksum(data: Buffer, offset: number, checksum: number): void
}

const PROTOCOL_ICMP = 1
const PROTOCOL_ICMPV6 = 58
const FAMILY_IPV4 = 1
const FAMILY_IPV6 = 2

const ECHO_HEADER = 8
const V4 = { echo: 8, reply: 0, unreachable: 3 }
const V6 = { echo: 128, reply: 129, unreachable: 1 }
/** RFC 792: code 0 of "destination unreachable" is the network, all others concern the host or what is on it. */
const CODE_NETWORK = 0

let loaded: RawSocketPackage | null | undefined
let sequence = 0

/** The package, or null where it is not installed, does not load, or the process may not open raw sockets. */
export async function loadRawSocket(): Promise<RawSocketPackage | null> {
  if (loaded !== undefined) return loaded
  try {
    const found = loadOptionalPackage<RawSocketPackage>(RAW_SOCKET)
    const probe = found.createSocket({ protocol: PROTOCOL_ICMP, addressFamily: FAMILY_IPV4, bufferSize: 64 })
    probe.close()
    loaded = found
  } catch {
    loaded = null
  }
  return loaded
}

/** One echo request over a raw socket of its own. */
export function rawSocketPing(
  rawSocket: RawSocketPackage,
  { address, size, timeout, signal }: EchoRequest,
): Promise<PingReply> {
  const v4 = isIPv4(address)
  const types = v4 ? V4 : V6
  const identifier = process.pid & 0xffff
  const number = sequence++ & 0xffff
  const request = Buffer.alloc(ECHO_HEADER + size)
  request[0] = types.echo
  request.writeUInt16BE(identifier, 4)
  request.writeUInt16BE(number, 6)
  // The kernel itself puts the checksum into ICMPv6 messages (RFC 3542, section 3.1).
  if (v4) rawSocket.writeChecksum(request, 2, rawSocket.createChecksum(request))

  return new Promise((resolve, reject) => {
    const socket = rawSocket.createSocket({
      protocol: v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6,
      addressFamily: v4 ? FAMILY_IPV4 : FAMILY_IPV6,
      bufferSize: 65_535,
    })
    const started = performance.now()
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.removeAllListeners('message')
      socket.close()
      settle()
    }
    const fail = (error: Error) => finish(() => reject(error))
    const onAbort = () => fail(new SystemError('ECANCELED', 'ping', { address }))
    const timer = setTimeout(() => fail(new SystemError('ETIMEDOUT', 'ping', { address })), timeout)
    signal.addEventListener('abort', onAbort)
    socket.on('error', (cause) => fail(new SystemError('EIO', 'ping', { address, cause })))
    socket.on('message', (packet: Buffer, source: string) => {
      const elapsed = performance.now() - started
      // An IPv4 raw socket delivers the IP header too, an IPv6 one does not.
      const start = v4 ? (packet[0] & 15) * 4 : 0
      if (packet.length < start + ECHO_HEADER) return
      const type = packet[start]
      if (type === types.reply && source === address && isOurs(packet, start)) {
        const hopLimit = v4 ? packet[8] : 0
        const received = packet.length - start - ECHO_HEADER
        finish(() => resolve({ address, size: received, hopLimit, roundTripMilliseconds: elapsed }))
      } else if (type === types.unreachable) {
        const quoted = start + ECHO_HEADER
        const echo = quoted + (v4 ? (packet[quoted] & 15) * 4 : 40)
        if (packet.length < echo + ECHO_HEADER || packet[echo] !== types.echo || !isOurs(packet, echo)) return
        fail(new SystemError(packet[start + 1] === CODE_NETWORK ? 'ENETUNREACH' : 'EHOSTUNREACH', 'ping', { address }))
      }
    })
    socket.send(request, 0, request.length, address, (cause) => {
      if (cause === null) return
      const network = /network is unreachable/i.test(cause.message)
      fail(new SystemError(network ? 'ENETUNREACH' : 'EHOSTUNREACH', 'ping', { address, cause }))
    })
  })

  function isOurs(packet: Buffer, echo: number): boolean {
    return packet.readUInt16BE(echo + 4) === identifier && packet.readUInt16BE(echo + 6) === number
  }
}
