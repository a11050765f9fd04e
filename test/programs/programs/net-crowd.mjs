// On the kernel's stack: opens many connections, talks over each of them, twice, and closes them.
import { once } from 'node:events'
import { connect } from 'node:net'

const [, , host, port, count] = process.argv
const TOGETHER = 500
const sockets = []

/** Does `work` for each, some at a time. */
async function each(items, work) {
  const waiting = [...items]
  const worker = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await work(next)
  }
  await Promise.all(Array.from({ length: TOGETHER }, worker))
}

async function ask(socket, text) {
  const answer = once(socket, 'data')
  socket.write(text)
  const [data] = await answer
  if (String(data) !== text) throw new Error(`${text} became ${data}`)
}

await each(Array(Number(count)).keys(), async (i) => {
  const socket = connect(port, host)
  await once(socket, 'connect')
  sockets.push(socket)
  await ask(socket, `first ${i}`)
})
console.log('open')
await once(process.stdin, 'data')
await each(sockets, (socket) => ask(socket, `second ${socket.localPort}`))
await each(sockets, async (socket) => {
  const closed = once(socket, 'close')
  socket.end()
  socket.resume()
  await closed
})
console.log('closed')
process.stdin.destroy()
