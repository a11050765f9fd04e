import { describe, expect, test } from 'vitest'
import type { Flow } from '../../src/stack/index.ts'
import { connected, connectTo, listenEcho, pattern, readAll, rejection } from './flows.ts'
import type { Pair } from './pairs.ts'

export function closingBehaviour(pair: () => Pair): void {
  describe('closing the stack', () => {
    test('an idle stack closes at once, twice does no harm', async () => {
      const started = performance.now()
      const first = pair().server.close()
      await Promise.all([first, pair().server.close()])
      await pair().server.close()
      expect(performance.now() - started).toBeLessThan(500)
    })

    test('connections may finish within the grace time', async () => {
      const { client, server, listener } = await connected(pair())
      const data = pattern(1_000_000, 1)
      const closing = pair().server.close(5000)
      expect(await rejection(connectTo(pair(), listener))).toMatchObject({ code: 'ECONNREFUSED' })
      const received = readAll(client)
      await server.write(data)
      await server.shutdown('write')
      expect((await received).equals(data)).toBe(true)
      await client.close()
      await readAll(server)
      const started = performance.now()
      await Promise.all([closing, server.closed])
      expect(performance.now() - started).toBeLessThan(1000)
    })

    test('what is left after the grace time is reset', async () => {
      const { client, server } = await connected(pair())
      const reading = rejection(client.read())
      const started = performance.now()
      await pair().server.close(100)
      expect(performance.now() - started).toBeGreaterThanOrEqual(90)
      expect(performance.now() - started).toBeLessThan(1500)
      expect(await reading).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(server.closed)).toMatchObject({ code: 'ECONNABORTED' })
      expect(await rejection(server.read())).toMatchObject({ code: 'ECONNABORTED' })
    })

    test('without grace everything is reset at once', async () => {
      const flows: Flow[] = []
      const listener = await pair().server.listen({ port: 0 }, (flow) => flows.push(flow))
      const clients = await Promise.all(Array.from({ length: 20 }, () => connectTo(pair(), listener)))
      await pair().server.close(0)
      for (const flow of clients) expect(await rejection(flow.closed)).toMatchObject({ code: 'ECONNRESET' })
      for (const flow of flows) expect(await rejection(flow.closed)).toMatchObject({ code: 'ECONNABORTED' })
    })

    test('connecting ends when the stack closes', async () => {
      const endpoint = await pair().silentEndpoint()
      const attempt = rejection(pair().client.connect(endpoint))
      await pair().client.close(50)
      expect(await attempt).toMatchObject({ code: 'ECONNABORTED', syscall: 'connect' })
    })

    test('a closed stack does nothing any more: ENETDOWN', async () => {
      const { server, clientAddress: address } = pair()
      await server.close(0)
      expect(await rejection(server.listen({ port: 0 }, () => {}))).toMatchObject({ code: 'ENETDOWN' })
      expect(await rejection(server.connect({ address, port: 9 }))).toMatchObject({ code: 'ENETDOWN' })
      expect(await rejection(server.udp())).toMatchObject({ code: 'ENETDOWN' })
      expect(await rejection(server.ping(address))).toMatchObject({ code: 'ENETDOWN' })
    })

    test('UDP sockets and listeners are closed with it', async () => {
      const { server } = pair()
      const listener = await listenEcho(pair())
      const socket = await server.udp()
      await server.close(0)
      expect(() => socket.send('x', { address: '10.0.0.1', port: 9 })).toThrow(
        expect.objectContaining({ code: 'EBADF' }),
      )
      await listener.close()
      await socket.close()
    })

    test('await using closes the stack at the end of the block', async () => {
      {
        await using stack = pair().server
        await stack.listen({ port: 0 }, () => {})
      }
      expect(await rejection(pair().server.listen({ port: 0 }, () => {}))).toMatchObject({ code: 'ENETDOWN' })
    })
  })
}
