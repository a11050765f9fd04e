/** The socket calls of the adapter, against hand-made segments: more of them than the scripts at hand make. */
import { beforeEach, describe, expect, test } from 'vitest'
import { dissect, type TcpView } from '../support/dissect.ts'
import { between, type Payload, type TcpFields } from '../support/frames.ts'
import makeAdapter from './adapter.ts'
import type { CallResult } from './call.ts'

const CONTEXT = { bindPort: 8080, connectPort: 8080 }
const ETHERNET_HEADER = 14
const HOSTS = between(
  { mac: '02:00:00:00:00:02', address: '192.0.2.1' },
  { mac: '02:00:00:00:00:01', address: '192.168.0.1' },
)

type Adapter = Awaited<ReturnType<typeof makeAdapter>>
type Handle = unknown

let adapter: Adapter
/** The stack's port, and the first numbers of both sides behind their SYNs. */
let port: number
let ours: number

beforeEach(async () => {
  adapter = await makeAdapter({ localIp: 'v4', mtu: 1500 })
  port = 8080
})

const call = (name: string, ...args: unknown[]) => adapter.call(name, args, CONTEXT)
const socket = (type = 'SOCK_STREAM') => (call('socket', undefined, type, 'IPPROTO_TCP') as { ret: Handle }).ret
const nonBlocking = (handle: Handle) => call('fcntl', handle, 'F_SETFL', 'O_RDWR|O_NONBLOCK')
const poll = (result: CallResult) => (result as { pending: () => CallResult | null }).pending()

/** A segment of the peer, whose numbers begin at 0. */
function send(fields: Partial<TcpFields> & { flags: string }, data: Payload = ''): void {
  const frame = HOSTS.tcp({ sourcePort: 8080, destinationPort: port, window: 60_000, ...fields }, data)
  adapter.inject(frame.subarray(ETHERNET_HEADER))
}

function sent(): TcpView[] {
  const header = Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0)
  return adapter.takeTx().map(({ ip }) => dissect(Uint8Array.of(...header, ...ip)).tcp!)
}

/** Connected to the peer, with nothing but an MSS agreed on. */
function connected(mss = 1000): Handle {
  const handle = socket()
  nonBlocking(handle)
  expect(call('connect', handle, undefined, undefined)).toEqual({ ret: -1, errno: 'EINPROGRESS' })
  const [syn] = sent()
  port = syn.sourcePort
  ours = (syn.seq + 1) | 0
  send({ flags: 'SA', seq: 0, ack: ours, mss })
  sent()
  return handle
}

describe('opening', () => {
  test('accept waits for a handshake', () => {
    const listener = socket()
    call('bind', listener, undefined, undefined)
    call('listen', listener, 1)
    const accepting = call('accept', listener, undefined, undefined)
    expect(poll(accepting)).toBe(null)
    send({ flags: 'S', seq: 0, mss: 1000 })
    const [{ seq }] = sent()
    expect(poll(accepting)).toBe(null)
    send({ flags: 'A', seq: 1, ack: seq + 1 })
    const { ret } = poll(accepting) as { ret: Handle }
    expect(adapter.tcpi(ret)).toMatchObject({ tcpi_state: 'TCPI_ESTABLISHED', tcpi_snd_mss: 1000 })
    expect(adapter.tcpi(listener)).toEqual({ tcpi_state: 'TCPI_LISTEN' })
    expect(adapter.command('sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep 1')).toBe(0)
    expect(adapter.command('sockstat -4 -P tcp -s | grep -c LISTEN | grep 0')).toBe(1)
    nonBlocking(listener)
    expect(call('accept', listener, undefined, undefined)).toEqual({ ret: -1, errno: 'EWOULDBLOCK' })
  })

  test('connect waits, or is in progress', () => {
    const handle = socket()
    const connecting = call('connect', handle, undefined, undefined)
    expect(poll(connecting)).toBe(null)
    const [{ seq, sourcePort }] = sent()
    port = sourcePort
    send({ flags: 'SA', seq: 0, ack: seq + 1 })
    expect(poll(connecting)).toEqual({ ret: 0 })
    expect(call('connect', handle, undefined, undefined)).toEqual({ ret: -1, errno: 'EISCONN' })

    const other = socket('SOCK_STREAM|SOCK_NONBLOCK')
    expect(call('connect', other, undefined, undefined)).toEqual({ ret: -1, errno: 'EINPROGRESS' })
    expect(call('connect', other, undefined, undefined)).toEqual({ ret: -1, errno: 'EALREADY' })
    const syn = sent().at(-1)!
    port = syn.sourcePort
    send({ flags: 'RA', seq: 0, ack: syn.seq + 1 })
    expect(call('getsockopt', other, 'SOL_SOCKET', 'SO_ERROR', [0], [4])).toEqual({ ret: 0, opt: 'ECONNREFUSED' })
    expect(call('getsockopt', other, 'SOL_SOCKET', 'SO_ERROR', [0], [4])).toEqual({ ret: 0, opt: 0 })
    expect(adapter.tcpi(other)).toMatchObject({ tcpi_state: 'TCPI_CLOSED' })
  })

  test('over IPv6', async () => {
    adapter = await makeAdapter({ localIp: 'v6', mtu: 1500 })
    expect([adapter.localIp.length, adapter.remoteIp.length]).toEqual([16, 16])
    const handle = socket()
    const connecting = call('connect', handle, undefined, undefined)
    const [{ ip }] = adapter.takeTx()
    const header = Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd)
    const { tcp } = dissect(Uint8Array.of(...header, ...ip))
    const peer = between(
      { mac: '02:00:00:00:00:02', address: 'fd3d:fa7b:d17d::1' },
      { mac: '02:00:00:00:00:01', address: 'fd3d:a0b:17d6::1' },
    )
    const answer = { sourcePort: 8080, destinationPort: tcp!.sourcePort, flags: 'SA', seq: 0, ack: tcp!.seq + 1 }
    adapter.inject(peer.tcp(answer).subarray(ETHERNET_HEADER))
    expect(poll(connecting)).toEqual({ ret: 0 })
    expect(adapter.command('sockstat -6 -P tcp -s | grep -c tcp6 | grep 1')).toBe(0)
    expect(adapter.command('sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep 0')).toBe(0)
  })

  test('what is no TCP is left to others', () => {
    expect(call('socket', undefined, 'SOCK_DGRAM', 'IPPROTO_UDP')).toHaveProperty('unsupported')
    expect(call('epoll_create', 1)).toHaveProperty('unsupported')
    expect(call('read', 17, undefined, 10)).toEqual({ ret: -1, errno: 'EBADF' })
  })
})

describe('data', () => {
  test('reading: waiting, looking first, the end, what went wrong', () => {
    const handle = connected()
    expect(call('read', handle, undefined, 100)).toEqual({ ret: -1, errno: 'EWOULDBLOCK' })
    call('fcntl', handle, 'F_SETFL', 'O_RDWR')
    const reading = call('recv', handle, undefined, 100, 0)
    expect(poll(reading)).toBe(null)
    send({ flags: 'A', seq: 1, ack: ours }, 'hello')
    expect(call('recv', handle, undefined, 100, 'MSG_PEEK')).toEqual({ ret: 5 })
    expect(poll(reading)).toEqual({ ret: 5 })
    expect(call('recvfrom', handle, undefined, 100, 'MSG_DONTWAIT')).toEqual({ ret: -1, errno: 'EWOULDBLOCK' })
    expect(call('read', handle, 'NULL', 100)).toEqual({ ret: -1, errno: 'EFAULT' })
    send({ flags: 'FA', seq: 6, ack: ours })
    expect(call('read', handle, undefined, 100)).toEqual({ ret: 0 })
    send({ flags: 'R', seq: 7 })
    expect(call('write', handle, undefined, 100)).toEqual({ ret: -1, errno: 'ECONNRESET' })
    expect(call('write', handle, undefined, 100)).toEqual({ ret: -1, errno: 'EPIPE' })
    expect(call('shutdown', handle, 'SHUT_WR')).toEqual({ ret: -1, errno: 'ENOTCONN' })
    expect(call('read', socket(), undefined, 100)).toEqual({ ret: -1, errno: 'ENOTCONN' })
  })

  test('writing: as much as there is room for, and waiting for room', () => {
    const handle = connected()
    call('setsockopt', handle, 'SOL_SOCKET', 'SO_SNDBUF', [2500], 4)
    expect(call('write', handle, 'NULL', 10)).toEqual({ ret: -1, errno: 'EFAULT' })
    expect(call('write', handle, undefined, 4000)).toEqual({ ret: 2500 })
    expect(call('send', handle, undefined, 10, 0)).toEqual({ ret: -1, errno: 'EWOULDBLOCK' })
    expect(sent().map(({ length }) => length)).toEqual([1000, 1000, 500])
    call('fcntl', handle, 'F_SETFL', 'O_RDWR')
    const writing = call('sendto', handle, undefined, 600, 0, undefined, undefined)
    expect(poll(writing)).toBe(null)
    send({ flags: 'A', seq: 1, ack: ours + 2500 })
    expect(poll(writing)).toEqual({ ret: 600 })
    expect(sent().map(({ length }) => length)).toEqual([600])
  })
})

describe('options', () => {
  test('that connections know', () => {
    const handle = socket()
    nonBlocking(handle)
    for (const [level, option, value] of [
      ['SOL_SOCKET', 'SO_REUSEADDR', 1],
      ['IPPROTO_TCP', 'TCP_NODELAY', 1],
      ['IPPROTO_TCP', 'TCP_MAXSEG', 700],
      ['IPPROTO_TCP', 'TCP_USER_TIMEOUT', 3000],
      ['SOL_SOCKET', 'SO_KEEPALIVE', 1],
      ['IPPROTO_TCP', 'TCP_KEEPIDLE', 2],
    ]) {
      expect(call('setsockopt', handle, level, option, [value], 4)).toEqual({ ret: 0 })
    }
    call('connect', handle, undefined, undefined)
    const [syn] = sent()
    port = syn.sourcePort
    send({ flags: 'SA', seq: 0, ack: syn.seq + 1, mss: 1000 })
    sent()
    call('write', handle, undefined, 1000)
    expect(sent().map(({ length }) => length)).toEqual([700, 300])
    send({ flags: 'A', seq: 1, ack: syn.seq + 1001 })
    adapter.advanceTo(adapter.now() + 2_100_000)
    expect(sent().map(({ length, seq }) => [length, seq])).toEqual([[0, (syn.seq + 1000) >>> 0]])
    expect(call('getsockopt', handle, 'IPPROTO_TCP', 'TCP_KEEPIDLE', [2], [4])).toEqual({ ret: 0, opt: 2 })
    expect(call('getsockopt', handle, 'IPPROTO_TCP', 'TCP_NODELAY', [1], [4])).toEqual({ ret: 0, opt: 1 })
    expect(call('setsockopt', handle, 'IPPROTO_TCP', 'TCP_MD5SIG', [1], 4)).toHaveProperty('unsupported')
  })

  test('closing without lingering resets', () => {
    const handle = connected()
    call('setsockopt', handle, 'SOL_SOCKET', 'SO_LINGER', [{ onoff: 1, linger: 0 }], 8)
    expect(call('close', handle)).toEqual({ ret: 0 })
    expect(sent().map(({ flags }) => flags)).toEqual(['RA'])
  })

  test('of the system: what scripts for FreeBSD rely on, and what others do', () => {
    const window = () => {
      nonBlocking(socket())
      call('connect', socket(), undefined, undefined)
      return sent()[0].windowScale
    }
    adapter.command('sysctl -w net.inet.tcp.rfc1323=0')
    expect(window()).toBe(null)
    expect(adapter.command('sysctl -w net.inet.tcp.delacktime=40')).toBe(0)
    expect(adapter.command('ifconfig lo0')).toBe(0)
  })
})
