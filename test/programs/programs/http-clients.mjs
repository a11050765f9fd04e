// undici, fetch and node:https, as clients of nginx.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, Pool, request, stream } from 'undici'

const [, , kernel, kernel6, authority] = process.argv
const web = `http://${kernel}`
const results = {}

async function hashOf(body) {
  const hash = createHash('sha256')
  for await (const part of body) hash.update(part)
  return hash.digest('hex')
}

const text = async (response) => (await response).text()
const body = Buffer.alloc(30_000_000, 'posted ')
const hash = createHash('sha256').update(body).digest('hex')
async function* parts() {
  for (let at = 0; at < body.length; at += 1_000_000) yield body.subarray(at, at + 1_000_000)
}
const posted = (name, { method, bytes, encoding, hash: got }) => {
  results[name] = `${method} ${bytes} ${encoding} ${got === hash}`
}

// fetch
const connections = []
for (let i = 0; i < 5; i++) {
  connections.push(await text(fetch(`${web}/connection`)))
  // A connection is free a little after its answer has been read.
  await sleep(10)
}
results.fetchKeepsAlive = new Set(connections.map((each) => each.split(' ')[0])).size
results.fetchSix = (await text(fetch(`http://[${kernel6}]/connection`))).length > 0
results.fetchLarge = await hashOf((await fetch(`${web}/large`)).body)
const compressed = await fetch(`${web}/text`)
results.fetchEncoding = compressed.headers.get('content-encoding')
results.fetchText = (await compressed.text()).length
results.fetchChunks = await text(fetch(`${web}/node/chunks`))
posted('fetchPost', await (await fetch(`${web}/node/post`, { method: 'POST', body })).json())
const streamed = { method: 'PUT', body: Readable.toWeb(Readable.from(parts())), duplex: 'half' }
posted('fetchStream', await (await fetch(`${web}/node/put`, streamed)).json())
const form = new FormData()
form.set('file', new Blob([body.subarray(0, 5_000_000)]), 'file.bin')
results.fetchForm = (await (await fetch(`${web}/node/form`, { method: 'POST', body: form })).json()).bytes > 5_000_000
const controller = new AbortController()
const aborted = await fetch(`${web}/large`, { signal: controller.signal })
controller.abort()
results.fetchAbort = await aborted.text().catch((error) => error.name)
results.fetchRefused = await fetch(`http://${kernel}:9999/`).catch((error) => error.cause.code)
results.fetchMany = new Set(await Promise.all(Array.from({ length: 100 }, () => text(fetch(`${web}/text`))))).size

// undici
const pool = new Pool(web, { connections: 4, pipelining: 4 })
const answers = Array.from({ length: 200 }, async () =>
  (await pool.request({ path: '/connection', method: 'GET' })).body.text(),
)
results.poolConnections = new Set((await Promise.all(answers)).map((each) => each.split(' ')[0])).size
await pool.close()
results.undiciLarge = await hashOf((await request(`${web}/large`)).body)
posted(
  'undiciPost',
  await (await request(`${web}/node/post`, { method: 'POST', body: Readable.from(parts()) })).body.json(),
)
const largeHash = createHash('sha256')
await stream(`${web}/large`, { method: 'GET' }, () => largeHash)
results.undiciStream = largeHash.digest('hex')
const trusting = new Agent({ connect: { ca: readFileSync(authority) } })
results.undiciTls = await (await request(`https://${kernel}/connection`, { dispatcher: trusting })).body
  .text()
  .then(Boolean)
await trusting.close()

// node:http and node:https with agents that keep connections
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 })
const get = async (module, url, options) => (await once(module.get(url, options), 'response'))[0]
const kept = await Promise.all(
  Array.from({ length: 20 }, async () => (await (await get(http, `${web}/connection`, { agent })).toArray()).join('')),
)
results.agentConnections = new Set(kept.map((each) => each.split(' ')[0])).size
agent.destroy()
const secure = { ca: readFileSync(authority) }
results.httpsLarge = await hashOf(await get(https, `https://${kernel}/large`, secure))
const sending = https.request(`https://${kernel}/node/post`, { ...secure, method: 'POST' })
const answer = once(sending, 'response')
await pipeline(parts(), sending)
posted('httpsPost', JSON.parse((await (await answer)[0].toArray()).join('')))
results.untrusted = await get(https, `https://${kernel}/`, {}).catch((error) => error.code)
results.wrongName = await get(https, `https://${kernel}/`, { ...secure, servername: 'other.test' }).catch(
  (error) => error.code,
)
console.log(JSON.stringify(results))
