/** `http.WebSocket`, where Node has it: from 22 on. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { type Cases, event, type Surroundings } from '../behaviour.ts'
import { certificates } from '../certificates.ts'

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

interface Client extends EventTarget {
  readonly protocol: string
  readonly readyState: number
  send(data: string): void
  close(code?: number, reason?: string): void
}
type ClientClass = new (url: string, options?: unknown) => Client

function classOf(on: Surroundings): ClientClass | undefined {
  return (on.http as { WebSocket?: ClientClass }).WebSocket
}

/** Accepts, and answers each short frame with its text, unmasked (RFC 6455, section 5.2). */
function accept(on: Surroundings, request: IncomingMessage, socket: Socket): void {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64')
  const protocol = request.headers['sec-websocket-protocol']?.split(',')[0]
  const chosen = protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`
  const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  socket.write(`${head}${chosen}Sec-WebSocket-Accept: ${key}\r\n\r\n`)
  on.log('server', request.url, request.headers['x-mine'], socket.remoteAddress)
  socket.on('error', () => {})
  socket.on('data', (frame: Buffer) => {
    const length = frame[1] & 0x7f
    const payload = Buffer.from(frame.subarray(6, 6 + length))
    for (let i = 0; i < length; i++) payload[i] ^= frame[2 + (i % 4)]
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), payload]))
    // A close is answered, and then it is over.
    if ((frame[0] & 0xf) === 8) socket.end()
  })
}

async function serving(on: Surroundings, server: Server): Promise<number> {
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => accept(on, request, socket))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Says hello, hears it back, and closes. */
async function talk(on: Surroundings, client: Client): Promise<void> {
  const heard = (name: string) =>
    new Promise<Event>((resolve) => client.addEventListener(name, resolve, { once: true }))
  client.addEventListener('open', () => on.log('open', client.protocol, client.readyState))
  client.addEventListener('error', () => on.log('error', client.readyState))
  const message = heard('message')
  const closed = heard('close') as Promise<Event & { code: number; wasClean: boolean }>
  client.addEventListener('open', () => client.send('hello'))
  if ((await Promise.race([message, closed])).type === 'message') {
    on.log('message', ((await message) as MessageEvent).data)
    client.close(1000, 'enough')
  }
  const { code, wasClean } = await closed
  on.log('close', code, wasClean, client.readyState)
}

export const webSocket: Cases = {
  async 'a conversation, with protocols and headers in every way of giving them'(on) {
    const WebSocket = classOf(on)
    on.log(typeof WebSocket, WebSocket?.name)
    if (WebSocket === undefined) return
    const port = await serving(on, on.track(on.http.createServer()))
    const ways: unknown[] = [undefined, 'one', ['one', 'two'], { protocols: 'two', headers: { 'x-mine': 'yes' } }]
    for (const way of ways) await talk(on, new WebSocket(`ws://127.0.0.1:${port}/path?query`, way))
  },
  async 'by name and by IPv6 address'(on) {
    const WebSocket = classOf(on)
    on.log(typeof WebSocket)
    if (WebSocket === undefined) return
    const server = on.track(on.http.createServer())
    const port = await serving(on, server)
    await talk(on, new WebSocket(`ws://localhost:${port}`))
    const six = on.track(on.http.createServer())
    six.on('upgrade', (request, socket) => accept(on, request, socket as Socket))
    six.listen(0, '::1')
    await event(six, 'listening')
    await talk(on, new WebSocket(`ws://[::1]:${(six.address() as AddressInfo).port}`))
  },
  async 'nobody there, somebody who does not upgrade, a certificate that is not trusted'(on) {
    const WebSocket = classOf(on)
    on.log(typeof WebSocket)
    if (WebSocket === undefined) return
    const plain = on.track(on.http.createServer((_request, response) => response.end('no')))
    plain.listen(0, '127.0.0.1')
    await event(plain, 'listening')
    const secure = await serving(on, on.track(on.https.createServer(certificates().selfSigned)))
    const urls = [
      'ws://127.0.0.1:1',
      `ws://127.0.0.1:${(plain.address() as AddressInfo).port}`,
      `wss://localhost:${secure}`,
    ]
    for (const url of urls) {
      const client = new WebSocket(url)
      // That it is closed Node 22 does not tell.
      await new Promise((resolve) => client.addEventListener('error', resolve, { once: true }))
      on.log('error')
    }
  },
  async 'what it says of wrong arguments'(on) {
    const WebSocket = classOf(on)
    on.log(typeof WebSocket)
    if (WebSocket === undefined) return
    const Any = WebSocket as unknown as new (...words: unknown[]) => unknown
    for (const words of [[], ['no url'], ['ftp://127.0.0.1'], ['ws://127.0.0.1/#x'], ['ws://127.0.0.1', ['a', 'a']]]) {
      try {
        new Any(...words)
        on.log('no error', words)
      } catch (error) {
        on.log((error as Error).name, (error as Error).message)
      }
    }
  },
}
