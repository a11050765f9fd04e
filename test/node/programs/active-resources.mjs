// What a process says it has under way: on Node's own network and on a stack the same.
import dgram from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'

const lines = []

/** Standard streams are pipes, files or terminals, and no business of a stack's. */
function show(when) {
  const info = process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|FSReqCallback)$/.test(name))
  const handles = process._getActiveHandles().filter((handle) => !Object.hasOwn(handle, 'fd'))
  const requests = process._getActiveRequests().filter((request) => !/FS/.test(request.constructor.name))
  const names = (list) => list.map((each) => each.constructor.name).join(' ')
  lines.push([when, info.join(' '), names(handles), names(requests)].join(' | '))
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 30))

async function connections() {
  const server = net.createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  show('listen')
  await once(server, 'listening')
  server.unref()
  show('unreferenced')
  server.ref()
  const client = net.connect(server.address().port, '127.0.0.1')
  show('connecting')
  client.unref()
  show('connecting, unreferenced')
  client.ref()
  client.once('connect', () => show('in connect'))
  const [accepted] = await once(server, 'connection')
  await pause()
  show('connected')
  lines.push(process._getActiveHandles().includes(client), process._getActiveHandles().includes(server))
  client.write(Buffer.alloc(20_000_000), () => show('written'))
  await pause()
  show('writing')
  accepted.resume()
  await once(client, 'drain')
  await pause()
  client.pause()
  show('drained and paused')
  client.resume()
  client.end()
  await new Promise((resolve) => process.nextTick(resolve))
  show('ending')
  server.close()
  show('closing')
  await once(client, 'close')
  await pause()
  show('closed')
}

async function datagrams() {
  const socket = dgram.createSocket('udp4')
  show('datagram socket')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  socket.unref()
  show('unreferenced')
  socket.ref()
  await new Promise((resolve) => socket.send('x', socket.address().port, '127.0.0.1', resolve))
  show('sent')
  socket.close()
  await once(socket, 'close')
  await pause()
  show('closed')
}

async function secured() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = tls.connect({ port: server.address().port, host: '127.0.0.1' })
  client.on('error', () => {})
  show('tls')
  const [accepted] = await once(server, 'connection')
  await pause()
  show('tls connected')
  client.destroy()
  accepted.destroy()
  server.close()
  await once(server, 'close')
  await pause()
  show('closed')
}

async function names() {
  const found = new Promise((resolve) => dns.lookup('localhost', resolve))
  const promised = dns.promises.lookup('localhost')
  const services = Promise.all([
    dns.promises.lookupService('127.0.0.1', 80),
    new Promise((resolve) => dns.lookupService('127.0.0.1', 80, resolve)),
  ])
  dns.lookup('127.0.0.1', () => {})
  show('names')
  await Promise.allSettled([found, promised, services])
  await pause()
  show('answered')
}

async function web() {
  const server = http.createServer((_request, response) => response.end('x')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new http.Agent({ keepAlive: true })
  const request = http.get({ port: server.address().port, host: '127.0.0.1', agent })
  show('request')
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
  await pause()
  show('kept alive')
  agent.destroy()
  server.close()
  await once(server, 'close')
  await pause()
  show('closed')
}

// Files of the program itself are closed.
await pause()
show('start')
const timer = setTimeout(() => {}, 60_000)
const quiet = setTimeout(() => {}, 60_000).unref()
show('timers')
clearTimeout(timer)
clearTimeout(quiet)
for (const part of [connections, datagrams, secured, names, web]) await part()
console.log(lines.join('\n'))
