/** The services of the bench on node:net and node:http, over the kernel's TCP, each the way Node is used best. */
import http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import { answer, certificate, generate, measurePair, overTls, runSubject } from './subject.mjs'

/** A client that goes away in the middle, as the load generator does, is no error. */
const ignore = () => {}

function listen(server, { address, port }) {
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen({ host: address, port, backlog: 511 }, resolve)
  })
}

const services = {
  discard: (options) =>
    listen(
      net.createServer((socket) => {
        socket.on('error', ignore)
        socket.on('data', ignore)
      }),
      options,
    ),

  chargen: (options) =>
    listen(
      net.createServer((socket) => {
        socket.on('error', ignore)
        generate(socket)
      }),
      options,
    ),

  echo: (options) =>
    listen(
      net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
        socket.on('error', ignore)
        socket.on('data', (data) => {
          if (socket.write(data)) return
          socket.pause()
          socket.once('drain', () => socket.resume())
        })
        socket.on('end', () => socket.end())
      }),
      options,
    ),

  /** `destroy` closes the descriptor at once, which is cheaper than `end` and, with nothing unread, as graceful. */
  close: (options) =>
    listen(
      net.createServer((socket) => {
        socket.on('error', ignore)
        socket.destroy()
      }),
      options,
    ),

  http: (options) => listen(http.createServer(answer), options),
  'http-handle': (options) => listen(http.createServer(answer), options),
  'tls-discard': (options) => listen(tls.createServer(certificate(), overTls.discard), options),
  'tls-chargen': (options) => listen(tls.createServer(certificate(), overTls.chargen), options),

  /** Both ends in this process, over the kernel's loopback. */
  pair: async ({ port, warmup, seconds }) => {
    const server = net.createServer((socket) => {
      socket.on('error', ignore)
      const { count } = measurePair(warmup, seconds)
      socket.on('data', (data) => count(data.length))
    })
    await listen(server, { address: '127.0.0.1', port })
    const client = net.connect(port, '127.0.0.1', () => generate(client))
    client.on('error', ignore)
  },
}

// The kernel's taps have no offload unless asked for it, so the relay sees packets without anybody's doing.
const overPackets = { 'discard-packets': services.discard, 'chargen-packets': services.chargen }
await runSubject({ ...services, ...overPackets })
