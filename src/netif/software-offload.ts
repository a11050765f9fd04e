import type { MacAddress } from '../address/index.ts'
import { type Checksum, finish, fold } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import type { FrameReceiver, LinkLayer, Netif, NetifCounters, NetifFeatures } from './netif.ts'

/**
 * What a device leaves undone, done just above it: completing transport checksums (RFC 1071) and cutting large TCP
 * packets into segments. Layers above can then build as if every device had offload. A segment's headers come out as
 * those of a Linux sender (tcp_gso_segment, inet_gso_segment).
 */

const ETHER_TYPE = 12
const ETHERNET_HEADER = 14
/** IEEE 802.1Q and 802.1ad. */
const VLAN_TAG = 0x8100
const SERVICE_TAG = 0x88a8
const VLAN_TAG_LENGTH = 4

/** RFC 791, section 3.1. */
const IPV4_LEAST_HEADER = 20
const IPV4_TOTAL_LENGTH = 2
const IPV4_IDENTIFICATION = 4
const IPV4_CHECKSUM = 10
/** RFC 8200, section 3. */
const IPV6_HEADER = 40
const IPV6_PAYLOAD_LENGTH = 4

/** RFC 9293, section 3.1. */
const TCP_LEAST_HEADER = 20
const TCP_SEQUENCE = 4
const TCP_DATA_OFFSET = 12
const TCP_FLAGS = 13
const TCP_CHECKSUM = 16
const TCP_FIN = 0x01
const TCP_PSH = 0x08
/** RFC 3168, section 6.1. */
const TCP_CWR = 0x80

/** Where the checksum stands in a UDP header, RFC 768; no other transport has it there. */
const UDP_CHECKSUM = 6

const ALL_FEATURES: NetifFeatures = { checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true }

/** What was done for a device that cannot: checksums completed, packets cut. */
export interface SoftwareOffloadCounters {
  /** Checksums completed here, those of segments not counted. */
  checksumsCompleted: number
  /** Packets cut into segments, and the segments made of them. */
  packetsSegmented: number
  segmentsMade: number
  /** Segments not sent because packet memory was exhausted. */
  segmentNoMemory: number
  /** Packets not sent because their offload fields or headers contradict each other: a bug above. */
  malformed: number
}

/** Wraps a netif that lacks checksum or segmentation offload and presents one that has both. */
export class SoftwareOffload implements Netif {
  readonly features = ALL_FEATURES
  readonly name: string
  readonly memory: PacketMemory
  /** Those of the netif below: what was really sent and received. */
  readonly counters: NetifCounters
  readonly offloadCounters: SoftwareOffloadCounters = {
    checksumsCompleted: 0,
    packetsSegmented: 0,
    segmentsMade: 0,
    segmentNoMemory: 0,
    malformed: 0,
  }

  readonly #netif: Netif
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #checksum: Checksum
  readonly #completesChecksums: boolean
  readonly #segments4: boolean
  readonly #segments6: boolean
  readonly #hasLinkLayer: boolean

  constructor(netif: Netif) {
    this.#netif = netif
    this.name = netif.name
    this.memory = netif.memory
    this.counters = netif.counters
    this.#bytes = netif.memory.bytes
    this.#view = netif.memory.view
    this.#checksum = netif.memory.checksum
    this.#hasLinkLayer = netif.linkLayer !== 'none'
    this.#completesChecksums = netif.features.checksumOffload
    // A device that segments computes checksums as it does so; one that cannot is no use for segmenting.
    this.#segments4 = netif.features.tcp4Segmentation && this.#completesChecksums
    this.#segments6 = netif.features.tcp6Segmentation && this.#completesChecksums
  }

  /** The netif itself where it has offload of every kind already, otherwise wrapped. */
  static over(netif: Netif): Netif {
    const { checksumOffload, tcp4Segmentation, tcp6Segmentation } = netif.features
    return checksumOffload && tcp4Segmentation && tcp6Segmentation ? netif : new SoftwareOffload(netif)
  }

  get mac(): MacAddress {
    return this.#netif.mac
  }

  get mtu(): number {
    return this.#netif.mtu
  }

  get linkLayer(): LinkLayer | undefined {
    return this.#netif.linkLayer
  }

  /** Received frames do not come through here at all. */
  attach(receiver: FrameReceiver): void {
    this.#netif.attach(receiver)
  }

  transmit(packet: PacketBuffer): void {
    const segmentation = packet.segmentation
    if (segmentation !== Segmentation.None) {
      if (segmentation === Segmentation.TcpV4 ? !this.#segments4 : !this.#segments6) {
        this.#transmitSegments(packet)
        return
      }
    } else if (packet.checksum === ChecksumState.Partial && !this.#completesChecksums) {
      if (!this.#completeChecksum(packet)) {
        this.#dropMalformed(packet)
        return
      }
      this.offloadCounters.checksumsCompleted++
    }
    this.#netif.transmit(packet)
  }

  flush(): void {
    this.#netif.flush()
  }

  close(): Promise<void> {
    return this.#netif.close()
  }

  /** @returns whether the packet's offload fields make sense */
  #completeChecksum(packet: PacketBuffer): boolean {
    const { checksumStart, checksumField, end } = packet
    if (checksumStart < packet.start || checksumField < checksumStart || checksumField + 2 > end) return false
    // The field holds the pseudo-header's sum and is summed along with the rest.
    let checksum = finish(this.#checksum.sum(checksumStart, end - checksumStart, 0))
    // RFC 768: 0 in the field means that there is no checksum; 0xffff is the other zero of one's complement.
    if (checksum === 0 && checksumField - checksumStart === UDP_CHECKSUM) checksum = 0xffff
    this.#view.setUint16(checksumField, checksum)
    // As if from a wire: nobody need trust what any receiver can check.
    packet.checksum = ChecksumState.Unverified
    return true
  }

  /** Takes over the packet's reference. */
  #transmitSegments(packet: PacketBuffer): void {
    const network = this.#networkHeader(packet)
    const transport = packet.checksumStart
    const isV4 = packet.segmentation === Segmentation.TcpV4
    if (
      packet.checksum !== ChecksumState.Partial ||
      packet.checksumField !== transport + TCP_CHECKSUM ||
      packet.segmentSize <= 0 ||
      transport < network + (isV4 ? IPV4_LEAST_HEADER : IPV6_HEADER) ||
      transport + TCP_LEAST_HEADER > packet.end
    ) {
      this.#dropMalformed(packet)
      return
    }
    const payload = transport + ((this.#bytes[transport + TCP_DATA_OFFSET] >>> 4) << 2)
    if (payload < transport + TCP_LEAST_HEADER || payload > packet.end) {
      this.#dropMalformed(packet)
      return
    }
    if (packet.end - payload <= packet.segmentSize) {
      packet.segmentation = Segmentation.None
      this.transmit(packet)
      return
    }
    this.offloadCounters.packetsSegmented++
    // The sender's pseudo-header sum with the length taken out again, RFC 1624: adding ~m subtracts m.
    const length = packet.end - transport
    const seed = fold(this.#view.getUint16(transport + TCP_CHECKSUM) + (~fold(length) & 0xffff))
    const size = packet.segmentSize
    for (let offset = 0, index = 0; payload + offset < packet.end; offset += size, index++) {
      const segment = this.#makeSegment(packet, network, payload, offset, index, seed)
      if (segment === null) {
        const lost = Math.ceil((packet.end - payload - offset) / size)
        this.offloadCounters.segmentNoMemory += lost
        this.counters.transmitError += lost
        break
      }
      this.offloadCounters.segmentsMade++
      this.#netif.transmit(segment)
    }
    packet.release()
  }

  /**
   * One segment, in a packet of its own, or null when memory is short.
   * @param payload where the packet's TCP payload begins
   * @param offset of the segment in it
   * @param index 0 for the first segment
   * @param seed sum of the pseudo-header without its length
   */
  #makeSegment(
    packet: PacketBuffer,
    network: number,
    payload: number,
    offset: number,
    index: number,
    seed: number,
  ): PacketBuffer | null {
    const bytes = this.#bytes
    const view = this.#view
    const isLast = payload + offset + packet.segmentSize >= packet.end
    const dataEnd = isLast ? packet.end : payload + offset + packet.segmentSize
    const dataLength = dataEnd - payload - offset
    const headersLength = payload - packet.start
    const segment = this.memory.allocate(headersLength + dataLength)
    if (segment === null) return null

    const shift = segment.start - packet.start
    const data = payload + shift
    bytes.copyWithin(segment.start, packet.start, payload)
    bytes.copyWithin(data, payload + offset, dataEnd)
    const end = (segment.end = data + dataLength)
    const ip = (segment.network = network + shift)
    const tcp = (segment.transport = packet.checksumStart + shift)
    segment.link = segment.start

    if (packet.segmentation === Segmentation.TcpV4) {
      view.setUint16(ip + IPV4_TOTAL_LENGTH, end - ip)
      // RFC 6864 would let atomic datagrams share one; a sequence keeps segments apart for old middleboxes, as Linux does.
      view.setUint16(ip + IPV4_IDENTIFICATION, view.getUint16(network + IPV4_IDENTIFICATION) + index)
      view.setUint16(ip + IPV4_CHECKSUM, 0)
      view.setUint16(ip + IPV4_CHECKSUM, finish(this.#checksum.sum(ip, (bytes[ip] & 15) << 2, 0)))
    } else {
      // Extension headers count as payload (RFC 8200, section 3).
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH, end - ip - IPV6_HEADER)
    }

    view.setInt32(tcp + TCP_SEQUENCE, (view.getInt32(packet.checksumStart + TCP_SEQUENCE) + offset) | 0)
    // FIN and PSH are about the end of the data. CWR answers one congestion signal once: RFC 3168, section 6.1.2.
    if (!isLast) bytes[tcp + TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH)
    if (index > 0) bytes[tcp + TCP_FLAGS] &= ~TCP_CWR

    view.setUint16(tcp + TCP_CHECKSUM, fold(seed + (end - tcp)))
    if (this.#completesChecksums) {
      segment.checksum = ChecksumState.Partial
      segment.checksumStart = tcp
      segment.checksumField = tcp + TCP_CHECKSUM
    } else {
      view.setUint16(tcp + TCP_CHECKSUM, finish(this.#checksum.sum(tcp, end - tcp, 0)))
    }
    return segment
  }

  /** Where the network header of a frame begins: behind Ethernet's, if there is one, and its VLAN tags. */
  #networkHeader(packet: PacketBuffer): number {
    if (!this.#hasLinkLayer) return packet.start
    let at = packet.start + ETHER_TYPE
    for (let tags = 0; tags < 2; tags++) {
      const type = this.#view.getUint16(at)
      if (type !== VLAN_TAG && type !== SERVICE_TAG) break
      at += VLAN_TAG_LENGTH
    }
    return at + ETHERNET_HEADER - ETHER_TYPE
  }

  #dropMalformed(packet: PacketBuffer): void {
    this.offloadCounters.malformed++
    this.counters.transmitError++
    packet.release()
  }
}
