/**
 * A service on tap0 for the tests: echo on port 7 (TCP and UDP), discard on 9, characters without end on 19. A line on standard input, `report`,
 * prints what it holds, after a garbage collection. `--capture FILE`, `--gateway ADDRESS` and
 * `--user-timeout MILLISECONDS` as they say.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createStack, type DirectStack } from '../../../src/index.ts'

const { values } = parseArgs({
  options: { capture: { type: 'string' }, gateway: { type: 'string' }, 'user-timeout': { type: 'string' } },
})
const userTimeout = values['user-timeout']
const stack = (await createStack({
  interface: 'tap0',
  capture: values.capture,
  ipv4Gateway: values.gateway,
  tcp: userTimeout === undefined ? {} : { userTimeout: Number(userTimeout) * 1000 },
})) as DirectStack

await stack.listen({ port: 7 }, async (flow) => {
  for await (const data of flow) await flow.write(data)
  await flow.close()
})
await stack.listen({ port: 9 }, (flow) =>
  flow.onData(
    () => {},
    () => void flow.close(),
  ),
)
const line = Buffer.alloc(16_384, 'x')
await stack.listen({ port: 19 }, async (flow) => {
  for (;;) await flow.write(line)
})
const udp = await stack.udp({ port: 7 })
udp.onDatagram((data, from) => udp.send(data, from))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const idlePackets = stack.netif.memory.inUse

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line !== 'report') return
  collectGarbage()
  const report = {
    heap: process.memoryUsage().heapUsed,
    external: process.memoryUsage().arrayBuffers,
    packets: stack.netif.memory.inUse - idlePackets,
    connections: stack.tcp.connections,
    timeWaits: stack.tcp.timeWaits,
    receiveBytes: stack.tcp.receiveBytes,
    timeouts: stack.tcp.counters.TCPAbortOnTimeout,
    neighbors: stack.arp?.neighborCount,
    tcp: stack.tcp.counters,
  }
  console.log(`report ${JSON.stringify(report)}`)
})
process.on('SIGTERM', async () => {
  await stack.close()
  process.exit(0)
})
console.log('ready')
