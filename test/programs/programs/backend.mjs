// On the kernel's stack, behind nginx: tells of what is posted, and answers in chunks.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

createServer(async (request, response) => {
  if (request.url === '/chunks') {
    for (let i = 0; i < 10; i++) {
      response.write(`chunk ${i}\n`)
      await sleep(10)
    }
    response.end()
    return
  }
  const hash = createHash('sha256')
  let bytes = 0
  for await (const part of request) {
    bytes += part.length
    hash.update(part)
  }
  const { method } = request
  const encoding = request.headers['transfer-encoding'] ?? 'length'
  response.end(JSON.stringify({ method, bytes, encoding, hash: hash.digest('hex') }))
}).listen(9000, '127.0.0.1', () => console.log('listening'))
