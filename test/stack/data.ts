import { describe, expect, test } from 'vitest'
import {
  connected,
  connectTo,
  listenEcho,
  pattern,
  readAll,
  readExactly,
  receiveHash,
  rejection,
  sendPattern,
  until,
} from './flows.ts'
import type { Pair } from './pairs.ts'

const MIB = 1024 * 1024

export function dataBehaviour(pair: () => Pair): void {
  describe('data', () => {
    test('what is written comes back from an echo service', async () => {
      const flow = await connectTo(pair(), await listenEcho(pair()))
      await flow.write('text, ')
      await flow.write(Buffer.from('bytes, '))
      await flow.writev([Buffer.from('several '), new Uint8Array([112, 105, 101]), Buffer.from('ces, ')])
      await flow.writeInto(8, (view) => {
        expect(view).toHaveLength(8)
        view.set(Buffer.from('in place'))
      })
      await flow.write('')
      await flow.write(' \u00fc')
      await flow.shutdown('write')
      expect((await readAll(flow)).toString()).toBe('text, bytes, several pieces, in place \u00fc')
      await flow.close()
      await flow.closed
    })

    test('the bytes of any view, from few to more than one packet takes; nothing else', async () => {
      const { client, server } = await connected(pair())
      for (const length of [6, 30_000, 300_000]) {
        const bytes = pattern(length, 5)
        const padded = new Uint8Array(length + 4)
        padded.set(bytes, 2)
        const views = [Uint8ClampedArray, Int8Array, Uint16Array].map(
          (View) => new View(padded.buffer, 2, length / View.BYTES_PER_ELEMENT),
        )
        const written = Promise.all(
          [...views, new DataView(padded.buffer, 2, length)].map((view) => client.write(view as never)),
        )
        expect((await readExactly(server, 4 * length)).equals(Buffer.concat([bytes, bytes, bytes, bytes]))).toBe(true)
        await written
      }
      for (const [wrong, shown] of [
        [42, '42'],
        [null, 'null'],
        [undefined, 'undefined'],
        [{}, 'an object of Object'],
        [new ArrayBuffer(9), 'an object of ArrayBuffer'],
      ] as const) {
        const expected = new TypeError(`what is written is a string or a Uint8Array, not ${shown}`)
        expect(() => client.write(wrong as never)).toThrow(expected)
        expect(() => client.writev([Buffer.from('not sent'), wrong as never])).toThrow(expected)
      }
      await client.write('end')
      await client.close()
      expect((await readAll(server)).toString()).toBe('end')
    })

    test('40 MB in both directions at once, unchanged', async () => {
      const { client, server } = await connected(pair())
      const [sentUp, sentDown, gotUp, gotDown] = await Promise.all([
        sendPattern(client, 160, 256 * 1024, 1),
        sendPattern(server, 160, 256 * 1024, 1000),
        receiveHash(server),
        receiveHash(client),
      ])
      expect(gotUp).toEqual({ hash: sentUp, length: 40 * MIB })
      expect(gotDown).toEqual({ hash: sentDown, length: 40 * MIB })
      await Promise.all([client.close(), server.close(), client.closed, server.closed])
    })

    test('writes of every odd size, by every way of writing, arrive in order', async () => {
      const { client, server } = await connected(pair())
      const all = pattern(2 * MIB, 3)
      const send = async () => {
        let position = 0
        for (let i = 0; position < all.length; i++) {
          const size = Math.min(1 + ((i * 7919) % 20_011), all.length - position)
          const chunk = all.subarray(position, position + size)
          if (i % 3 === 0) await client.write(chunk)
          else if (i % 3 === 1) await client.writeInto(size, (view) => view.set(chunk))
          else await client.writev([chunk.subarray(0, size >> 1), chunk.subarray(size >> 1)])
          position += size
        }
        await client.shutdown('write')
      }
      const [received] = await Promise.all([readAll(server), send()])
      expect(received.equals(all)).toBe(true)
    })

    test('what is not awaited is sent all the same, in order', async () => {
      const { client, server } = await connected(pair())
      for (let i = 0; i < 1000; i++) client.write(`${i},`)
      client.shutdown('write')
      const expected = Array.from({ length: 1000 }, (_, i) => `${i},`).join('')
      expect((await readAll(server)).toString()).toBe(expected)
    })

    test('what has been read is the own of the reader', async () => {
      const { client, server } = await connected(pair())
      await client.write('first')
      const first = await readExactly(server, 5)
      await client.write('other')
      await readExactly(server, 5)
      expect(first.toString()).toBe('first')
      first.fill(0)
      await client.write('third')
      expect((await readExactly(server, 5)).toString()).toBe('third')
    })

    test('one read at a time', async () => {
      const { client, server } = await connected(pair())
      const first = server.read()
      expect(await rejection(server.read())).toMatchObject({ code: 'EBUSY', syscall: 'read' })
      await client.write('x')
      expect((await first)?.toString()).toBe('x')
    })

    test('leaving a loop early leaves the flow open', async () => {
      const { client, server } = await connected(pair())
      await client.write('one')
      for await (const data of server) {
        expect(data.toString()).toBe('one')
        break
      }
      await server.write('two')
      expect((await readExactly(client, 3)).toString()).toBe('two')
      await client.write('three')
      expect((await readExactly(server, 5)).toString()).toBe('three')
    })

    test('a data handler gets all data, and the end once', async () => {
      const { client, server } = await connected(pair())
      const chunks: Buffer[] = []
      let ends = 0
      server.onData(
        (view) => chunks.push(Buffer.from(view)),
        () => ends++,
      )
      const sent = pattern(3 * MIB, 5)
      await client.write(sent)
      await client.shutdown('write')
      await until(() => ends > 0, 'the end')
      expect(Buffer.concat(chunks).equals(sent)).toBe(true)
      await server.close()
      await server.closed
      expect(ends).toBe(1)
    })

    test('a data handler set late gets what had arrived before', async () => {
      const { client, server } = await connected(pair())
      await client.write('early')
      await client.shutdown('write')
      await new Promise((resolve) => setTimeout(resolve, 20))
      let text = ''
      await new Promise<void>((resolve) => server.onData((view) => (text += Buffer.from(view).toString()), resolve))
      expect(text).toBe('early')
    })

    test('a data handler and read exclude each other', async () => {
      const { client, server } = await connected(pair())
      server.onData(() => {})
      expect(await rejection(server.read())).toMatchObject({ code: 'EBUSY' })
      const pending = client.read()
      expect(() => client.onData(() => {})).toThrow(expect.objectContaining({ code: 'EBUSY' }))
      server.shutdown('write')
      expect(await pending).toBeNull()
    })

    test('a data handler that throws ends its own flow only', async () => {
      const { client, server, listener } = await connected(pair())
      const failure = new Error('thrown by the test')
      server.onData(() => {
        throw failure
      })
      await client.write('x')
      expect(await rejection(server.closed)).toBe(failure)
      expect(await rejection(client.closed)).toMatchObject({ code: 'ECONNRESET' })
      const other = await connectTo(pair(), listener)
      other.abort()
    })

    test('a reader that pauses slows the writer down within bounded memory, and then gets everything', async () => {
      const { client, server } = await connected(pair())
      let received = 0
      let ended = false
      let intact = true
      const chunk = pattern(64 * 1024, 9)
      server.onData(
        (view) => {
          for (let i = 0; i < view.length; i += 997) {
            if (view[i] !== chunk[(received + i) % chunk.length]) intact = false
          }
          received += view.length
          if (received === view.length) server.pause()
        },
        () => {
          ended = true
        },
      )
      const total = 64 * MIB
      let accepted = 0
      const writing = (async () => {
        while (accepted < total) {
          await client.write(chunk)
          accepted += chunk.length
        }
        await client.shutdown('write')
      })()
      let before = -1
      while (before !== accepted) {
        before = accepted
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      // 1 MiB of our send buffer and 6 MiB of receive window, or the kernel's 4 and 6 MiB and what Node holds.
      expect(accepted).toBeLessThan(24 * MIB)
      const heldBack = received
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(received).toBe(heldBack)
      server.resume()
      await writing
      await until(() => ended, 'the end')
      expect(received).toBe(total)
      expect(intact).toBe(true)
    })

    test('a reader that does not read slows the writer down, and then gets everything', async () => {
      const { client, server } = await connected(pair())
      let taken = 0
      let sent = false
      const sending = sendPattern(client, 512, 64 * 1024, 20).then((hash) => {
        sent = true
        return hash
      })
      await new Promise((resolve) => setTimeout(resolve, 150))
      expect(sent).toBe(false)
      const got = await receiveHash(server)
      taken = got.length
      expect(taken).toBe(32 * MIB)
      expect(got.hash).toBe(await sending)
    })

    test('an echo service stops reading for a client that takes nothing, and loses nothing', async () => {
      const flow = await connectTo(pair(), await listenEcho(pair()))
      let sent = false
      const sending = sendPattern(flow, 1024, 64 * 1024, 40).then((hash) => {
        sent = true
        return hash
      })
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(sent).toBe(false)
      const got = await receiveHash(flow)
      expect(got).toEqual({ hash: await sending, length: 64 * MIB })
    })

    test('ping-pong of small messages, with and without delay', async () => {
      for (const noDelay of [true, false]) {
        const { client, server } = await connected(pair(), { noDelay })
        server.setNoDelay(noDelay)
        const serving = (async () => {
          for await (const data of server) await server.write(data)
        })()
        for (let i = 0; i < 300; i++) {
          await client.write('ping')
          expect(await readExactly(client, 4)).toHaveLength(4)
        }
        await client.close()
        await serving
        await server.close()
      }
    })

    test('a snapshot with the names of TCP_INFO, where the stack can tell', async () => {
      const { client, server } = await connected(pair())
      const isDirect = pair().client.kind === 'direct'
      if (!isDirect) {
        expect(() => client.info()).toThrow(expect.objectContaining({ code: 'ENOTSUP', syscall: 'getsockopt' }))
      } else {
        await client.write('hello')
        await readExactly(server, 5)
        expect(server.info()).toMatchObject({ state: 'ESTABLISHED', bytes_received: 5, data_segs_in: 1 })
        expect(client.info()).toMatchObject({ bytes_sent: 5, notsent_bytes: 0 })
        client.abort()
        expect(client.info().state).toBe('CLOSED')
      }
    })

    test('options out of range are refused by name', async () => {
      const { client } = await connected(pair())
      client.setKeepAlive(true, 10)
      client.setKeepAlive(true)
      client.setKeepAlive(false)
      client.setNoDelay(true)
      expect(() => client.setKeepAlive(true, 0)).toThrow(/initialDelay.*0/)
      expect(() => client.setKeepAlive(true, 40_000)).toThrow(/initialDelay.*40000/)
      expect(() => client.writeInto(0, () => {})).toThrow(/size.*0/)
      expect(() => client.writeInto(65_537, () => {})).toThrow(/size.*65537/)
    })
  })
}
