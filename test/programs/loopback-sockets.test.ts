/** Ten thousand connections of `stack.net` with both ends in one process, over the stack's own loopback. */
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { loopbackStack } from '../node/loopback-stack.ts'

const SOCKETS = 10_000
/** So many messages at a time, which the packet memory of the test holds. */
const AT_ONCE = 500
const MESSAGE = 'x'.repeat(100)

test('10,000 sockets at once, each with an echo, and nothing is left behind', async () => {
  const loopback = await loopbackStack()
  const { net } = loopback.stack
  const server = net.createServer((socket) => socket.pipe(socket))
  server.listen({ port: 0, host: '127.0.0.1', backlog: SOCKETS })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const before = process.memoryUsage().rss
  const start = performance.now()
  // In one tick: packet memory holds less than half of their SYNs.
  const sockets: Socket[] = Array.from({ length: SOCKETS }, () => net.connect(port, '127.0.0.1'))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  expect(loopback.stack.ipv4?.counters.localQueueFull).toBe(0)
  const connected = performance.now()
  let received = 0
  for (let i = 0; i < SOCKETS; i += AT_ONCE) {
    const group = sockets.slice(i, i + AT_ONCE)
    const answers = group.map((socket) => once(socket, 'data'))
    for (const socket of group) socket.write(MESSAGE)
    for (const [data] of await Promise.all(answers)) received += data.length
  }
  const echoed = performance.now()
  expect(received).toBe(SOCKETS * MESSAGE.length)
  expect(sockets.every((socket) => socket.readyState === 'open')).toBe(true)
  const perSocket = (process.memoryUsage().rss - before) / (2 * SOCKETS)
  const milliseconds = [connected - start, echoed - connected].map(Math.round)
  console.log(`10,000 sockets: connected, echoed in ${milliseconds} ms; ${Math.round(perSocket)} bytes for each end`)
  expect(perSocket).toBeLessThan(40_000)
  for (const socket of sockets) socket.destroy()
  server.close()
  await once(server, 'close')
  expect(await loopback.close()).toEqual({ packets: 0, timers: 0 })
}, 120_000)
