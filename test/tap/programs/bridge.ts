/**
 * Joins two taps: every frame of one goes out of the other as it came, offload and all. Arguments: the names, then
 * "plain" for no offload. The second is moved to the namespace of the process named by the environment variable PEER.
 */
import { execFileSync } from 'node:child_process'
import process from 'node:process'
import { type FrameReceiver, Tap } from '../../../src/netif/index.ts'
import { ChecksumState, type PacketBuffer, PacketMemory } from '../../../src/packet/index.ts'

class Forwarder implements FrameReceiver {
  readonly #to: Tap

  constructor(to: Tap) {
    this.#to = to
  }

  frame(packet: PacketBuffer): void {
    if (packet.checksum === ChecksumState.Verified) packet.checksum = ChecksumState.Unverified
    this.#to.transmit(packet.retain())
  }

  endOfBurst(): void {
    this.#to.flush()
  }

  closed(error: Error | null): void {
    console.log(`closed ${error?.message}`)
  }
}

const [left, right, mode] = process.argv.slice(2)
const memory = new PacketMemory()
const offload = mode !== 'plain'
const taps = [await Tap.open({ name: left, memory, offload }), await Tap.open({ name: right, memory, offload })]
execFileSync('ip', ['link', 'set', right, 'netns', process.env.PEER!])
taps[0].attach(new Forwarder(taps[1]))
taps[1].attach(new Forwarder(taps[0]))
console.log('ready')

process.once('SIGTERM', () => {
  const counters = taps.map((tap) => tap.counters)
  for (const tap of taps) tap.close()
  console.log(`counters ${JSON.stringify({ counters, inUse: memory.inUse })}`)
})
