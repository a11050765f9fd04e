/**
 * queues.ts NAME QUEUES: a stack at 10.0.0.2 over a tap of several queues, with an echo service on port 7. Prints `ready`, and for
 * each line of its input the frames that each queue has received and sent.
 */
import { createInterface } from 'node:readline'
import { MultiQueueTap } from '../../../src/netif/index.ts'
import { createStack } from '../../../src/stack/index.ts'

const [name, queues] = process.argv.slice(2)
const netif = await MultiQueueTap.open({ name: name!, queues: Number(queues) })
const stack = await createStack({
  netif,
  ipv4: '10.0.0.2/24',
  ipv6: 'fd00::2/64',
  ipv6Settings: { detectionTransmits: 0 },
})
await stack.listen({ port: 7 }, async (flow) => {
  for await (const data of flow) await flow.write(data)
  await flow.close()
})
createInterface({ input: process.stdin })
  .on('line', () => {
    const each = netif.queues.map(({ counters }) => [counters.receivedFrames, counters.transmittedFrames])
    console.log(JSON.stringify({ each, sum: netif.counters }))
  })
  .on('close', async () => {
    await stack.close(0)
    console.log('closed')
  })
console.log('ready')
