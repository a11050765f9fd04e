/** `stack.socket()`: what libraries do with a client socket of their own, on both stacks. */
import { once } from 'node:events'
import { Agent, type ClientRequestArgs, get, type IncomingMessage } from 'node:http'
import { addAbortSignal, type Duplex } from 'node:stream'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Client as HttpClient } from 'undici'
import { describe, expect, test } from 'vitest'
import type { Flow, FlowSocket, Stack } from '../../src/stack/index.ts'
import { answerPostgres, answerRedis } from '../support/database-servers.ts'
import { listenEcho, until } from './flows.ts'
import type { Pair } from './pairs.ts'

const EVENTS = ['connect', 'ready', 'end', 'finish', 'timeout', 'error', 'close'] as const

function watched(socket: FlowSocket): string[] {
  const events: string[] = []
  for (const name of EVENTS) {
    socket.on(name, (word: unknown) =>
      events.push(word instanceof Error ? `${name} ${(word as NodeJS.ErrnoException).code}` : name),
    )
  }
  return events
}

/** Its end, whether in peace or not: `once` of Node would reject with the error. */
function closed(socket: FlowSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** A service of the server's side; where it is. */
async function serve(pair: Pair, onFlow: (flow: Flow) => unknown): Promise<{ host: string; port: number }> {
  const listener = await pair.server.listen({ port: 0 }, onFlow)
  return { host: pair.serverAddress, port: listener.local.port }
}

export function socketBehaviour(pair: () => Pair): void {
  describe('client sockets for libraries', () => {
    test('connect, its events in their order, and what the socket says of itself', async () => {
      const where = await serve(pair(), async (flow) => {
        await flow.write('hello')
        await flow.close()
      })
      const socket = pair().client.socket()
      const events = watched(socket)
      expect([socket.connecting, socket.pending, socket.remoteAddress, socket.address()]).toEqual([
        false,
        true,
        undefined,
        {},
      ])
      expect(socket.connect(where.port, where.host, () => events.push('callback'))).toBe(socket)
      expect([socket.connecting, socket.pending, socket.readyState]).toEqual([true, true, 'opening'])
      await once(socket, 'ready')
      expect([socket.connecting, socket.pending, socket.readyState]).toEqual([false, false, 'open'])
      expect([socket.remoteAddress, socket.remotePort]).toEqual([where.host, where.port])
      expect(socket.address()).toEqual({
        address: socket.localAddress,
        port: socket.localPort,
        family: where.host.includes(':') ? 'IPv6' : 'IPv4',
      })
      let text = ''
      socket.on('data', (data) => {
        text += data
      })
      await closed(socket)
      expect(text).toBe('hello')
      expect(socket.bytesRead).toBe(5)
      expect(events.filter((name) => name !== 'finish')).toEqual(
        ['connect', 'callback', 'ready', 'end', 'close'].filter((name) => events.includes(name)),
      )
      expect(events).toContain('callback')
    })

    test('what is written and ended while it connects goes out then', async () => {
      const where = { host: pair().serverAddress, port: (await listenEcho(pair())).local.port }
      const socket = pair().client.socket()
      socket.setNoDelay(true).setKeepAlive(true, 5000)
      socket.connect(where)
      socket.write('one ')
      socket.write('two ')
      socket.end('three')
      let text = ''
      for await (const part of socket) text += part
      expect(text).toBe('one two three')
      expect(socket.bytesWritten).toBe(13)
    })

    test('errors of connecting are events', async () => {
      const { host, port } = await serve(pair(), () => {})
      const socket = pair().client.socket()
      const events = watched(socket)
      socket.connect(port === 1 ? 2 : 1, host)
      await closed(socket)
      expect(events).toEqual(['error ECONNREFUSED', 'close'])
      expect([socket.destroyed, socket.connecting]).toEqual([true, false])
    })

    test('destroyed or aborted while it connects', async () => {
      const { host, port } = await serve(pair(), () => {})
      const destroyed = pair().client.socket()
      const events = watched(destroyed)
      destroyed.connect(port, host)
      destroyed.destroy()
      await closed(destroyed)
      expect(events).toEqual(['close'])
      const controller = new AbortController()
      const aborted = pair().client.socket()
      aborted.connect({ port, host })
      addAbortSignal(controller.signal, aborted)
      const names = watched(aborted)
      controller.abort()
      await closed(aborted)
      expect(names).toEqual(['error ABORT_ERR', 'close'])
    })

    test('a peer that resets is ECONNRESET, and one that is silent a timeout', async () => {
      const flows: Flow[] = []
      const where = await serve(pair(), (flow) => flows.push(flow))
      const socket = pair().client.socket()
      const events = watched(socket)
      socket.connect(where)
      // From the beginning it would be one of connecting, on a machine that is busy.
      socket.once('ready', () => socket.setTimeout(30))
      await once(socket, 'timeout')
      expect(socket.destroyed).toBe(false)
      socket.setTimeout(0).resume()
      await until(() => flows.length === 1, 'the flow')
      flows[0].abort()
      await closed(socket)
      expect(events).toEqual(['connect', 'ready', 'timeout', 'error ECONNRESET', 'close'])
    })

    test('resetAndDestroy resets, destroySoon sends first', async () => {
      const outcomes: string[] = []
      let accepted = 0
      const where = await serve(pair(), async (flow) => {
        accepted++
        try {
          let text = ''
          for await (const part of flow) text += part
          outcomes.push(`end ${text}`)
        } catch (error) {
          outcomes.push(String((error as NodeJS.ErrnoException).code))
        }
      })
      const soon = pair().client.socket()
      soon.connect(where)
      soon.write('last words')
      soon.destroySoon()
      await until(() => outcomes.length === 1, 'the end')
      const reset = pair().client.socket().connect(where)
      await until(() => accepted === 2, 'the second flow')
      reset.resetAndDestroy()
      await until(() => outcomes.length === 2, 'the reset')
      expect(outcomes).toEqual(['end last words', 'ECONNRESET'])
    })

    test('pg: stream', async () => {
      const where = await serve(pair(), (flow) => answerPostgres(flow.toDuplex()))
      const client = new pg.Client({
        ...where,
        user: 'test',
        database: 'test',
        ssl: false,
        stream: () => pair().client.socket() as never,
      })
      await client.connect()
      expect((await client.query('select one')).rows).toEqual([{ answer: 'select one' }])
      await client.end()
    })

    test('ioredis: Connector', async () => {
      const where = await serve(pair(), (flow) => answerRedis(flow.toDuplex()))
      const redis = new Redis({
        Connector: redisConnector(pair().client, where),
        enableReadyCheck: false,
        retryStrategy: null as never,
      })
      expect(await redis.echo('hello')).toBe('hello')
      redis.disconnect()
      await once(redis, 'end')
    })

    test('http: createConnection of an agent; undici: connect', async () => {
      const { server, where } = await httpServer(pair())
      const agent = new SocketAgent(pair().client)
      const [response] = (await once(get({ ...where, agent, path: '/agent' }), 'response')) as [IncomingMessage]
      expect(String((await once(response, 'data'))[0])).toBe('for /agent')
      agent.destroy()
      const client = new HttpClient(`http://some.name:${where.port}`, {
        connect: (_options, callback) => {
          const socket = pair().client.socket().connect(where)
          socket.once('connect', () => callback(null, socket as never)).once('error', (error) => callback(error, null))
        },
      })
      const { body } = await client.request({ method: 'GET', path: '/undici' })
      expect(await body.text()).toBe('for /undici')
      await client.close()
      server.close()
    })
  })
}

/** The way that the guide shows. */
class SocketAgent extends Agent {
  readonly #stack: Stack

  constructor(stack: Stack) {
    super({ keepAlive: true })
    this.#stack = stack
  }

  override createConnection(options: ClientRequestArgs): Duplex {
    return this.#stack.socket().connect({ host: String(options.host), port: Number(options.port) })
  }
}

function redisConnector(stack: Stack, where: { host: string; port: number }) {
  return class {
    socket: FlowSocket | null = null
    check() {
      return true
    }
    async connect() {
      this.socket = stack.socket().connect(where)
      return this.socket
    }
    disconnect() {
      this.socket?.end()
    }
  } as never
}

async function httpServer(pair: Pair) {
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => response.end(`for ${request.url}`))
  server.emit('listening')
  const where = await serve(pair, (flow) => server.emit('connection', flow.toDuplex()))
  return { server, where }
}
