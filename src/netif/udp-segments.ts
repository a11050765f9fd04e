import { finish } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import type { FrameReceiver, NetifCounters } from './netif.ts'

/**
 * Datagrams that a sender left to the device to cut apart (Linux's UDP_SEGMENT, udp(7); VIRTIO_NET_HDR_GSO_UDP_L4, Virtual I/O Device
 * 1.3, section 5.1.6), or that a NIC has gathered: one frame, whose payload is that of many datagrams. A packet socket gets
 * it as it is, whatever its reader can do with it; a tap does not, as long as we do not ask for it.
 */

const ETHER_TYPE = 12
const ETHERNET_HEADER = 14
const ETHER_TYPE_IPV4 = 0x0800
const ETHER_TYPE_IPV6 = 0x86dd
/** RFC 791, section 3.1. */
const IPV4_LEAST_HEADER = 20
const IPV4_TOTAL_LENGTH = 2
const IPV4_IDENTIFICATION = 4
const IPV4_CHECKSUM = 10
/** RFC 8200, section 3. */
const IPV6_HEADER = 40
const IPV6_PAYLOAD_LENGTH = 4
/** RFC 768. */
const UDP_HEADER = 8
const UDP_LENGTH = 4
const UDP_CHECKSUM = 6

/**
 * Hands up each datagram in a frame of its own. What does not make sense is counted as malformed.
 * @param packet the frame, its checksum Partial; stays the caller's
 * @param size payload of each datagram in bytes; the last may be shorter
 */
export function deliverDatagrams(
  packet: PacketBuffer,
  size: number,
  receiver: FrameReceiver,
  counters: NetifCounters,
): void {
  const { memory, start, end } = packet
  const { bytes, view } = memory
  const network = start + ETHERNET_HEADER
  const udp = packet.checksumStart
  const payload = udp + UDP_HEADER
  const etherType = view.getUint16(start + ETHER_TYPE)
  const isV4 = etherType === ETHER_TYPE_IPV4
  const makesSense =
    packet.checksum === ChecksumState.Partial &&
    packet.checksumField === udp + UDP_CHECKSUM &&
    (isV4 || etherType === ETHER_TYPE_IPV6) &&
    udp >= network + (isV4 ? IPV4_LEAST_HEADER : IPV6_HEADER) &&
    payload < end
  if (!makesSense) {
    counters.receiveMalformed++
    return
  }
  for (let at = payload, index = 0; at < end; at += size, index++) {
    const length = Math.min(size, end - at)
    const datagram = memory.allocate(payload - start + length)
    if (datagram === null) {
      counters.receiveNoMemory++
      continue
    }
    const shift = datagram.start - start
    bytes.copyWithin(datagram.start, start, payload)
    bytes.copyWithin(payload + shift, at, at + length)
    datagram.link = datagram.start
    datagram.end = payload + shift + length
    const ip = network + shift
    if (isV4) {
      view.setUint16(ip + IPV4_TOTAL_LENGTH, datagram.end - ip)
      view.setUint16(ip + IPV4_IDENTIFICATION, view.getUint16(network + IPV4_IDENTIFICATION) + index)
      view.setUint16(ip + IPV4_CHECKSUM, 0)
      view.setUint16(ip + IPV4_CHECKSUM, finish(memory.checksum.sum(ip, (bytes[ip] & 15) << 2, 0)))
    } else {
      // Extension headers count as payload (RFC 8200, section 3).
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH, datagram.end - ip - IPV6_HEADER)
    }
    view.setUint16(udp + shift + UDP_LENGTH, UDP_HEADER + length)
    // It never was on a wire, or the kernel has verified it: it gathers none whose checksum is wrong.
    datagram.checksum = ChecksumState.Verified
    try {
      receiver.frame(datagram)
    } finally {
      datagram.release()
    }
  }
}
