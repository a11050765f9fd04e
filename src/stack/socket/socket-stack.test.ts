import { networkInterfaces } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { requires } from '../../../test/requirements.ts'
import { SystemError } from '../../errors/index.ts'
import { withoutMapping } from './host-addresses.ts'
import { systemErrorOf } from './node-errors.ts'
import { SocketStack } from './socket-stack.ts'

const { PATH } = process.env

afterEach(() => {
  process.env.PATH = PATH
})

test('the addresses of the host, loopback among them', async () => {
  await using stack = new SocketStack()
  expect(stack.kind).toBe('socket')
  expect(stack.addresses.map(String)).toContain('127.0.0.1/8')
})

test('without raw-socket and without the program, ping says what is missing', async () => {
  await using stack = new SocketStack()
  process.env.PATH = '/nowhere'
  await expect(stack.ping('127.0.0.1')).rejects.toMatchObject({
    code: 'ENOTSUP',
    syscall: 'ping',
    address: '127.0.0.1',
    hint: expect.stringContaining('raw-socket'),
  })
})

test('ping of any size', async (context) => {
  requires(context, 'ping')
  await using stack = new SocketStack()
  for (const size of [0, 8, 1472, 60_000]) {
    expect(await stack.ping('127.0.0.1', { size })).toMatchObject({ size, hopLimit: 64 })
  }
  await expect(stack.ping('localhost')).rejects.toThrow(/address.*localhost/)
  await expect(stack.ping('127.0.0.1', { size: 65_508 })).rejects.toThrow(/size.*65508/)
  await expect(stack.ping('127.0.0.1', { timeout: 0 })).rejects.toThrow(/timeout.*0/)
})

test('ping ends with its signal, and with the stack', async (context) => {
  requires(context, 'ping')
  const stack = new SocketStack()
  await expect(stack.ping('127.0.0.1', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  const controller = new AbortController()
  const stopped = stack.ping('127.0.0.1', { signal: controller.signal })
  controller.abort('enough')
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
  const closed = stack.ping('127.0.0.1')
  const [outcome] = await Promise.allSettled([closed, stack.close()])
  expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ECONNABORTED' } })
})

test("Node's errors become system errors, and others stay as they are", () => {
  const node = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' })
  const made = systemErrorOf(node, 'write', { address: '10.0.0.1', port: 80 })
  expect(made).toBeInstanceOf(SystemError)
  expect(made).toMatchObject({ code: 'ECONNRESET', syscall: 'read', address: '10.0.0.1', port: 80, cause: node })
  expect(systemErrorOf(made, 'write')).toBe(made)
  const other = Object.assign(new Error('no'), { code: 'ERR_SOMETHING' })
  expect(systemErrorOf(other, 'write')).toBe(other)
})

test('IPv4-mapped addresses', () => {
  expect(withoutMapping('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(withoutMapping('fd00::1')).toBe('fd00::1')
  expect(withoutMapping('::ffff:1:2')).toBe('::ffff:1:2')
})

test('a dual-stack UDP socket serves both families', async (context) => {
  const loopback = Object.values(networkInterfaces()).flat()
  if (!loopback.some((each) => each?.address === '::1')) context.skip('no IPv6 loopback here')
  await using stack = new SocketStack()
  const server = await stack.udp()
  server.onDatagram((data, from) => server.send(data, from))
  const client = await stack.udp()
  const heard: string[] = []
  client.onDatagram((data, from) => heard.push(`${Buffer.from(data)} from ${from.address}`))
  client.send('four', { address: '127.0.0.1', port: server.local.port })
  client.send('six', { address: '::1', port: server.local.port })
  await expect.poll(() => heard.length).toBe(2)
  expect(heard.sort()).toEqual(['four from 127.0.0.1', 'six from ::1'])
  const only4 = await stack.udp({ address: '127.0.0.1' })
  expect(() => only4.send('x', { address: '::1', port: 9 })).toThrow(expect.objectContaining({ code: 'EAFNOSUPPORT' }))
})
