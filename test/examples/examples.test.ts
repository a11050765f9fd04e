/** The example services, each on both stacks, run as `tapstack run` runs them. */
import { EventEmitter } from 'node:events'
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import chargen from '../../examples/chargen.ts'
import discard from '../../examples/discard.ts'
import echo from '../../examples/echo.ts'
import http from '../../examples/http.ts'
import ping from '../../examples/ping.ts'
import type { Flow } from '../../src/stack/index.ts'
import { run, type Unikernel } from '../../src/unikernel/index.ts'
import { requires } from '../requirements.ts'
import { pattern, readExactly, receiveHash, rejection, sendPattern, until } from '../stack/flows.ts'
import { directPair, type Pair, socketPair } from '../stack/pairs.ts'

const MIB = 1024 * 1024
/** Above the ports that need a privilege, below those that the system hands out. */
const PORT = 17_007

describe.each([
  ['SocketStack', () => socketPair(4)],
  ['DirectStack', () => directPair(4)],
])('on %s', (_name, make) => {
  let pair: Pair
  let output: string
  let signals: EventEmitter
  let running: Promise<number> | null

  beforeEach(async () => {
    pair = await make()
    output = ''
    signals = new EventEmitter()
    running = null
  })

  afterEach(async () => {
    signals.emit('SIGINT')
    await running
    await pair.close()
  })

  /** Starts a service on the pair's server and waits until it listens. */
  async function serve(service: Unikernel, ...argv: string[]): Promise<void> {
    running = run(service, argv, {
      stdout: { write: (text) => (output += text) },
      stderr: { write: (text) => (output += text) },
      signals,
      createStack: async () => pair.server,
    })
    await until(() => output.includes('listening'), 'the service to listen')
  }

  function connect(): Promise<Flow> {
    return pair.client.connect({ address: pair.serverAddress, port: PORT })
  }

  test('echo: 200 MB come back unchanged', async () => {
    await serve(echo, '--port', `${PORT}`)
    const flow = await connect()
    const [sent, got] = await Promise.all([sendPattern(flow, 200, MIB, 1), receiveHash(flow)])
    expect(got).toEqual({ hash: sent, length: 200 * MIB })
    await flow.closed
  }, 60_000)

  test('echo: a client that takes nothing makes it stop, and gets everything in the end', async () => {
    await serve(echo, '--port', `${PORT}`)
    const flow = await connect()
    let sent = 0
    const chunk = pattern(MIB, 2)
    const sending = (async () => {
      for (let i = 0; i < 100; i++) {
        await flow.write(chunk)
        sent += chunk.length
      }
      await flow.shutdown('write')
    })()
    let before = -1
    while (before !== sent) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(sent).toBeLessThan(48 * MIB)
    expect((await receiveHash(flow)).length).toBe(100 * MIB)
    await sending
  }, 60_000)

  test('echo over UDP, but not for the small services', async () => {
    await serve(echo, '--port', `${PORT}`)
    const socket = await pair.client.udp()
    const received: string[] = []
    socket.onDatagram((data) => received.push(Buffer.from(data).toString()))
    socket.send('hello', { address: pair.serverAddress, port: PORT })
    await until(() => received.length === 1, 'the echo')
    expect(received).toEqual(['hello'])
  })

  test('discard takes everything and gives nothing', async () => {
    await serve(discard, '--port', `${PORT}`)
    const flow = await connect()
    for (let i = 0; i < 30; i++) await flow.write(pattern(MIB, i))
    await flow.shutdown('write')
    expect(await flow.read()).toBeNull()
    await flow.closed
  })

  test('chargen sends its pattern for as long as one reads', async () => {
    await serve(chargen, '--port', `${PORT}`)
    const flow = await connect()
    const received = await readExactly(flow, 5 * MIB)
    const lines = received.toString('latin1').split('\r\n')
    expect(lines[0]).toBe(String.fromCharCode(...Array.from({ length: 72 }, (_, i) => 32 + i)))
    for (let i = 0; i < lines.length - 1; i++) {
      if (lines[i].length !== 72 || lines[i].charCodeAt(0) !== 32 + (i % 95))
        expect.unreachable(`line ${i}: ${lines[i]}`)
    }
    flow.abort()
    const socket = await pair.client.udp()
    let datagrams = 0
    socket.onDatagram((data) => {
      expect(data.length).toBeLessThanOrEqual(512)
      datagrams++
    })
    socket.send('', { address: pair.serverAddress, port: PORT })
    await until(() => datagrams === 1, 'a datagram')
  })

  test('chargen stops for a client that is gone, and when it is stopped', async () => {
    await serve(chargen, '--port', `${PORT}`)
    const gone = await connect()
    gone.abort()
    const reading = await connect()
    // Once it has been accepted: what still waits for that is reset when the listener closes.
    await reading.read()
    signals.emit('SIGTERM')
    await receiveHash(reading)
    await reading.close()
    expect(await running).toBe(0)
  })

  test('http serves a page that says where it comes from, and keeps connections alive', async () => {
    await serve(http, '--port', `${PORT}`, '--name', 'web-1')
    const flow = await connect()
    const duplex = flow.toDuplex()
    // As any client does once the server has closed.
    duplex.on('end', () => duplex.end())
    for (let i = 0; i < 3; i++) {
      const page = await new Promise<string>((resolve, reject) => {
        const asked = request({ createConnection: () => duplex, headers: { connection: 'keep-alive' } }, (response) => {
          expect(response.statusCode).toBe(200)
          let body = ''
          response.setEncoding('utf8').on('data', (text) => (body += text))
          response.on('end', () => resolve(body))
        })
        asked.on('error', reject)
        asked.end()
      })
      expect(page).toContain('Hello from web-1')
      expect(page).toContain(`<dd>${pair.serverAddress} port ${PORT}</dd>`)
      expect(page).toContain(`--net ${pair.server.kind}`)
    }
    const started = performance.now()
    signals.emit('SIGINT')
    expect(await running).toBe(0)
    // The idle connection is closed at once and does not use up the grace time.
    expect(performance.now() - started).toBeLessThan(800)
  })

  test('http: a client that hangs up half-way harms nobody', async () => {
    await serve(http, '--port', `${PORT}`)
    const rude = await connect()
    await rude.write('GET / HT')
    rude.abort()
    const polite = await connect()
    await polite.write('GET / HTTP/1.0\r\n\r\n')
    expect((await readExactly(polite, 15)).toString()).toMatch(/^HTTP\/1.1 200 OK/)
  })

  test('ping', async (context) => {
    if (pair.client.kind === 'socket') requires(context, 'ping')
    const lines: string[] = []
    const { log } = console
    console.log = (line: string) => lines.push(line)
    try {
      const code = await run(ping, ['--target', pair.serverAddress, '-c', '2', '--interval=10ms'], {
        stdout: { write: () => {} },
        signals,
        createStack: async () => pair.client,
      })
      expect(code).toBe(0)
    } finally {
      console.log = log
    }
    expect(lines[0]).toBe(`PING ${pair.serverAddress}: 56 bytes of payload`)
    expect(lines[1]).toMatch(/^56 bytes from [\d.]+: seq=1 ttl=64 time=\d+\.\d{3} ms$/)
    expect(lines[3]).toBe('2 sent, 2 received, 0% lost')
    expect(lines[4]).toMatch(/^round trip min\/avg\/max: [\d.]+\/[\d.]+\/[\d.]+ ms$/)
  })

  test('stopped in the middle, the connection that goes on is reset and the exit code is 0', async () => {
    await serve(echo, '--port', `${PORT}`, '--grace', '100ms')
    const flow = await connect()
    const reading = rejection(flow.read())
    signals.emit('SIGINT')
    expect(await running).toBe(0)
    expect(await reading).toMatchObject({ code: 'ECONNRESET' })
  })
})
