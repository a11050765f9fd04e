// A client over TLS of nginx, and over HTTP/2 of nginx and nghttpd.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import tls from 'node:tls'

const [, , kernel, authority, upload] = process.argv
const trust = { host: kernel, port: 443, ca: readFileSync(authority), servername: 'service.test' }
const results = {}

async function ask(options) {
  const socket = tls.connect(options)
  const session = new Promise((resolve) => socket.once('session', resolve))
  await once(socket, 'secureConnect')
  const version = socket.getProtocol()
  const reused = socket.isSessionReused()
  socket.write('GET /connection HTTP/1.1\r\nHost: service.test\r\nConnection: close\r\n\r\n')
  const answer = (await socket.toArray()).join('').split('\r\n')[0]
  const { authorized, alpnProtocol } = socket
  return { answer, authorized, alpnProtocol, version, reused, session }
}

const first = await ask(trust)
const session = await first.session
results.first = { ...first, session: session.length > 0 }
const second = await ask({ ...trust, session })
results.second = { ...second, session: undefined }
results.older = { ...(await ask({ ...trust, maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })), session: undefined }
results.untrusted = await ask({ ...trust, ca: [] }).catch((error) => error.code)

async function talk(origin) {
  const session = http2.connect(origin, { ca: trust.ca })
  const get = async (path, headers = {}, body = undefined) => {
    const request = session.request({ ':path': path, ...headers })
    request.end(body)
    const [{ ':status': status }] = await once(request, 'response')
    const hash = createHash('sha256')
    for await (const part of request) hash.update(part)
    return `${status} ${hash.digest('hex')}`
  }
  const many = await Promise.all(Array.from({ length: 100 }, () => get('/text')))
  const found = { many: [...new Set(many)], large: await get('/large') }
  if (upload === 'upload' && origin.startsWith('https')) {
    const request = session.request({ ':path': '/node/post', ':method': 'POST' })
    request.end(Buffer.alloc(10_000_000, 'posted '))
    found.posted = JSON.parse((await request.toArray()).join('')).bytes
  }
  await new Promise((resolve) => session.ping((_error, _duration, payload) => resolve(payload)))
  session.close()
  await once(session, 'close')
  return found
}
results.nginx = await talk(`https://${kernel}`)
results.nghttpd = await talk(`http://${kernel}:8080`)
console.log(JSON.stringify(results))
