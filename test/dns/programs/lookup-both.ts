/**
 * `lookup` of node:dns, which is the C library's, and that of `stack.dns` on the operating system's sockets, each asked for what
 * its argument has: [name, options][] as JSON. Prints both results.
 */
import nodeDns from 'node:dns'
import { SocketStack } from '../../../src/stack/index.ts'

const stack = new SocketStack()
const results: unknown[] = []
for (const [name, options] of JSON.parse(process.argv[2])) {
  const outcomes: unknown[] = []
  for (const dns of [nodeDns, stack.dns]) {
    outcomes.push(
      await dns.promises.lookup(name, options).then(
        (value: unknown) => value,
        ({ code, errno, message }: NodeJS.ErrnoException) => ({ code, errno, message }),
      ),
    )
  }
  results.push({ name, options, node: outcomes[0], ours: outcomes[1] })
}
console.log(JSON.stringify({ servers: stack.dns.getServers(), system: nodeDns.getServers(), results }))
await stack.close(0)
