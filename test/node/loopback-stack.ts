/** A stack of ours that has nobody to talk to but itself, on the host's clock. */
import '../../src/node/index.ts'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { type CreateStackOptions, createStack, type DirectStack } from '../../src/stack/index.ts'

export interface LoopbackStack {
  readonly stack: DirectStack
  readonly memory: PacketMemory
  /** Closes it and says what is left behind. */
  close(): Promise<{ packets: number; timers: number }>
}

export async function loopbackStack(options: Omit<CreateStackOptions, 'net'> = {}): Promise<LoopbackStack> {
  const clock = new HostClock()
  const random = new SeededRandom(1)
  const memory = new PacketMemory({ smallSlots: 4096, largeSlots: 256 })
  const network = new VirtualNetwork({ clock, random, memory })
  const stack = await createStack({ netif: network.port(), ipv4: '10.0.0.2/24', clock, random, ...options })
  return {
    stack,
    memory,
    async close() {
      await stack.close(0)
      const left = { packets: memory.inUse, timers: clock.armedTimers }
      clock.close()
      return left
    },
  }
}
