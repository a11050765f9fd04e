/** many-flows.mjs COUNT BYTES ADDRESS...: as many connections to the echo service of each address, all at once; what comes back must be right. */
import { connect } from 'node:net'

const [count, bytes, ...addresses] = process.argv.slice(2)
const data = Buffer.from(Array.from({ length: Number(bytes) }, (_, i) => (i * 7) & 255))

function echo(host) {
  return new Promise((resolve, reject) => {
    const received = []
    const socket = connect({ host, port: 7 }, () => socket.end(data))
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', reject)
    socket.on('end', () => (Buffer.concat(received).equals(data) ? resolve() : reject(new Error('changed'))))
  })
}

await Promise.all(addresses.flatMap((address) => Array.from({ length: Number(count) }, () => echo(address))))
console.log('right')
