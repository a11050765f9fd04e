import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { loopbackStack } from '../../test/node/loopback-stack.ts'
import { SocketStack, type Stack } from '../stack/index.ts'
import { TrackedStack } from './tracked-stack.ts'

async function serverHolds(stack: Stack): Promise<void> {
  const tracked = new TrackedStack(stack)
  expect(tracked.isIdle).toBe(true)
  const server = tracked.http.createServer((_request, response) => response.end('x')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  let isIdle = false
  const idle = tracked.idle().then(() => {
    isIdle = true
  })
  const { port } = server.address() as AddressInfo
  const [response] = await once(tracked.http.get({ port, host: '127.0.0.1', agent: false }), 'response')
  await response.resume().toArray()
  await wait(150)
  expect([tracked.isIdle, isIdle]).toEqual([false, false])
  server.close()
  await idle
  expect(tracked.isIdle).toBe(true)
}

test('a server of Node’s modules holds an application on the direct stack', async () => {
  const ours = await loopbackStack()
  await serverHolds(ours.stack)
  await ours.close()
})

test('a server of Node’s modules holds an application on the socket stack', async () => {
  const stack = new SocketStack()
  await serverHolds(stack)
  await stack.close()
})
