/** `tls` in both roles: over sockets of its own, over sockets that are there, and what goes wrong. */
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { ConnectionOptions, Server, TLSSocket } from 'node:tls'
import { type Cases, event, type Surroundings, tick, until, watch } from '../behaviour.ts'
import { certificates } from '../certificates.ts'
import { listening } from './net-opening.ts'

const TLS_EVENTS = ['lookup', 'connect', 'secureConnect', 'ready', 'end', 'finish', 'error', 'close']

async function serving(
  on: Surroundings,
  onSocket: (socket: TLSSocket) => void = (socket) => socket.resume(),
  options: object = {},
): Promise<{ server: Server; port: number }> {
  const server = on.track(on.tls.createServer({ ...certificates().server, ...options }, onSocket))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** A connection that trusts the authority of the test. */
function connect(on: Surroundings, port: number, options: ConnectionOptions = {}): TLSSocket {
  const { ca } = certificates()
  return on.track(on.tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ...options }))
}

export const tls: Cases = {
  async 'connect: order of events, and what both know'(on) {
    const { server, port } = await serving(on, (socket) => {
      on.log('secureConnection', socket.encrypted, socket.authorized, socket.getProtocol(), socket.remoteAddress)
      socket.on('data', (data) => on.log('server data', data))
      socket.on('end', () => on.log('server end'))
      socket.end('hello')
    })
    watch(on, 'server', server, ['connection', 'secureConnection'])
    const client = connect(on, port)
    watch(on, 'client', client, TLS_EVENTS)
    on.log(client.connecting, client.encrypted, client.authorized, client.readyState)
    await event(client, 'secureConnect')
    on.log(client.authorized, client.authorizationError, client.getProtocol(), client.getCipher().name)
    on.log(client.remoteAddress, client.remotePort === port, client.localFamily)
    client.on('data', (data) => on.log('data', data))
    await event(client, 'close')
    on.log(client.bytesRead > 0, client.destroyed)
  },
  async 'connect: every way of calling it'(on) {
    const { port } = await serving(on, (socket) => socket.end('x'))
    const { ca } = certificates()
    const options = { ca, servername: 'localhost' }
    const callback = () => on.log('callback')
    const ways: unknown[][] = [
      [{ port, host: '127.0.0.1', ...options }],
      [{ port, host: '127.0.0.1', ...options }, callback],
      [port, '127.0.0.1', options],
      [port, '127.0.0.1', options, callback],
      [port, { host: '127.0.0.1', ...options }],
      [port, { host: '127.0.0.1', ...options }, callback],
    ]
    for (const way of ways) {
      const client = on.track((on.tls.connect as unknown as (...words: unknown[]) => TLSSocket)(...way))
      client.resume()
      await event(client, 'close')
      on.log(client.bytesRead > 0)
    }
  },
  async 'large data both ways, with back-pressure'(on) {
    const size = 4_000_000
    const { port } = await serving(on, (socket) => socket.pipe(socket))
    const client = connect(on, port)
    client.end(Buffer.alloc(size, 7))
    let sum = 0
    for await (const part of client) sum += (part as Buffer).length
    on.log(sum === size)
  },
  async 'nobody there, and somebody who is no TLS'(on) {
    const nobody = connect(on, 1)
    watch(on, 'nobody', nobody, TLS_EVENTS)
    await event(nobody, 'close')
    const { port } = await listening(on, (socket) => {
      socket.on('error', () => {})
      socket.end('this is no TLS at all')
    })
    const plain = connect(on, port)
    plain.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(plain, 'close')
  },
  async 'a client that is no TLS: tlsClientError'(on) {
    const { server, port } = await serving(on)
    server.on('tlsClientError', (error, socket) => {
      on.log('tlsClientError', (error as NodeJS.ErrnoException).code, socket.remoteAddress)
    })
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.on('error', () => {})
    client.resume()
    client.write('GET / HTTP/1.1\r\n\r\n')
    await event(client, 'close')
  },
  async 'hung up on in the middle of the handshake'(on) {
    const { port } = await listening(on, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end())
    })
    const client = connect(on, port)
    watch(on, 'client', client, TLS_EVENTS)
    await event(client, 'close')
    const { port: resetting } = await listening(on, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.resetAndDestroy())
    })
    const reset = connect(on, resetting)
    watch(on, 'reset', reset, TLS_EVENTS)
    await event(reset, 'close')
  },
  async handshakeTimeout(on) {
    const { server, port } = await serving(on, undefined, { handshakeTimeout: 30 })
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.resume()
    client.on('error', () => {})
    const [error] = await new Promise<[Error]>((resolve) =>
      server.on('tlsClientError', (...words) => resolve([words[0]])),
    )
    on.log(error)
  },
  async 'certificates that are not trusted'(on) {
    const { selfSigned, ca } = certificates()
    const { port } = await serving(on, (socket) => socket.on('error', () => {}), selfSigned)
    for (const options of [{ ca }, { ca: selfSigned.cert }, { rejectUnauthorized: false }]) {
      const client = connect(on, port, options)
      client.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
      client.on('secureConnect', () => {
        on.log('secureConnect', client.authorized, client.authorizationError)
        client.end()
      })
      client.resume()
      await event(client, 'close')
    }
  },
  async 'a name that the certificate does not have'(on) {
    const { port } = await serving(on, (socket) => socket.on('error', () => {}))
    const wrong = connect(on, port, { servername: 'wrong.example' })
    wrong.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(wrong, 'close')
    const checkServerIdentity = (name: string) => {
      on.log('checkServerIdentity', name)
      return undefined
    }
    const own = connect(on, port, { servername: 'wrong.example', checkServerIdentity })
    await event(own, 'secureConnect')
    on.log(own.authorized)
  },
  async 'SNI: several certificates, by context and by callback'(on) {
    const { other } = certificates()
    const { server, port } = await serving(on, (socket) => {
      on.log('servername', socket.servername)
      socket.end()
    })
    server.addContext('other.example', other)
    const byCallback = await serving(on, (socket) => socket.end(), {
      SNICallback: (name: string, callback: (error: Error | null, context?: object) => void) => {
        on.log('SNICallback', name)
        callback(null, name === 'other.example' ? on.tls.createSecureContext(other) : undefined)
      },
    })
    for (const each of [port, byCallback.port]) {
      for (const servername of ['localhost', 'other.example']) {
        const client = connect(on, each, { servername })
        client.resume()
        await event(client, 'secureConnect')
        on.log(client.getPeerCertificate().subject.CN, client.authorized)
        await event(client, 'close')
      }
    }
  },
  async 'ALPN: agreed, by callback, and nothing in common'(on) {
    const { port } = await serving(
      on,
      (socket) => {
        on.log('server', socket.alpnProtocol)
        socket.end()
      },
      { ALPNProtocols: ['one', 'two'] },
    )
    for (const ALPNProtocols of [['two'], ['two', 'one'], []]) {
      const client = connect(on, port, { ALPNProtocols })
      client.resume()
      await event(client, 'secureConnect')
      on.log(client.alpnProtocol)
      await event(client, 'close')
    }
    const wrong = connect(on, port, { ALPNProtocols: ['three'] })
    wrong.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(wrong, 'close')
  },
  async 'client certificates: asked for, required, missing'(on) {
    const { ca, client: identity } = certificates()
    for (const rejectUnauthorized of [false, true]) {
      const { port } = await serving(
        on,
        (socket) => {
          on.log('server', socket.authorized, socket.getPeerCertificate().subject?.CN)
          socket.end()
        },
        { requestCert: true, rejectUnauthorized, ca },
      )
      for (const own of [identity, {}]) {
        const client = connect(on, port, { ...own, maxVersion: 'TLSv1.2' })
        client.on('error', (error) => on.log('client', (error as NodeJS.ErrnoException).code !== undefined))
        client.resume()
        await event(client, 'close')
      }
    }
  },
  async 'getPeerCertificate and other things that a socket knows'(on) {
    const { port } = await serving(on, (socket) => {
      socket.on('error', () => {})
      on.log('server', socket.getPeerCertificate(), socket.isSessionReused(), socket.getFinished() !== undefined)
    })
    const client = connect(on, port)
    await event(client, 'secureConnect')
    const { subject, issuer, subjectaltname, fingerprint256, raw } = client.getPeerCertificate(true)
    on.log(subject, issuer, subjectaltname, fingerprint256, raw.length > 100)
    on.log(client.getCipher(), client.getEphemeralKeyInfo(), client.isSessionReused(), client.getSharedSigalgs())
    on.log(client.getPeerX509Certificate()?.subject, client.getX509Certificate(), client.getCertificate())
    on.log(client.exportKeyingMaterial(16, 'label', Buffer.alloc(0)).length, client.getTLSTicket() !== undefined)
    on.log(
      client.setMaxSendFragment(1024),
      (client.address() as AddressInfo).family,
      client.getPeerFinished() !== undefined,
    )
    client.end()
  },
  async 'sessions are resumed'(on) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { port } = await serving(on, (socket) => {
        on.log('server', socket.isSessionReused())
        socket.end('x')
      })
      let session: Buffer | undefined
      for (let i = 0; i < 3; i++) {
        const client = connect(on, port, { session, maxVersion })
        client.on('session', (given) => {
          session = given
        })
        client.resume()
        await event(client, 'close')
        on.log(client.isSessionReused(), session !== undefined)
      }
    }
  },
  async 'newSession and resumeSession of a server'(on) {
    const store = new Map<string, Buffer>()
    const { server, port } = await serving(on, (socket) => socket.end('x'), {
      maxVersion: 'TLSv1.2',
      secureOptions: 1 << 14,
    })
    server.on('newSession', (id, data, done) => {
      on.log('newSession', data.length > 0)
      store.set(id.toString('hex'), data)
      done()
    })
    server.on('resumeSession', (id, done) => {
      on.log('resumeSession', store.has(id.toString('hex')))
      done(null as never, store.get(id.toString('hex')) as Buffer)
    })
    let session: Buffer | undefined
    for (let i = 0; i < 2; i++) {
      const client = connect(on, port, { session })
      client.on('session', (given) => {
        session = given
      })
      client.resume()
      await event(client, 'close')
      on.log(client.isSessionReused())
    }
  },
  async 'renegotiation over TLS 1.2, and why not over 1.3'(on) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { port } = await serving(on, (socket) => socket.on('error', () => {}).resume())
      const client = connect(on, port, { maxVersion })
      client.on('error', (error) => on.log('error', (error as NodeJS.ErrnoException).code))
      await event(client, 'secureConnect')
      await new Promise<void>((resolve) => {
        const returned = client.renegotiate({ rejectUnauthorized: true }, (error) => {
          on.log('renegotiated', (error as NodeJS.ErrnoException | null)?.code)
          resolve()
        })
        on.log('returned', returned)
      })
      client.destroy()
    }
  },
  async 'over a socket that is connected already'(on) {
    const { port } = await serving(on, (socket) => socket.end('over a socket'))
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    await event(socket, 'connect')
    const client = on.track(on.tls.connect({ socket, ca: certificates().ca, servername: 'localhost' }))
    watch(on, 'client', client, TLS_EVENTS)
    watch(on, 'socket', socket, ['end', 'close'])
    client.on('data', (data) => on.log('data', data))
    await event(client, 'close')
    await tick()
    on.log(socket.destroyed, client.remotePort === port)
  },
  async 'over a socket that still connects, and one that fails'(on) {
    const { port } = await serving(on, (socket) => socket.end('x'))
    const { ca } = certificates()
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    const client = on.track(on.tls.connect({ socket, ca, servername: 'localhost' }))
    watch(on, 'client', client, TLS_EVENTS)
    client.resume()
    await event(client, 'close')
    const failing = on.track(on.net.connect(1, '127.0.0.1'))
    const late = on.track(on.tls.connect({ socket: failing, ca }))
    watch(on, 'late', late, TLS_EVENTS)
    await event(late, 'close')
  },
  async 'a server that becomes TLS in the middle (STARTTLS)'(on) {
    const { ca, server: identity } = certificates()
    const { port } = await listening(on, (socket) => {
      socket.once('data', (data) => {
        on.log('server plain', data)
        socket.write('go ahead')
        const secured = new on.tls.TLSSocket(socket, { isServer: true, ...identity })
        secured.on('data', (text) => {
          on.log('server secured', text)
          secured.end('secured answer')
        })
      })
    })
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    socket.write('starttls')
    on.log(await event(socket, 'data'))
    const client = on.track(on.tls.connect({ socket, ca, servername: 'localhost' }))
    client.write('secret')
    on.log(await event(client, 'data'))
    await event(client, 'close')
  },
  async 'over a stream that is no socket'(on) {
    const { port } = await serving(on, (socket) => socket.end('through a stream'))
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    await event(socket, 'connect')
    const stream = new Duplex({
      read() {
        socket.resume()
      },
      write: (chunk, _encoding, callback) => {
        socket.write(chunk, callback)
      },
      final: (callback) => {
        socket.end(callback)
      },
    })
    socket.on('data', (data) => stream.push(data))
    socket.on('end', () => stream.push(null))
    const client = on.track(on.tls.connect({ socket: stream, ca: certificates().ca, servername: 'localhost' }))
    on.log(await event(client, 'data'), client.authorized)
    client.destroy()
  },
  async 'destroy, destroySoon and end'(on) {
    for (const name of ['destroy', 'destroySoon', 'end'] as const) {
      const accepted: Socket[] = []
      const { port } = await serving(on, (socket) => {
        accepted.push(socket)
        socket.on('error', () => {})
        socket.resume()
      })
      const client = connect(on, port)
      client.resume()
      await event(client, 'secureConnect')
      await until(() => accepted.length === 1)
      watch(on, 'client', client, TLS_EVENTS)
      ;(client[name] as () => void)()
      await event(client, 'close')
      on.log(client.destroyed, client.writableEnded)
    }
  },
  async 'signal, timeout, setEncoding and setKeepAlive over TLS'(on) {
    const { port } = await serving(on, (socket) => {
      socket.on('error', () => {})
      socket.write('€')
    })
    const client = connect(on, port, { timeout: 60 } as never)
    client.setEncoding('utf8')
    on.log(client.setKeepAlive(true, 1000) === client, client.setNoDelay(true) === client, client.timeout)
    on.log(await event(client, 'data'))
    await event(client, 'timeout')
    on.log('timeout')
    client.destroy()
    const early = connect(on, port, { signal: AbortSignal.abort() } as never)
    watch(on, 'early', early, ['error', 'close'])
    await event(early, 'close')
  },
  async 'names of the module, rootCertificates, ciphers'(on) {
    on.log(Object.keys(on.tls).sort())
    on.log(on.tls.rootCertificates.length > 0, on.tls.getCiphers().length, on.tls.DEFAULT_MAX_VERSION)
    for (const [name, value] of Object.entries(on.tls))
      on.log(name, typeof value, (value as { length?: number }).length)
    const context = on.tls.createSecureContext(certificates().server)
    on.log(typeof context.context)
    on.log(on.tls.checkServerIdentity('wrong.example', { subject: { CN: 'right.example' } } as never)?.message)
  },
}
