// Not through the index of each folder: that would import a CommonJS package, see load-benchmark.ts.
import { MacAddress } from '../../src/address/mac-address.ts'
import { type FrameReceiver, type Netif, newNetifCounters } from '../../src/netif/netif.ts'
import { SoftwareOffload } from '../../src/netif/software-offload.ts'
import { ChecksumState, type PacketBuffer, PacketMemory, Segmentation } from '../../src/packet/index.ts'
import { type MicroResult, measure } from './measure.ts'

/** Cutting a packet of 64 KiB into frames of 1,514 bytes with all checksums, for devices that cannot. */

class DiscardingNetif implements Netif {
  readonly name = 'discarding'
  readonly mac = MacAddress.ZERO
  readonly mtu = 1500
  readonly features = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
  readonly memory = new PacketMemory({ smallSlots: 1024, largeSlots: 4 })
  readonly counters = newNetifCounters()

  attach(_receiver: FrameReceiver): void {}

  transmit(packet: PacketBuffer): void {
    this.counters.transmittedFrames++
    packet.release()
  }

  flush(): void {}

  async close(): Promise<void> {}
}

const HEADERS = 14 + 20 + 32
const SEGMENT = 1448
const SEGMENTS = 45

export async function segmentationBenchmarks(): Promise<MicroResult[]> {
  const netif = new DiscardingNetif()
  const offload = new SoftwareOffload(netif)
  const { memory } = netif
  const packet = memory.allocate(HEADERS + SEGMENT * SEGMENTS)!
  const tcp = packet.start + 14 + 20
  packet.end = packet.start + HEADERS + SEGMENT * SEGMENTS
  memory.view.setUint16(packet.start + 12, 0x0800)
  memory.view.setUint8(packet.start + 14, 0x45)
  memory.view.setUint8(tcp + 12, 8 << 4)
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = tcp
  packet.checksumField = tcp + 16
  packet.segmentation = Segmentation.TcpV4
  packet.segmentSize = SEGMENT
  const results = await measure([
    {
      name: `software segmentation: one frame of ${SEGMENT} bytes of ${SEGMENTS}`,
      bytes: SEGMENT,
      operations: SEGMENTS,
      run() {
        offload.transmit(packet.retain())
        return netif.counters.transmittedFrames & 1
      },
    },
  ])
  packet.release()
  return results
}
