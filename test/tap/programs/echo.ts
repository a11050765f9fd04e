/**
 * Answers ARP, ICMP echo and UDP for 10.0.0.2 by turning each frame round in place: the least that the kernel will
 * talk to, so that only the tap is under test. Arguments: interface name, "plain" for no offload.
 */
import process from 'node:process'
import { type FrameReceiver, Tap } from '../../../src/netif/index.ts'
import { ChecksumState, type PacketBuffer } from '../../../src/packet/index.ts'

const ADDRESS = 0x0a000002
const tap = await Tap.open({ name: process.argv[2], offload: process.argv[3] !== 'plain' })
const { bytes, view } = tap.memory

function swap(a: number, b: number, length: number): void {
  for (let i = 0; i < length; i++) {
    const byte = bytes[a + i]
    bytes[a + i] = bytes[b + i]
    bytes[b + i] = byte
  }
}

class Echo implements FrameReceiver {
  frame(packet: PacketBuffer): void {
    const link = packet.link
    const type = view.getUint16(link + 12)
    const network = link + 14
    if (type === 0x0806) {
      if (view.getInt32(network + 24) !== ADDRESS || view.getUint16(network + 6) !== 1) return
      view.setUint16(network + 6, 2)
      swap(network + 8, network + 18, 10)
      tap.mac.writeTo(bytes, network + 8)
      bytes.copyWithin(link, link + 6, link + 12)
    } else if (type === 0x0800 && view.getInt32(network + 16) === ADDRESS) {
      const transport = network + (bytes[network] & 15) * 4
      if (bytes[network + 9] === 1) {
        if (bytes[transport] !== 8) return
        // Type 8 becomes 0: the checksum grows by 0x0800, one's complement.
        bytes[transport] = 0
        const sum = view.getUint16(transport + 2) + 0x0800
        view.setUint16(transport + 2, (sum & 0xffff) + (sum >>> 16))
      } else if (bytes[network + 9] === 17) {
        swap(transport, transport + 2, 2)
      } else return
      swap(network + 12, network + 16, 4)
      bytes.copyWithin(link, link + 6, link + 12)
    } else return
    tap.mac.writeTo(bytes, link + 6)
    // Turning round changes no sum, so a Partial checksum stays as valid as it was.
    if (packet.checksum === ChecksumState.Verified) packet.checksum = ChecksumState.Unverified
    tap.transmit(packet.retain())
  }

  endOfBurst(): void {
    tap.flush()
  }

  closed(error: Error | null): void {
    console.log(`closed ${error?.message}`)
  }
}

tap.attach(new Echo())
console.log(`ready ${tap.name} ${tap.mac} ${JSON.stringify(tap.features)}`)
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ ...tap.counters, inUse: tap.memory.inUse }))
  tap.close()
})
process.once('SIGTERM', () => setImmediate(() => process.exit(0)))
