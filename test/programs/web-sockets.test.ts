/** The package `ws` on a tap, as server and as client; on the kernel's stack the other of the two. */
import { expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { KERNEL, STACK, TapLink } from './tap-link.ts'

describeWithNamespaces.each(['server', 'client'])('ws as %s', (role) => {
  test('large messages, compression, pings, ends, and a room of a hundred', async (context) => {
    requires(context, 'strace')
    await using link = await TapLink.create()
    const isServer = role === 'server'
    const server = isServer ? link.program('sockets-server.mjs') : link.kernelProgram('sockets-server.mjs')
    await server.waitFor('ready', 30_000)
    const words = [isServer ? STACK : KERNEL]
    const client = isServer
      ? link.kernelProgram('sockets-client.mjs', words)
      : link.program('sockets-client.mjs', words)
    const finished = await client.finish(60_000)
    expect(finished).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(finished.stdout)).toEqual({
      pong: 'pong are you there',
      large: true,
      compressed: 5_000_000,
      closed: ['1000', 'done'],
      ended: ['4000', 'enough'],
      broken: ['1006', ''],
      refused: 'ECONNREFUSED',
      heard: 10_000,
    })
    expect(server.stderr).toBe('')
  }, 90_000)
})
