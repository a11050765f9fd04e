/**
 * A stack on tap0 at 10.0.0.2 that asks for ECN, behind a bottleneck that marks every 50th ECN-capable frame, either way.
 * On port 5001 it hashes what each connection sends and answers with the digest. Lines on standard input:
 *
 *   send PORT MEGABYTES   sends so much to 10.0.0.1 and waits for the digest
 *   report                prints counters
 */
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createStack, type DirectStack } from '../../../src/index.ts'
import { type FrameReceiver, type Netif, Tap } from '../../../src/netif/index.ts'
import { markCongestion } from '../../../src/netif/virtual-network-mark.ts'
import type { PacketBuffer } from '../../../src/packet/index.ts'

const EVERY = 50

class Bottleneck implements Netif, FrameReceiver {
  readonly #tap: Tap
  readonly name
  readonly mac
  readonly mtu
  readonly features
  readonly memory
  readonly counters
  #receiver: FrameReceiver | null = null
  #sent = 0
  #received = 0

  constructor(tap: Tap) {
    this.#tap = tap
    ;({ name: this.name, mac: this.mac, mtu: this.mtu } = tap)
    ;({ features: this.features, memory: this.memory, counters: this.counters } = tap)
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
    this.#tap.attach(this)
  }

  transmit(packet: PacketBuffer): void {
    if (++this.#sent % EVERY === 0) markCongestion(packet)
    this.#tap.transmit(packet)
  }

  flush(): void {
    this.#tap.flush()
  }

  close(): Promise<void> {
    return this.#tap.close()
  }

  frame(packet: PacketBuffer): void {
    if (++this.#received % EVERY === 0) markCongestion(packet)
    this.#receiver?.frame(packet)
  }

  endOfBurst(): void {
    this.#receiver?.endOfBurst()
  }

  closed(error: Error | null): void {
    this.#receiver?.closed(error)
  }
}

const netif = new Bottleneck(await Tap.open({ name: 'tap0' }))
const stack = (await createStack({ netif, tcp: { ecn: 'on' } })) as DirectStack
await stack.listen({ port: 5001 }, async (flow) => {
  const hash = createHash('sha256')
  for await (const data of flow) hash.update(data)
  await flow.write(Buffer.from(hash.digest('hex')))
  await flow.close()
})

async function send(port: number, megabytes: number): Promise<void> {
  const flow = await stack.connect({ address: '10.0.0.1', port })
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(1 << 20)
  for (let i = 0; i < megabytes; i++) {
    const data = Buffer.from(chunk.fill(i + 1))
    hash.update(data)
    await flow.write(data)
  }
  flow.shutdown('write')
  let answer = ''
  for await (const data of flow) answer += data.toString()
  await flow.close()
  console.log(`sent ${answer === hash.digest('hex')}`)
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const [command, port, megabytes] = line.split(' ')
  if (command === 'send') await send(Number(port), Number(megabytes))
  else console.log(`report ${JSON.stringify({ ...stack.ipv4?.counters, ...stack.tcp.counters })}`)
})
console.log('ready')
