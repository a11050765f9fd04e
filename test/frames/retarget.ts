/**
 * Makes frames that were meant for somebody else ours, so that they come further than to the first address check.
 * Works on copies, and on frames however broken: what is not there is left as it is.
 */
import { addressBytes, be16, be32, internetChecksum, macBytes, pseudoChecksum } from '../support/frames.ts'
import { type HostileFlow, OURS, PEER, TCP_PORTS, UDP_PORTS } from './hostile-host.ts'

const ARP = 0x0806
const IPV4 = 0x0800
const VLAN = 0x8100
const ICMP = 1
const TCP = 6
const UDP = 17
const SYN = 0x02
const ACK = 0x10

/** Where the layers of a frame begin; -1 for what is not there. */
interface Layout {
  type: number
  network: number
  transport: number
  protocol: number
  /** End of the IP packet. */
  end: number
}

function layout(frame: Uint8Array): Layout {
  const result = { type: -1, network: -1, transport: -1, protocol: -1, end: frame.length }
  if (frame.length < 14) return result
  result.type = u16(frame, 12)
  result.network = 14
  if (result.type === VLAN && frame.length >= 18) {
    result.type = u16(frame, 16)
    result.network = 18
  }
  const { network } = result
  if (result.type !== IPV4 || frame.length < network + 20) return result
  result.protocol = frame[network + 9]
  const transport = network + (frame[network] & 15) * 4
  const end = network + u16(frame, network + 2)
  if (end <= frame.length) result.end = end
  if (transport >= network + 20 && transport <= result.end) result.transport = transport
  return result
}

/** Destination MAC and IP address made ours, and all checksums made right. */
export function addressToUs(original: Uint8Array): Uint8Array {
  const frame = original.slice()
  const { type, network, protocol, transport, end } = layout(frame)
  if (frame.length >= 12) {
    frame.set(macBytes(OURS.mac), 0)
    // A source that is a group is refused at once.
    frame[6] &= 0xfe
  }
  if (type === ARP && frame.length >= network + 28) frame.set(addressBytes(OURS.address), network + 24)
  if (network >= 0 && type === IPV4 && frame.length >= network + 20) frame.set(addressBytes(OURS.address), network + 16)
  // An ICMP error is only about us if it quotes a packet of ours.
  const quoted = transport + 8
  if (protocol === ICMP && transport >= 0 && [3, 11, 12].includes(frame[transport]) && end >= quoted + 20) {
    frame.set(addressBytes(OURS.address), quoted + 12)
  }
  return rightChecksums(frame)
}

/** Beyond `addressToUs`: what else is refused early is made acceptable, and ports are ones where somebody listens. */
export function makePlausible(original: Uint8Array, index: number): Uint8Array {
  const frame = addressToUs(original)
  if (frame.length >= 18 && u16(frame, 12) === VLAN) frame[14] = frame[15] = 0
  const { type, network, protocol } = layout(frame)
  if (type === ARP && frame.length >= network + 28) {
    // From somebody on our network.
    frame.set(addressBytes(`10.0.0.${3 + (index % 250)}`), network + 14)
    frame.set(frame.subarray(6, 12), network + 8)
  }
  if (type !== IPV4 || frame.length < network + 20) return frame
  const first = frame[network + 12]
  if (first === 0 || first === 127 || first >= 224) frame.set(addressBytes(PEER.address), network + 12)
  if (frame.length < network + u16(frame, network + 2)) frame.set(be16(frame.length - network), network + 2)
  frame.set(be16(0x4000), network + 6)
  const { transport, end } = layout(frame)
  if (transport >= 0 && end >= transport + 4) {
    if (protocol === TCP) frame.set(be16(TCP_PORTS[index % TCP_PORTS.length]), transport + 2)
    if (protocol === UDP) frame.set(be16(UDP_PORTS[index % UDP_PORTS.length]), transport + 2)
  }
  if (protocol === UDP && transport >= 0 && end >= transport + 8 && u16(frame, transport + 4) > end - transport) {
    frame.set(be16(end - transport), transport + 4)
  }
  return rightChecksums(frame)
}

/**
 * A TCP segment moved into a connection: its ports, the peer's address, a sequence number within the window (some a
 * little before it) and an acknowledgment of what we have sent. More than half of the corpus are SYNs, which an open
 * connection looks at no further: three of four become ACKs. Null for what is no TCP segment.
 */
export function intoFlow(original: Uint8Array, index: number, flow: HostileFlow): Uint8Array | null {
  const frame = makePlausible(original, index)
  const { protocol, network, transport, end } = layout(frame)
  if (protocol !== TCP || transport < 0 || end < transport + 20) return null
  frame.set(addressBytes(PEER.address), network + 12)
  frame.set(be16(flow.remotePort), transport)
  frame.set(be16(flow.port), transport + 2)
  const offset = (u16(frame, transport + 6) % 3000) - 500
  frame.set(be32((flow.expected + (index % 3 === 0 ? 0 : offset)) >>> 0), transport + 4)
  frame.set(be32(flow.acknowledgment), transport + 8)
  const flags = frame[transport + 13]
  if ((flags & SYN) !== 0 && index % 4 !== 0) frame[transport + 13] = (flags & ~SYN) | ACK
  return rightChecksums(frame)
}

/** Fills in every checksum whose bytes are there. */
export function rightChecksums(frame: Uint8Array): Uint8Array {
  const { type, network, transport, protocol, end } = layout(frame)
  if (type !== IPV4 || transport < 0) return frame
  put(frame, network + 10, () => internetChecksum(frame.subarray(network, transport)))
  const addresses = frame.subarray(network + 12, network + 20)
  const segment = frame.subarray(transport, end)
  if (protocol === ICMP && segment.length >= 4) put(frame, transport + 2, () => internetChecksum(segment))
  if (protocol === TCP && segment.length >= 18) {
    put(frame, transport + 16, () => pseudoChecksum(addresses, TCP, segment))
  }
  if (protocol === UDP && segment.length >= 8) {
    // RFC 768: the sum covers as much as the length field says.
    const length = u16(segment, 4)
    if (length >= 8 && length <= segment.length) {
      put(frame, transport + 6, () => pseudoChecksum(addresses, UDP, segment.subarray(0, length)) || 0xffff)
    }
  }
  return frame
}

function put(frame: Uint8Array, position: number, compute: () => number): void {
  frame[position] = frame[position + 1] = 0
  frame.set(be16(compute()), position)
}

function u16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}
