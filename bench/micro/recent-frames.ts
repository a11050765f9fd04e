import { MacAddress } from '../../src/address/index.ts'
import { HostClock } from '../../src/clock/index.ts'
import { type FrameReceiver, type Netif, newNetifCounters, RecentFrames } from '../../src/netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import { type MicroResult, measure } from './measure.ts'

/** What it costs to keep the last frames in mind, which every stack of `tapstack run` does: each frame passes through it. */

/** As many as come in one burst at most. */
const BURST = 32
const OPERATIONS = BURST * 16

/** Takes frames and does nothing with them. */
class NullNetif implements Netif, FrameReceiver {
  readonly name = 'null'
  readonly mac = MacAddress.parse('02:00:00:00:00:01')
  readonly mtu = 1500
  readonly features = { checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true }
  readonly counters = newNetifCounters()
  readonly memory: PacketMemory
  seen = 0
  receiver: FrameReceiver = this

  constructor(memory: PacketMemory) {
    this.memory = memory
  }

  attach(receiver: FrameReceiver): void {
    this.receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    this.seen += packet.end
  }

  frame(packet: PacketBuffer): void {
    this.seen += packet.end
  }

  flush(): void {}
  endOfBurst(): void {}
  closed(): void {}
  async close(): Promise<void> {}
}

export async function recentFramesBenchmarks(): Promise<MicroResult[]> {
  const memory = new PacketMemory({ smallSlots: 4096, largeSlots: 64 })
  const clock = new HostClock()
  const device = new NullNetif(memory)
  const kept = new RecentFrames().watch(device, clock)
  const above = new NullNetif(memory)
  kept.attach(above)
  const packets = (size: number) =>
    Array.from({ length: 256 }, () => {
      const packet = memory.allocate(size)!
      packet.end = packet.start + size
      return packet
    })
  const cases = [64, 1_500].map((bytes) => {
    const frames = packets(bytes)
    return {
      name: 'recent frames: keep one',
      bytes,
      operations: OPERATIONS,
      run() {
        for (let i = 0; i < OPERATIONS; i++) {
          device.receiver.frame(frames[i & 255])
          if ((i & (BURST - 1)) === BURST - 1) device.receiver.endOfBurst()
        }
        return above.seen
      },
    }
  })
  try {
    return await measure(cases)
  } finally {
    clock.close()
  }
}
