// Servers over TLS: HTTPS on 443, an echo on 7000, one that asks for certificates on 7001, HTTP/2 on 8443.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import tls from 'node:tls'

const [, , authority, certificate, key] = process.argv
const secrets = { cert: readFileSync(certificate), key: readFileSync(key) }
const large = Buffer.alloc(20_000_000, 'large ')

const web = https.createServer(secrets, async (request, response) => {
  if (request.url === '/large') return response.end(large)
  let bytes = 0
  for await (const part of request) bytes += part.length
  response.end(JSON.stringify({ bytes, reused: request.socket.isSessionReused(), name: request.socket.servername }))
})
const echo = tls.createServer(secrets, (socket) => socket.pipe(socket))
const strict = { ...secrets, ca: readFileSync(authority), requestCert: true, rejectUnauthorized: true }
const members = tls.createServer(strict, (socket) => {
  socket.end(`hello ${socket.getPeerCertificate().subject.CN}\n`)
})
const streams = http2.createSecureServer({ ...secrets, allowHTTP1: true }, (request, response) => {
  if (request.url === '/large') return response.end(large)
  let bytes = 0
  request.on('data', (part) => {
    bytes += part.length
  })
  request.on('end', () => response.end(`${request.httpVersion} ${request.url} ${bytes}`))
})
const plain = http2.createServer((request, response) => response.end(`${request.httpVersion} ${request.url}`))
for (const server of [web, echo, members]) server.on('tlsClientError', (error) => console.log(error.code))
const ports = [443, 7000, 7001, 8443, 8080]
const servers = [web, echo, members, streams, plain]
await Promise.all(servers.map((server, i) => once(server.listen(ports[i]), 'listening')))
console.log('ready')
