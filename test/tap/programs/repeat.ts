/** Opens and closes a tap many times and prints what that left behind. Arguments: how often, "persistent" or "own". */
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { Tap } from '../../../src/netif/index.ts'
import { PacketMemory } from '../../../src/packet/index.ts'

const [times, kind] = process.argv.slice(2)
const memory = new PacketMemory({ smallSlots: 64, largeSlots: 16 })

async function openAndClose(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const tap = await Tap.open({ memory, name: kind === 'persistent' ? 'tap0' : undefined })
    if (i % 2 === 0) tap.attach({ frame: () => {}, endOfBurst: () => {}, closed: () => {} })
    const packet = memory.allocate(60)!
    packet.end += 60
    tap.transmit(packet)
    if (i % 3 === 0) tap.flush()
    await tap.close()
    if (i % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

function weigh() {
  gc!()
  return { descriptors: readdirSync('/proc/self/fd').length, bytes: process.memoryUsage().rss }
}

await openAndClose(kind === 'persistent' ? 200 : 20)
const before = weigh()
await openAndClose(Number(times))
const after = weigh()
console.log(
  JSON.stringify({
    descriptors: after.descriptors - before.descriptors,
    bytes: after.bytes - before.bytes,
    inUse: memory.inUse,
  }),
)
