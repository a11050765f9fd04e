/** The operating system's sockets with some of the host's addresses only: on loopback, which has many of IPv4. */
import { once } from 'node:events'
import { connect, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { SocketStack } from '../../src/stack/index.ts'
import { missing } from '../requirements.ts'
import { rejection } from './flows.ts'

const V4 = '127.0.0.2'
const V6 = '::1'
const OTHER = '127.0.0.1'

beforeEach((context) => {
  const addresses = Object.values(networkInterfaces()).flat()
  const reason = missing('kernel IPv6') ?? (addresses.some((each) => each?.address === V6) ? null : 'no ::1 here')
  if (reason !== null) context.skip(reason)
})

/** What whoever listens there says, or why nobody does. */
function answerOf(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let text = ''
    socket.on('data', (data) => (text += data))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    socket.on('close', () => resolve(text))
  })
}

const answers = async (port: number) => Promise.all([V4, V6, OTHER].map((host) => answerOf(host, port)))

describe('one address of each family', () => {
  const stack = () => new SocketStack({ address: [V4, V6] })

  test('those are its addresses', async () => {
    await using own = stack()
    // 127.0.0.2 answers because 127/8 is the host's; on the interface there is 127.0.0.1 alone.
    expect(own.addresses.map(String)).toEqual(['::1/128'])
  })

  test.each<[string, { address?: string; ipv6Only?: boolean }, string[]]>([
    ['nothing said', {}, ['hello', 'hello', 'ECONNREFUSED']],
    ['::', { address: '::' }, ['hello', 'hello', 'ECONNREFUSED']],
    ['only IPv6', { ipv6Only: true }, ['ECONNREFUSED', 'hello', 'ECONNREFUSED']],
    ['0.0.0.0', { address: '0.0.0.0' }, ['hello', 'ECONNREFUSED', 'ECONNREFUSED']],
    ['one of them', { address: '::1' }, ['ECONNREFUSED', 'hello', 'ECONNREFUSED']],
    ['one of them, written at length', { address: '0:0::1' }, ['ECONNREFUSED', 'hello', 'ECONNREFUSED']],
  ])('listening: %s', async (_, where, expected) => {
    await using own = stack()
    const listener = await own.listen({ port: 0, ...where }, async (flow) => {
      await flow.write('hello')
      await flow.close()
    })
    expect(await answers(listener.local.port)).toEqual(expected)
    await listener.close()
    expect(await answers(listener.local.port)).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'])
  })

  test('an address that is none of them: EADDRNOTAVAIL, which says what is', async () => {
    await using own = stack()
    const expected = { code: 'EADDRNOTAVAIL', address: OTHER, hint: 'this stack is bound to 127.0.0.2 and ::1 alone' }
    expect(await rejection(own.listen({ port: 0, address: OTHER }, () => {}))).toMatchObject(expected)
    expect(await rejection(own.udp({ address: OTHER }))).toMatchObject(expected)
  })

  test('a port that is taken on one of them is taken, and the other is let go of', async () => {
    await using other = new SocketStack()
    const taken = await other.listen({ port: 0, address: V6 }, () => {})
    await using own = stack()
    const { port } = taken.local
    expect(await rejection(own.listen({ port }, () => {}))).toMatchObject({ code: 'EADDRINUSE', address: V6 })
    expect(await answerOf(V4, port)).toBe('ECONNREFUSED')
  })

  test('UDP: both families by one socket, each datagram from and to its address', async () => {
    await using own = stack()
    await using other = new SocketStack()
    const socket = await own.udp()
    expect(socket.local).toMatchObject({ address: '::' })
    socket.onDatagram((data, from, to) => socket.send(`${Buffer.from(data)} to ${to}`, from))
    const client = await other.udp()
    const heard: string[] = []
    client.onDatagram((data, from) => heard.push(`${from.address}: ${Buffer.from(data)}`))
    for (const address of [V4, V6]) client.send('hello', { address, port: socket.local.port })
    await expect.poll(() => heard.sort()).toEqual(['127.0.0.2: hello to 127.0.0.2', '::1: hello to ::1'])
    const refused = await other.udp({ remote: { address: OTHER, port: socket.local.port } })
    const error = new Promise((resolve) => refused.onError(resolve))
    refused.send('nobody')
    expect(await error).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('UDP: groups, hop limits and loopback of each family', async () => {
    await using own = stack()
    const socket = await own.udp()
    socket.joinGroup('239.192.7.7')
    socket.setMulticastLoopback(true)
    socket.setHopLimit(3)
    socket.setMulticastHopLimit(0)
    socket.leaveGroup('239.192.7.7')
    expect(() => socket.leaveGroup('239.192.7.7')).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }))
    expect(() => socket.send('x')).toThrow(expect.objectContaining({ code: 'EDESTADDRREQ' }))
    expect(() => socket.joinGroup('nowhere')).toThrow(TypeError)
  })

  test.each(['net', 'http'] as const)('%s: servers answer on those alone, and close on both', async (name) => {
    await using own = stack()
    const server: Server =
      name === 'net'
        ? own.net.createServer((socket) => socket.end('hello'))
        : own.http.createServer((_request, response) => response.writeHead(204).end())
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    if (name === 'http') {
      const asked = await Promise.all([V4, '[::1]'].map((host) => httpStatus(own, `http://${host}:${port}/`)))
      expect(asked).toEqual([204, 204])
      expect(await answerOf(OTHER, port)).toBe('ECONNREFUSED')
    } else expect(await answers(port)).toEqual(['hello', 'hello', 'ECONNREFUSED'])
    const closed = once(server, 'close')
    server.close()
    await closed
    expect(await answers(port)).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'])
  })

  test('net: connections of both addresses are counted, limited and waited for', async () => {
    await using own = stack()
    const server = own.net.createServer((socket) => socket.on('error', () => {}).resume())
    server.maxConnections = 2
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const sockets = [V4, V6].map((host) => connect({ host, port }))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const count = promisify(server.getConnections.bind(server))
    await expect.poll(() => count()).toBe(2)
    const dropped = once(server, 'drop')
    expect(await answerOf(V4, port)).toMatch(/^(ECONNRESET)?$/)
    expect((await dropped)[0]).toMatchObject({ remotePort: expect.any(Number) })
    let isClosed = false
    server.close(() => (isClosed = true))
    for (const socket of sockets) {
      expect(await count()).toBeGreaterThan(0)
      expect(isClosed).toBe(false)
      socket.destroy()
      await once(socket, 'close')
    }
    await expect.poll(() => isClosed).toBe(true)
  })

  test('net and dgram: an address that is none of them is an error; a class of its own is still of the same kind', async () => {
    await using own = stack()
    const [error] = await once(own.net.createServer().listen(0, OTHER), 'error')
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', address: OTHER })
    const socket = own.dgram.createSocket('udp4')
    socket.bind(0)
    await once(socket, 'listening')
    expect(socket.address().address).toBe(V4)
    socket.close()
    const other = own.dgram.createSocket('udp6').bind({ address: '::2', port: 0 })
    expect((await once(other, 'error'))[0]).toMatchObject({ code: 'EADDRNOTAVAIL' })
    other.close()
    class Own extends own.net.Server {}
    const made = new Own()
    expect([
      made instanceof Own,
      made instanceof own.net.Server,
      made instanceof (await import('node:net')).Server,
    ]).toEqual([true, true, true])
  })
})

async function httpStatus(stack: SocketStack, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    stack.http.get(url, { agent: false }, (response) => resolve(response.resume().statusCode ?? 0)).on('error', reject)
  })
}

test('of one family only: the other is refused, by the stack and by its modules', async () => {
  await using own = new SocketStack({ ipv4Only: true })
  expect(await rejection(own.listen({ port: 0, address: V6 }, () => {}))).toMatchObject({
    code: 'EADDRNOTAVAIL',
    hint: 'this stack is bound to 0.0.0.0 alone',
  })
  const server = own.net.createServer((socket) => socket.end('hello')).listen(0)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  expect(await answers(port)).toEqual(['hello', 'ECONNREFUSED', 'hello'])
  server.close()
  expect(() => new SocketStack({ ipv4Only: true, address: V6 })).toThrow(/family/)
  expect(() => new SocketStack({ address: [V4, OTHER] })).toThrow(/one of each family/)
})
