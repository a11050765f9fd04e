/**
 * A stack on tap0 at 10.0.0.2 behind the router 10.0.0.1. Lines on standard input:
 *
 *   send ADDRESS PORT MEGABYTES [PAUSE]   sends so much, with so many milliseconds after each megabyte, says when a tenth is
 *                                         written, and waits for the digest that comes back
 *   report                                prints the last flow's `info()` and counters
 */
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { createStack, type DirectStack, type Flow } from '../../../src/index.ts'

const stack = (await createStack({ interface: 'tap0', ipv4Gateway: '10.0.0.1' })) as DirectStack
let flow: Flow | null = null

async function send(address: string, port: number, megabytes: number, pause: number): Promise<void> {
  flow = await stack.connect({ address, port })
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(1 << 20)
  for (let i = 0; i < megabytes; i++) {
    const data = Buffer.from(chunk.fill(i + 1))
    hash.update(data)
    await flow.write(data)
    if (pause > 0) await setTimeout(pause)
    if (i * 10 === megabytes) console.log('under way')
  }
  flow.shutdown('write')
  let answer = ''
  for await (const data of flow) answer += data.toString()
  console.log(`sent ${answer === hash.digest('hex')}`)
  await flow.close()
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, address, port, megabytes, pause] = line.split(' ')
  if (command === 'send') await send(address, Number(port), Number(megabytes), Number(pause ?? 0))
  else console.log(`report ${JSON.stringify({ ...flow?.info(), ...stack.tcp.counters })}`)
})
console.log('ready')
