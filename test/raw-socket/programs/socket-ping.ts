/** Pings each address by a stack of the operating system's sockets, and prints what came back. */
import { SocketStack } from '../../../src/stack/index.ts'

// The package has to do it: there is no `ping` here.
process.env.PATH = '/nonexistent'

const stack = new SocketStack()
const replies = []
for (const address of process.argv.slice(2)) {
  const { size } = await stack.ping(address, { size: 1000, timeout: 3000 })
  replies.push({ address, size })
}
console.log(JSON.stringify(replies))
await stack.close()
