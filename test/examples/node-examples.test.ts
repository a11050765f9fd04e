/** The examples that use packages of others, each with the real one and on both stacks, run as `tapstack run` runs them. */
import { execFileSync } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Agent } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import express from '../../examples/express.ts'
import fetchExample from '../../examples/fetch.ts'
import http2 from '../../examples/http2.ts'
import postgresClient from '../../examples/postgres-client.ts'
import websocketChat from '../../examples/websocket-chat.ts'
import '../../src/node/index.ts'
import type { DirectStack, SocketStack } from '../../src/stack/index.ts'
import { run, type Unikernel } from '../../src/unikernel/index.ts'
import { requires } from '../requirements.ts'
import { until } from '../stack/flows.ts'
import { directPair, type Pair, socketPair } from '../stack/pairs.ts'

/** Above the ports that need a privilege, below those that the system hands out. */
const PORT = 17_017

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-examples-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

describe.each([
  ['SocketStack', () => socketPair(4)],
  ['DirectStack', () => directPair(4)],
])('on %s', (_name, make) => {
  let pair: Pair
  let client: DirectStack | SocketStack
  let agent: Agent
  let origin: string
  let output: string
  let signals: EventEmitter
  let running: Promise<number> | null

  beforeEach(async () => {
    pair = await make()
    client = pair.client as DirectStack | SocketStack
    // One of its own: that of the operating system's sockets would keep connections to the server before.
    agent = new client.http.Agent({ keepAlive: true })
    origin = `http://${pair.serverAddress}:${PORT}`
    output = ''
    signals = new EventEmitter()
    running = null
  })

  afterEach(async () => {
    signals.emit('SIGINT')
    await running
    agent.destroy()
    await pair.close()
  })

  function start(application: Unikernel, stack: Pair['server'], argv: readonly string[]): Promise<number> {
    return run(application, argv, {
      stdout: { write: (text) => (output += text) },
      stderr: { write: (text) => (output += text) },
      signals,
      createStack: async () => stack,
    })
  }

  /** Starts a service on the pair's server and waits until it listens. */
  async function serve(service: Unikernel, ...argv: string[]): Promise<void> {
    running = start(service, pair.server, ['--port', `${PORT}`, ...argv])
    await until(() => output.includes('listening'), 'the service to listen')
  }

  async function ask(method: string, path: string, json?: unknown): Promise<{ status?: number; text: string }> {
    const headers = json === undefined ? {} : { 'content-type': 'application/json' }
    const asked = client.http.request(`${origin}${path}`, { method, headers, agent })
    asked.end(json === undefined ? undefined : JSON.stringify(json))
    const [response] = await once(asked, 'response')
    return { status: response.statusCode, text: (await response.toArray()).join('') }
  }

  test('express keeps notes', async () => {
    await serve(express)
    const added = await ask('POST', '/notes', { text: 'buy bread' })
    expect(added.status).toBe(201)
    expect(JSON.parse(added.text)).toEqual({
      id: 1,
      text: 'buy bread',
      from: expect.stringContaining(pair.clientAddress),
    })
    expect((await ask('POST', '/notes', { text: 1 })).status).toBe(400)
    expect((await ask('POST', '/notes', { text: 'x'.repeat(1001) })).status).toBe(400)
    const headers = { 'content-type': 'application/json' }
    const broken = client.http.request(`${origin}/notes`, { method: 'POST', headers, agent })
    broken.end('{"text"')
    const [refusal] = await once(broken, 'response')
    expect([refusal.statusCode, JSON.parse((await refusal.toArray()).join(''))]).toEqual([
      400,
      { error: expect.any(String) },
    ])
    expect(JSON.parse((await ask('GET', '/notes')).text)).toHaveLength(1)
    expect((await ask('DELETE', '/notes/1')).status).toBe(204)
    expect((await ask('DELETE', '/notes/1')).status).toBe(404)
    expect(await ask('GET', '/notes')).toEqual({ status: 200, text: '[]' })
    expect((await ask('GET', '/')).text).toContain('POST /notes')
  })

  test('express ends when it is stopped, with the connections that clients keep', async () => {
    await serve(express)
    await ask('GET', '/')
    signals.emit('SIGTERM')
    expect(await running).toBe(0)
  })

  test('websocket-chat tells everybody what everybody says', async () => {
    await serve(websocketChat)
    expect((await ask('GET', '/')).text).toContain('<title>Chat</title>')
    const createConnection = client.net.connect as unknown as ClientOptions['createConnection']
    const enter = async (name: string) => {
      const url = `ws://${pair.serverAddress}:${PORT}/chat?name=${name}`
      const socket = new WebSocket(url, { createConnection })
      const heard: string[] = []
      socket.on('message', (data) => heard.push(String(data)))
      await once(socket, 'open')
      return { socket, heard }
    }
    const ada = await enter('Ada')
    await until(() => ada.heard.length === 1, 'Ada to hear of herself')
    const blaise = await enter('Blaise')
    ada.socket.send('hello')
    await until(() => blaise.heard.length === 3 && ada.heard.length === 3, 'both to hear it')
    expect(blaise.heard).toEqual(['Ada has come', 'Blaise has come', 'Ada: hello'])
    const tooMuch = await enter('Carl')
    tooMuch.socket.send('x'.repeat(5000))
    expect((await once(tooMuch.socket, 'close'))[0]).toBe(1009)
    await until(() => ada.heard.at(-1) === 'Carl has gone', 'Ada to hear that Carl has gone')
    blaise.socket.close()
    await until(() => ada.heard.at(-1) === 'Blaise has gone', 'Ada to hear that Blaise has gone')
    const end = once(ada.socket, 'close')
    signals.emit('SIGTERM')
    expect((await end)[0]).toBe(1001)
    expect(await running).toBe(0)
  })

  test('http2 speaks HTTP/2', async () => {
    await serve(http2)
    const session = client.http2.connect(origin)
    await talkTo(session)
    const clock = session.request({ ':path': '/clock' })
    expect(String((await once(clock, 'data'))[0])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z\n$/)
    clock.resume()
    // Whoever looks at the clock is no reason to stay.
    signals.emit('SIGTERM')
    expect(await running).toBe(0)
    session.destroy()
  })

  test('http2 with a certificate, and HTTP/1.1 for those who know no better', async (context) => {
    requires(context, 'openssl')
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
    execFileSync('openssl', [...words, '-subj', '/CN=here', '-out', certificate, '-keyout', key], { stdio: 'pipe' })
    await serve(http2, '--certificate', certificate, '--key', key)
    const options = { rejectUnauthorized: false }
    const session = client.http2.connect(origin.replace('http', 'https'), options)
    await talkTo(session)
    session.destroy()
    const asked = client.https.get(`${origin.replace('http', 'https')}/`, { ...options, agent: false })
    const [response] = await once(asked, 'response')
    expect((await response.toArray()).join('')).toMatch(/^HTTP\/1\.1, to /)
  })

  async function talkTo(session: ClientHttp2Session): Promise<void> {
    const get = async (path: string, body?: Buffer) => {
      const request = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'PUT' })
      request.end(body)
      return (await request.toArray()).join('')
    }
    expect(await get('/')).toMatch(/^HTTP\/2\.0, to /)
    expect(await Promise.all([get('/count', Buffer.alloc(300_000)), get('/x')])).toEqual([
      '300000 bytes\n',
      'nothing here\n',
    ])
  }

  test('http2 with half of what TLS takes', async () => {
    expect(await start(http2, pair.server, ['--key', 'key.pem'])).toBe(1)
    expect(output).toContain('--certificate and --key are expected together')
  })

  test('fetch prints what a server answers', async () => {
    const service = (pair.server as DirectStack | SocketStack).http.createServer(async (request, response) => {
      response.statusCode = request.url === '/' ? 200 : 404
      response.end(`${request.method} ${request.url} ${(await request.toArray()).join('')}`)
    })
    service.listen(PORT, pair.serverAddress)
    await once(service, 'listening')
    const printed: string[] = []
    let code = -1
    const { write } = process.stdout
    const { log } = console
    console.log = (line = '') => printed.push(`${line}\n`)
    process.stdout.write = ((part: Uint8Array) => printed.push(Buffer.from(part).toString())) as never
    try {
      const words = ['--url', `${origin}/`, '--method', 'POST', '--data', 'hello', '-i']
      code = await start(fetchExample, pair.client, words)
    } finally {
      process.stdout.write = write
      console.log = log
    }
    expect(code).toBe(0)
    expect(printed[0]).toBe('200 OK\n')
    expect(printed.at(-1)).toBe('POST / hello')
    service.close()
    service.closeAllConnections()
  })

  test('fetch where nobody listens is one line', async () => {
    expect(await start(fetchExample, pair.client, ['--url', `${origin}/`])).toBe(1)
    expect(output).toContain('ECONNREFUSED')
  })

  test('postgres-client where nobody listens is one line', async () => {
    const words = ['--server', pair.serverAddress, '--port', `${PORT}`]
    expect(await start(postgresClient, pair.client, words)).toBe(1)
    expect(output).toContain('ECONNREFUSED')
  })

  test('postgres-client with a server that does not want it', async () => {
    const service = (pair.server as DirectStack | SocketStack).net.createServer((socket: Socket) => {
      // An ErrorResponse of PostgreSQL's protocol: fields with a letter each, and a zero byte behind them all.
      const fields = ['SFATAL', 'VFATAL', 'C28000', 'Mno pg_hba.conf entry', ''].map((field) => `${field}\0`).join('')
      const length = Buffer.alloc(4)
      length.writeInt32BE(4 + fields.length)
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])))
    })
    service.listen(PORT, pair.serverAddress)
    await once(service, 'listening')
    const words = ['--server', pair.serverAddress, '--port', `${PORT}`, '--user', 'me', '--password', 'secret']
    expect(await start(postgresClient, pair.client, words)).toBe(1)
    expect(output).toContain('no pg_hba.conf entry')
    service.close()
  })
})
