import { Agent, type ClientRequestArgs, createServer, type IncomingMessage, request } from 'node:http'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import type { Listener, Stack } from '../../src/stack/index.ts'
import { connected, connectTo, listenEcho, pattern, readAll, readExactly, rejection, until } from './flows.ts'
import type { Pair } from './pairs.ts'

const MIB = 1024 * 1024

export function streamBehaviour(pair: () => Pair): void {
  describe('Web Streams', () => {
    test('a stream piped through an echo service comes back unchanged', async () => {
      const flow = await connectTo(pair(), await listenEcho(pair()))
      const sent = pattern(8 * MIB, 1)
      let position = 0
      const source = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (position === sent.length) return controller.close()
          const next = Math.min(position + 100_000, sent.length)
          controller.enqueue(sent.subarray(position, next))
          position = next
        },
      })
      const [received] = await Promise.all([collect(flow.readable), source.pipeTo(flow.writable)])
      expect(received.equals(sent)).toBe(true)
      await flow.closed
    })

    test('the same streams at every access, and nothing is read before somebody asks', async () => {
      const { client, server } = await connected(pair())
      expect(server.readable).toBe(server.readable)
      expect(server.writable).toBe(server.writable)
      await client.write('for read()')
      expect((await readExactly(server, 10)).toString()).toBe('for read()')
    })

    test('a slow consumer holds the producer back', async () => {
      const { client, server } = await connected(pair())
      const writer = client.writable.getWriter()
      const chunk = pattern(256 * 1024, 2)
      let written = 0
      let done = false
      const writing = (async () => {
        for (let i = 0; i < 256; i++) {
          await writer.write(chunk)
          written += chunk.length
        }
        await writer.close()
        done = true
      })()
      await new Promise((resolve) => setTimeout(resolve, 150))
      expect(done).toBe(false)
      expect(written).toBeLessThan(24 * MIB)
      expect(await collect(server.readable)).toHaveLength(64 * MIB)
      await writing
    })

    test('cancelling discards the rest and leaves sending open', async () => {
      const { client, server } = await connected(pair())
      await client.write('first')
      const reader = server.readable.getReader()
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('first')
      await reader.cancel()
      await client.write(pattern(MIB, 3))
      await server.write('answer')
      expect((await readExactly(client, 6)).toString()).toBe('answer')
      await Promise.all([client.close(), server.close(), client.closed, server.closed])
    })

    test('aborting resets the connection', async () => {
      const { client, server } = await connected(pair())
      await client.writable.abort(new Error('no more'))
      expect(await rejection(server.closed)).toMatchObject({ code: 'ECONNRESET' })
    })

    test('a reset fails both streams', async () => {
      const { client, server } = await connected(pair())
      const writer = server.writable.getWriter()
      const reading = rejection(server.readable.getReader().read())
      client.abort()
      expect(await reading).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(writer.closed)).toMatchObject({ code: 'ECONNRESET' })
      expect(await rejection(writer.write(Buffer.from('x')))).toMatchObject({ code: 'ECONNRESET' })
    })
  })

  describe('Node streams', () => {
    test('what was written may be used again when its callback is called', async () => {
      const { client, server } = await connected(pair())
      const received = readAll(server)
      const duplex = client.toDuplex()
      const sent: Buffer[] = []
      for (const length of [1, 100, 5_000, 20_000, 200_000, 7, 1_000_000]) {
        const parts = [Buffer.alloc(length), Buffer.alloc(3 * length)]
        for (let i = 0; i < 3; i++) {
          for (const part of parts) part.fill(length + i)
          sent.push(Buffer.concat(parts), Buffer.from('é'))
          duplex.cork()
          duplex.write(parts[0])
          const written = new Promise((resolve) => duplex.write(parts[1], resolve))
          duplex.write('é')
          duplex.uncork()
          await written
        }
      }
      duplex.end()
      expect((await received).equals(Buffer.concat(sent))).toBe(true)
    })

    test('pipeline through a transform', async () => {
      const { client, server } = await connected(pair())
      const duplex = server.toDuplex()
      const upperCase = new Transform({
        transform: (chunk, _encoding, done) => done(null, chunk.toString().toUpperCase()),
      })
      const serving = pipeline(duplex, upperCase, duplex)
      await client.write('shout ')
      await client.write('this')
      await client.shutdown('write')
      expect((await readAll(client)).toString()).toBe('SHOUT THIS')
      await serving
      await Promise.all([client.closed, server.closed])
    })

    test('data that waited before the conversion is not lost', async () => {
      const { client, server } = await connected(pair())
      await client.write('waiting')
      await client.shutdown('write')
      await new Promise((resolve) => setTimeout(resolve, 20))
      const duplex = server.toDuplex()
      const chunks: Buffer[] = []
      for await (const chunk of duplex) chunks.push(chunk)
      expect(Buffer.concat(chunks).toString()).toBe('waiting')
      duplex.end()
      await client.closed
    })

    test('data read by read() before the conversion, the rest by the stream', async () => {
      const { client, server } = await connected(pair())
      await client.write('head')
      expect((await readExactly(server, 4)).toString()).toBe('head')
      const duplex = server.toDuplex()
      expect(server.toDuplex()).toBe(duplex)
      const chunks: Buffer[] = []
      duplex.on('data', (chunk) => chunks.push(chunk))
      const ended = new Promise((resolve) => duplex.once('end', resolve))
      await client.write('body')
      await client.shutdown('write')
      await ended
      expect(Buffer.concat(chunks).toString()).toBe('body')
      duplex.end()
      await Promise.all([client.closed, server.closed])
    })

    test('destroying the stream with an error, and a reset seen by it', async () => {
      const first = await connected(pair())
      const duplex = first.server.toDuplex()
      duplex.on('error', () => {})
      first.client.abort()
      const [error] = await new Promise<NodeJS.ErrnoException[]>((resolve) =>
        duplex.once('error', (...event) => resolve(event)),
      )
      expect(error).toMatchObject({ code: 'ECONNRESET' })
      const second = await connected(pair())
      second.server.toDuplex().destroy()
      expect(await readAll(second.client).catch(() => Buffer.alloc(0))).toHaveLength(0)
    })

    test('an http server and an http agent over flows, with connections kept alive', async () => {
      let connections = 0
      const { server, listener } = await listenHttp(pair().server, (incoming, body) => `${incoming.method} ${body}`)
      server.on('connection', () => connections++)
      const agent = new FlowAgent(pair().client)
      const url = { host: pair().serverAddress, port: listener.local.port, agent }
      for (let i = 0; i < 20; i++) expect(await fetchText(url, `number ${i}`)).toBe(`POST number ${i}`)
      expect(connections).toBe(1)
      const many = await Promise.all(Array.from({ length: 50 }, (_, i) => fetchText(url, `${i}`)))
      expect(many).toEqual(Array.from({ length: 50 }, (_, i) => `POST ${i}`))
      agent.destroy()
      server.closeAllConnections()
    })

    test('large http bodies both ways', async () => {
      const { listener } = await listenHttp(pair().server, (_incoming, body) => body)
      const agent = new FlowAgent(pair().client)
      const body = pattern(4 * MIB, 7).toString('base64')
      const answer = await fetchText({ host: pair().serverAddress, port: listener.local.port, agent }, body)
      expect(answer === body).toBe(true)
      agent.destroy()
    })

    test('an http agent learns that nobody listens', async () => {
      const listener = await pair().server.listen({ port: 0 }, () => {})
      await listener.close()
      const agent = new FlowAgent(pair().client)
      const url = { host: pair().serverAddress, port: listener.local.port, agent }
      expect(await rejection(fetchText(url, ''))).toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('socket timeouts and the methods that http and clients call', async () => {
      const { client, server } = await connected(pair())
      const socket = server.toDuplex() as import('node:net').Socket
      expect(socket.remoteAddress).toBe(client.local.address)
      expect(socket.remotePort).toBe(client.local.port)
      expect(socket.localPort).toBe(client.remote.port)
      expect(socket.connecting).toBe(false)
      socket.setNoDelay(true).setKeepAlive(true, 5000).ref().unref()
      let timeouts = 0
      socket.setTimeout(40, () => timeouts++)
      await until(() => timeouts === 1, 'the timeout')
      socket.setTimeout(0)
      socket.destroy()
      await readAll(client).catch(() => {})
    })
  })
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The way that the agents' documentation shows: a connection that is handed over when it is there. */
class FlowAgent extends Agent {
  readonly #stack: Stack

  constructor(stack: Stack) {
    super({ keepAlive: true, maxSockets: 10 })
    this.#stack = stack
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: import('node:stream').Duplex) => void,
  ): undefined {
    this.#stack.connect({ address: String(options.host), port: Number(options.port) }).then(
      (flow) => callback?.(null, flow.toDuplex()),
      (error) => callback?.(error, undefined as never),
    )
  }
}

async function listenHttp(
  stack: Stack,
  answer: (incoming: IncomingMessage, body: string) => string,
): Promise<{ server: ReturnType<typeof createServer>; listener: Listener }> {
  const server = createServer(async (incoming, response) => {
    response.end(answer(incoming, await text(incoming)))
  })
  server.emit('listening')
  const listener = await stack.listen({ port: 0 }, (flow) => server.emit('connection', flow.toDuplex()))
  return { server, listener }
}

async function text(incoming: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of incoming.setEncoding('utf8')) body += chunk
  return body
}

function fetchText(url: { host: string; port: number; agent: Agent }, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ ...url, method: 'POST' }, (response) => text(response).then(resolve, reject))
      .on('error', reject)
      .end(body)
  })
}
