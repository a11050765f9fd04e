/**
 * How much the tap itself carries: sends frames of one size to a kernel that drops them, for one second, then prints
 * frames a second. Arguments: interface, bytes a frame.
 */
import process from 'node:process'
import { Tap } from '../../../src/netif/index.ts'
import { ChecksumState, Segmentation } from '../../../src/packet/index.ts'

const [name, size] = process.argv.slice(2)
const tap = await Tap.open({ name })
const length = Number(size)
const { bytes, view } = tap.memory

function queueOne(): void {
  const packet = tap.memory.allocate(length)!
  const { start } = packet
  packet.end = start + length
  // To another host's address: the kernel takes the frame whole and then drops it as not for itself.
  bytes.fill(0, start, start + 54)
  view.setInt32(start, 0x02000000)
  view.setInt32(start + 2, 0x0000abcd)
  view.setUint16(start + 12, 0x0800)
  bytes[start + 14] = 0x45
  view.setUint16(start + 16, length - 14)
  bytes[start + 22] = 64
  bytes[start + 23] = 6
  bytes[start + 46] = 0x50
  if (length > 1514) {
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = start + 34
    packet.checksumField = start + 50
    packet.segmentation = Segmentation.TcpV4
    packet.segmentSize = 1460
  }
  tap.transmit(packet)
}

const start = performance.now()
while (performance.now() - start < 1000) {
  for (let i = 0; i < 32; i++) queueOne()
  tap.flush()
}
const seconds = (performance.now() - start) / 1000
const { transmittedFrames, transmittedBytes, transmitError } = tap.counters
console.log(
  JSON.stringify({
    framesPerSecond: Math.round(transmittedFrames / seconds),
    gigabitsPerSecond: (transmittedBytes * 8) / 1e9 / seconds,
    transmitError,
  }),
)
await tap.close()
