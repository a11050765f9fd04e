import { pseudoHeaderSum4, pseudoHeaderSum6 } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'

/** RFC 791, section 3.1. */
const IPV4_LEAST_HEADER = 20
const IPV4_TOTAL_LENGTH = 2
const IPV4_FRAGMENT = 6
const IPV4_PROTOCOL = 9
const IPV4_SOURCE = 12
const IPV4_DESTINATION = 16
/** More Fragments and the offset. */
const FRAGMENT_BITS = 0x3fff
/** RFC 8200, section 3. */
const IPV6_HEADER = 40
const IPV6_PAYLOAD_LENGTH = 4
const IPV6_NEXT_HEADER = 6
const IPV6_SOURCE = 8
const IPV6_DESTINATION = 24
const PROTOCOL_TCP = 6
const PROTOCOL_UDP = 17
/** RFC 9293, section 3.1; RFC 768. */
const TCP_LEAST_HEADER = 20
const TCP_DATA_OFFSET = 12
const TCP_CHECKSUM = 16
const UDP_HEADER = 8
const UDP_CHECKSUM = 6

/** What was made of frames that came with offload. */
export interface ReceivedOffloadCounters {
  /** Packets whose checksum the kernel had left undone: they never left the machine. */
  partialChecksums: number
  /** TCP packets that stand for several segments. */
  coalesced: number
  /** Several UDP datagrams in one, which nothing in it tells apart. They are dropped. */
  coalescedDatagrams: number
}

/**
 * What the kernel leaves undone in packets between local interfaces, where no virtio header says so (libpcap, raw sockets). An
 * unfinished checksum is told by its value, which is exactly the sum of the pseudo-header: in one of 65,536 packets a finished
 * one has that value by chance, and goes unchecked. A packet of TCP that is longer than the MTU stands for several segments, of
 * as much as fits the MTU.
 */
export class ReceivedOffload {
  readonly counters: ReceivedOffloadCounters = { partialChecksums: 0, coalesced: 0, coalescedDatagrams: 0 }
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #mtu: number

  constructor(memory: PacketMemory, mtu: number) {
    this.#bytes = memory.bytes
    this.#view = memory.view
    this.#mtu = mtu
  }

  /**
   * Sets `checksum` and `segmentation` of a received packet. What is no whole IP packet is left to the layers above.
   * @param network where its IP header begins
   * @returns whether it can be used
   */
  inspect(packet: PacketBuffer, network: number): boolean {
    const version = network < packet.end ? this.#bytes[network] >>> 4 : 0
    if (version === 4) return this.#inspect4(packet, network)
    if (version === 6) return this.#inspect6(packet, network)
    return true
  }

  #inspect4(packet: PacketBuffer, network: number): boolean {
    if (network + IPV4_LEAST_HEADER > packet.end) return true
    const view = this.#view
    const total = view.getUint16(network + IPV4_TOTAL_LENGTH)
    const transport = network + ((this.#bytes[network] & 15) << 2)
    const length = network + total - transport
    if (network + total > packet.end || transport < network + IPV4_LEAST_HEADER) return true
    if ((view.getUint16(network + IPV4_FRAGMENT) & FRAGMENT_BITS) !== 0) return true
    const protocol = this.#bytes[network + IPV4_PROTOCOL]
    if (!hasHeader(protocol, length)) return true
    const source = view.getInt32(network + IPV4_SOURCE)
    const sum = pseudoHeaderSum4(source, view.getInt32(network + IPV4_DESTINATION), protocol, length)
    return this.#apply(packet, network, transport, length, protocol, sum, Segmentation.TcpV4)
  }

  #inspect6(packet: PacketBuffer, network: number): boolean {
    if (network + IPV6_HEADER > packet.end) return true
    const view = this.#view
    const transport = network + IPV6_HEADER
    const length = view.getUint16(network + IPV6_PAYLOAD_LENGTH)
    const protocol = this.#bytes[network + IPV6_NEXT_HEADER]
    if (transport + length > packet.end || !hasHeader(protocol, length)) return true
    const source = network + IPV6_SOURCE
    const destination = network + IPV6_DESTINATION
    const sum = pseudoHeaderSum6(
      view.getInt32(source),
      view.getInt32(source + 4),
      view.getInt32(source + 8),
      view.getInt32(source + 12),
      view.getInt32(destination),
      view.getInt32(destination + 4),
      view.getInt32(destination + 8),
      view.getInt32(destination + 12),
      protocol,
      length,
    )
    return this.#apply(packet, network, transport, length, protocol, sum, Segmentation.TcpV6)
  }

  #apply(
    packet: PacketBuffer,
    network: number,
    transport: number,
    length: number,
    protocol: number,
    pseudoHeaderSum: number,
    segmentation: Segmentation,
  ): boolean {
    const field = transport + (protocol === PROTOCOL_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
    if (this.#view.getUint16(field) === pseudoHeaderSum) {
      packet.checksum = ChecksumState.Partial
      packet.checksumStart = transport
      packet.checksumField = field
      this.counters.partialChecksums++
    }
    if (transport + length - network <= this.#mtu) return true
    if (protocol === PROTOCOL_UDP) {
      this.counters.coalescedDatagrams++
      return false
    }
    const payload = transport + ((this.#bytes[transport + TCP_DATA_OFFSET] >>> 4) << 2)
    const segmentSize = this.#mtu - (payload - network)
    if (segmentSize > 0 && transport + length - payload > segmentSize) {
      packet.segmentation = segmentation
      packet.segmentSize = segmentSize
      this.counters.coalesced++
    }
    return true
  }
}

/** Whether the transport is one that the kernel leaves undone, and its header is there. */
function hasHeader(protocol: number, length: number): boolean {
  return protocol === PROTOCOL_TCP ? length >= TCP_LEAST_HEADER : protocol === PROTOCOL_UDP && length >= UDP_HEADER
}
