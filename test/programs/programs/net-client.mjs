// Sends a file and ends its side; meanwhile and after that reads, and tells the hash of it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { connect } from 'node:net'

const [, , host, port, file] = process.argv
const socket = connect({ host, port, allowHalfOpen: true })
createReadStream(file).pipe(socket)
const hash = createHash('sha256')
let bytes = 0
socket.on('data', (part) => {
  bytes += part.length
  hash.update(part)
})
await once(socket, 'close')
console.log(`${bytes} ${hash.digest('hex')} ${socket.bytesWritten} ${socket.bytesRead}`)
