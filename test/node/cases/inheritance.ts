/** What programs derive from Node's classes: with `class`, and as it was done before there were classes, by calling the parent. */
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Agent, ClientRequest, Server as HttpServer, IncomingMessage } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { inherits } from 'node:util'
import { type Cases, event, type Surroundings } from '../behaviour.ts'
import { listening } from './net-opening.ts'

type Words = unknown[]
type Class = new (...words: never[]) => object

/** A class as a function that calls its parent for the object that it is called for. */
function derived<T extends object>(Parent: unknown): new (...words: Words) => T & { own: string } {
  function Child(this: { own: string }, ...words: Words) {
    Reflect.apply(Parent as () => void, this, words)
    this.own = 'own'
  }
  inherits(Child, Parent as never)
  return Child as never
}

/** Whether each of these is an instance of each class. */
function kinds(on: Surroundings, name: string, objects: object[], classes: object[]): void {
  on.log(name, ...objects.map((object) => classes.map((each) => object instanceof (each as Class))))
}

/** What comes back from a server that sends everything back. */
async function echoed(socket: Socket, port: number): Promise<string> {
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  socket.connect(port, '127.0.0.1')
  socket.end('hello')
  await event(socket, 'close')
  return text
}

async function served(on: Surroundings, server: Server): Promise<number> {
  on.track(server).listen(0, '127.0.0.1')
  await event(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function body(request: ClientRequest): Promise<string> {
  const response = (await event(request.end(), 'response')) as IncomingMessage
  let text = ''
  for await (const data of response) text += data
  return text
}

export const inheritance: Cases = {
  async 'a socket of a function that calls net.Socket'(on) {
    const Own = derived<Socket>(on.net.Socket)
    const { port } = await listening(on, (socket) => socket.pipe(socket), { allowHalfOpen: true })
    const socket = on.track(new Own({ allowHalfOpen: true }))
    on.log(socket.allowHalfOpen, socket.own, socket.constructor === Own)
    on.log(await echoed(socket, port), socket.bytesRead)
  },
  async 'a server of a function that calls net.Server'(on) {
    const Own = derived<Server>(on.net.Server)
    const server = new Own({ pauseOnConnect: false }, (socket: Socket) => socket.end('bye'))
    const port = await served(on, server)
    on.log(server.own, await echoed(on.track(new on.net.Socket()), port))
  },
  async 'servers, agents and requests of functions that call those of http'(on) {
    const server = new (derived<HttpServer>(on.http.Server))({}, (request: IncomingMessage, response: never) =>
      (response as { end(text: string): void }).end(request.url ?? ''),
    )
    const port = await served(on, server)
    const agent = on.track(new (derived<Agent>(on.http.Agent))({ keepAlive: true, maxSockets: 1 }))
    on.log(server.own, agent.own, agent.maxSockets)
    const where = { port, host: '127.0.0.1', path: '/path' }
    on.log(await body(on.http.request({ ...where, agent })), Object.keys(agent.freeSockets).length)
    const Request = derived<ClientRequest>(on.http.ClientRequest)
    const request = new Request(where)
    on.log(request.own, request.path, request instanceof on.http.ClientRequest, await body(request))
    on.http.globalAgent.destroy()
  },
  async 'a datagram socket of a function that calls dgram.Socket'(on) {
    const Own = derived<DatagramSocket>(on.dgram.Socket)
    const [here, there] = [on.track(new Own('udp4')), on.track(new Own('udp4'))]
    here.bind(0, '127.0.0.1')
    await event(here, 'listening')
    there.send('hello', here.address().port, '127.0.0.1')
    on.log(here.own, await event(here, 'message'))
  },
  async 'what is an instance of what'(on) {
    const { net, http, https, tls, dgram } = on
    class OwnSocket extends net.Socket {}
    class OwnServer extends net.Server {}
    class OwnAgent extends http.Agent {}
    class Never extends net.Socket {
      static override [Symbol.hasInstance](): boolean {
        return false
      }
    }
    const Old = derived<Socket>(net.Socket)
    const sockets = [new net.Socket(), new OwnSocket(), new Old(), new Never()]
    for (const socket of sockets) on.track(socket)
    kinds(on, 'sockets', [...sockets, OwnSocket.prototype, {}], [net.Socket, OwnSocket, Old, Never])
    const servers = [net.createServer(), new OwnServer(), http.createServer(), https.createServer(), tls.createServer()]
    kinds(on, 'servers', servers, [net.Server, OwnServer, http.Server, https.Server, tls.Server])
    kinds(on, 'agents', [new http.Agent(), new OwnAgent(), new https.Agent()], [http.Agent, OwnAgent, https.Agent])
    const datagrams = on.track(dgram.createSocket('udp4'))
    on.log(
      sockets[0]!.constructor === net.Socket,
      servers.map((each, i) => each.constructor === [net.Server, OwnServer, http.Server, https.Server, tls.Server][i]),
      datagrams.constructor === dgram.Socket,
    )
    kinds(on, 'datagrams', [datagrams, sockets[0]!], [dgram.Socket, net.Socket])
  },
  async 'what a class takes over: overridden methods, private fields, the method of its parent'(on) {
    class Own extends on.net.Socket {
      #connects = 0
      override connect(...words: Words): this {
        this.#connects++
        return Reflect.apply(super.connect as never, this, words)
      }
      get connects(): number {
        return this.#connects
      }
    }
    const { port } = await listening(on, (socket) => socket.pipe(socket), { allowHalfOpen: true })
    const socket = on.track(new Own())
    on.log(await echoed(socket, port), socket.connects, Own.name, Object.getPrototypeOf(Own) === on.net.Socket)
    class Watching extends on.http.Agent {
      seen: string[] = []
      override createConnection(...words: Words): Socket {
        this.seen.push(`connects with ${typeof words[1]}`)
        return Reflect.apply(
          (on.http.Agent.prototype as never as { createConnection: never }).createConnection,
          this,
          words,
        )
      }
      override keepSocketAlive(kept: Socket): never {
        this.seen.push(`keeps ${kept instanceof on.net.Socket}`)
        return super.keepSocketAlive(kept) as never
      }
    }
    const agent = on.track(new Watching({ keepAlive: true, maxSockets: 1 }))
    const server = await served(
      on,
      on.http.createServer((_request, response) => response.end('x')),
    )
    for (let i = 0; i < 2; i++) on.log(await body(on.http.request({ port: server, host: '127.0.0.1', agent })))
    on.log(agent.seen)
  },
}
