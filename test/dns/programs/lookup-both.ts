/**
 * `lookup` and `lookupService` of node:dns, which are the C library's, and those of `stack.dns` on the operating system's sockets,
 * each asked for what its argument has: [method, ...words][] as JSON. Prints both results.
 */
import nodeDns from 'node:dns'
import { SocketStack } from '../../../src/stack/index.ts'

const stack = new SocketStack()
const results: unknown[] = []
for (const [method, ...words] of JSON.parse(process.argv[2]) as ['lookup' | 'lookupService', ...never[]][]) {
  const outcomes: unknown[] = []
  for (const dns of [nodeDns, stack.dns]) {
    outcomes.push(
      await (dns.promises[method] as (...words: never[]) => Promise<unknown>)(...words).then(
        (value: unknown) => value,
        (error: NodeJS.ErrnoException) => ({ ...error, message: error.message }),
      ),
    )
  }
  results.push({ words, node: outcomes[0], ours: outcomes[1] })
}
console.log(JSON.stringify({ servers: stack.dns.getServers(), system: nodeDns.getServers(), results }))
await stack.close(0)
