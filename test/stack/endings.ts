import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { SystemError } from '../../src/errors/index.ts'
import type { Flow } from '../../src/stack/index.ts'
import { connected, pattern, readAll, readExactly, rejection, until } from './flows.ts'
import type { Pair } from './pairs.ts'

export function endingBehaviour(pair: () => Pair): void {
  describe('the end of a connection', () => {
    test('the client half-closes, and the server goes on sending', async () => {
      const { client, server } = await connected(pair())
      await client.write('request')
      await client.shutdown('write')
      expect((await readAll(server)).toString()).toBe('request')
      expect(await server.read()).toBeNull()
      const answer = pattern(500_000, 1)
      await server.write(answer)
      await server.shutdown('write')
      expect((await readAll(client)).equals(answer)).toBe(true)
      await Promise.all([client.closed, server.closed])
    })

    test('the server half-closes, and the client goes on sending', async () => {
      const { client, server } = await connected(pair())
      await server.write('greeting')
      await server.shutdown('write')
      expect((await readAll(client)).toString()).toBe('greeting')
      const data = pattern(500_000, 2)
      await client.write(data)
      await client.shutdown('write')
      expect((await readAll(server)).equals(data)).toBe(true)
      await Promise.all([client.closed, server.closed])
    })

    test('what had arrived is there after the peer has closed, then the end, again and again', async () => {
      const { client, server } = await connected(pair())
      await client.write('last words')
      await client.close()
      expect((await readExactly(server, 10)).toString()).toBe('last words')
      for (let i = 0; i < 3; i++) expect(await server.read()).toBeNull()
    })

    test('close with a linger of 0 resets at once', async () => {
      const { client, server } = await connected(pair())
      const reading = rejection(readAll(server))
      await client.close({ linger: 0 })
      expect(await reading).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(client.closed)).toMatchObject({ code: 'ECONNABORTED' })
    })

    test('close with a linger of a second resets what nobody has taken by then', async () => {
      const { client, server } = await connected(pair())
      // More than all buffers on the way hold.
      for (let i = 0; i < 40; i++) client.write(pattern(1_000_000, i)).catch(() => {})
      const started = performance.now()
      await client.close({ linger: 1 })
      const took = performance.now() - started
      expect(took).toBeGreaterThan(900)
      expect(took).toBeLessThan(5000)
      expect(await rejection(client.closed)).toMatchObject({ code: 'ECONNABORTED' })
      // libuv may tell of a reset behind data as if it were the end of the stream.
      const received = await readAll(server).catch((error: SystemError) => error.code)
      expect(received === 'ECONNRESET' || received.length < 40_000_000).toBe(true)
    })

    test('close with a linger is like any other if the peer takes everything', async () => {
      const { client, server } = await connected(pair())
      const data = pattern(300_000, 3)
      await client.write(data)
      const [received] = await Promise.all([readAll(server), client.close({ linger: 20 })])
      expect(received.equals(data)).toBe(true)
      await server.close({ linger: 20 })
      await Promise.all([client.closed, server.closed])
    })

    test('a linger out of its range is refused, and the flow goes on', async () => {
      const { client, server } = await connected(pair())
      for (const linger of [-1, 1.5, 65_536]) expect(() => client.close({ linger })).toThrow(RangeError)
      await client.write('still there')
      expect((await readExactly(server, 11)).toString()).toBe('still there')
    })

    test('write after shutdown: EPIPE', async () => {
      const { client } = await connected(pair())
      await client.shutdown('write')
      for (const refused of [
        client.write('x'),
        client.writev([Buffer.from('x')]),
        client.writeInto(1, () => expect.unreachable('nothing to fill')),
      ]) {
        const error = await rejection(refused)
        expect(error).toBeInstanceOf(SystemError)
        expect(error).toMatchObject({ code: 'EPIPE', syscall: 'write' })
        expect(error.errno).toBe(-constants.errno.EPIPE)
      }
    })

    test('shutdown for reading discards, and sending goes on', async () => {
      const { client, server } = await connected(pair())
      const pending = client.read()
      await client.shutdown('read')
      expect(await pending).toBeNull()
      await server.write(pattern(300_000, 3))
      await server.shutdown('write')
      expect(await client.read()).toBeNull()
      await client.write('still sending')
      await client.shutdown('write')
      expect((await readAll(server)).toString()).toBe('still sending')
      await Promise.all([client.closed, server.closed])
    })

    test('close discards what still arrives, and the peer does not see a reset', async () => {
      const { client, server } = await connected(pair())
      await client.write('bye')
      await client.close()
      expect((await readAll(server)).toString()).toBe('bye')
      await server.write(pattern(200_000, 4))
      await server.close()
      await Promise.all([client.closed, server.closed])
    })

    test('close with data on its way delivers all of it', async () => {
      const { client, server } = await connected(pair())
      const data = pattern(4_000_000, 5)
      client.write(data)
      const [received] = await Promise.all([readAll(server), client.close()])
      expect(received.equals(data)).toBe(true)
      await server.close()
    })

    test('shutdown does not wait for a peer that does not read, and loses nothing', async () => {
      const { client, server } = await connected(pair())
      const data = pattern(30_000_000, 7)
      client.write(data)
      await client.shutdown('write')
      expect((await readAll(server)).equals(data)).toBe(true)
      await server.close()
      await client.closed
    })

    test('closing, shutting down and aborting twice does no harm', async () => {
      const { client, server } = await connected(pair())
      await client.shutdown('write')
      await client.shutdown('write')
      await Promise.all([client.close(), client.close()])
      await client.shutdown('both')
      expect(await client.read()).toBeNull()
      await server.close()
      await Promise.all([client.closed, server.closed])
      client.abort()
      client.abort()
      await client.close()
      await client.closed
    })

    test('abort: the peer sees ECONNRESET, and one’s own side ECONNABORTED', async () => {
      const { client, server } = await connected(pair())
      const reading = rejection(server.read())
      const own = rejection(client.read())
      client.abort()
      const error = await reading
      expect(error).toBeInstanceOf(SystemError)
      expect(error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
      expect(error.errno).toBe(-constants.errno.ECONNRESET)
      expect(await rejection(server.closed)).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(server.write('x'))).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(server.read())).toMatchObject({ code: 'ECONNRESET' })
      expect(await own).toMatchObject({ code: 'ECONNABORTED' })
      expect(await rejection(client.closed)).toMatchObject({ code: 'ECONNABORTED' })
      expect(await rejection(client.write('x'))).toMatchObject({ code: 'ECONNABORTED' })
    })

    test('abort while the peer takes nothing ends the writes that wait', async () => {
      const { client, server } = await connected(pair())
      const writes: Promise<unknown>[] = []
      for (let i = 0; i < 40; i++) writes.push(client.write(pattern(1_000_000, i)))
      const last = rejection(writes[writes.length - 1])
      client.abort()
      expect(await last).toMatchObject({ code: 'ECONNABORTED' })
      expect(await failureSeenBy(server)).toMatch(/^(ECONNRESET|EPIPE)$/)
    })

    test('abort right after shutdown resets all the same', async () => {
      const { client, server } = await connected(pair())
      client.shutdown('write')
      client.abort()
      expect(await rejection(client.closed)).toMatchObject({ code: 'ECONNABORTED' })
      expect(await failureSeenBy(server)).toMatch(/^(ECONNRESET|EPIPE)$/)
    })

    test('what the peer sent before it aborted may be read, and then the failure', async () => {
      const { client, server } = await connected(pair())
      const got = readExactly(server, 6)
      await client.write('before')
      expect((await got).toString()).toBe('before')
      client.abort()
      expect(await rejection(server.read())).toMatchObject({ code: 'ECONNRESET' })
    })

    test('data for an application that has closed for good does not hang its sender', async () => {
      const { client, server } = await connected(pair())
      await server.close()
      await client.write(pattern(2_000_000, 6))
      await client.close()
      await Promise.all([client.closed, server.closed])
    })

    test('a failure that nobody waits for is no unhandled rejection', async () => {
      const unhandled: unknown[] = []
      const onUnhandled = (reason: unknown) => unhandled.push(reason)
      process.on('unhandledRejection', onUnhandled)
      try {
        const { client, server } = await connected(pair())
        for (let i = 0; i < 20; i++) server.write(pattern(500_000, i))
        server.shutdown('write')
        server.read()
        client.abort()
        await rejection(server.closed)
        server.write('x')
        server.writev([Buffer.from('x')])
        server.writeInto(1, () => {})
        server.shutdown('both')
        server.read()
        server.close()
        await new Promise((resolve) => setTimeout(resolve, 20))
      } finally {
        process.off('unhandledRejection', onUnhandled)
      }
      expect(unhandled).toEqual([])
    })

    test('await using closes at the end of the block', async () => {
      const { client, server } = await connected(pair())
      {
        await using flow = client
        await flow.write('in the block')
      }
      expect((await readAll(server)).toString()).toBe('in the block')
      await server.close()
      await client.closed
    })
  })
}

/**
 * The code that a flow fails with whose peer has reset the connection, behind a FIN or data. libuv may show such a
 * reset as the end of the stream; then it is seen by the next write.
 */
async function failureSeenBy(flow: Flow): Promise<string | undefined> {
  let failure: NodeJS.ErrnoException | null = null
  flow.closed.catch((error) => {
    failure = error
  })
  await readAll(flow).catch(() => {})
  await until(() => {
    flow.write('x')
    return failure !== null
  }, 'the reset to be seen')
  return (failure as NodeJS.ErrnoException | null)?.code
}
