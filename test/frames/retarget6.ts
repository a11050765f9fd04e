/** The same as `retarget.ts` for IPv6: frames that were meant for somebody else, made ours. Works on copies. */
import { addressBytes, be16, macBytes } from '../support/frames.ts'
import { OURS, OURS_6, OURS_LINK_LOCAL, PEER_6, TCP_PORTS, UDP_PORTS } from './hostile-host.ts'
import { rightChecksums6 } from './right-checksums6.ts'

const IPV6 = 0x86dd
const HEADER = 14
const SOURCE = HEADER + 8
const DESTINATION = HEADER + 24
const PAYLOAD = HEADER + 40
const TCP = 6
const UDP = 17
const ICMPV6 = 58
/** Messages that run the link, which have to come with this hop limit. */
const FIRST_CONTROL = 130
const LAST_CONTROL = 137

export function isIpv6(frame: Uint8Array): boolean {
  return frame.length >= PAYLOAD && ((frame[12] << 8) | frame[13]) === IPV6
}

const isLinkLocal = (frame: Uint8Array, at: number) => frame[at] === 0xfe && (frame[at + 1] & 0xc0) === 0x80

/** Destination MAC and IP address made ours, what an error quotes too, and all checksums made right. */
export function addressToUs6(original: Uint8Array): Uint8Array {
  const frame = original.slice()
  frame.set(macBytes(OURS.mac), 0)
  // A source that is a group is refused at once.
  frame[6] &= 0xfe
  frame.set(addressBytes(isLinkLocal(frame, SOURCE) ? OURS_LINK_LOCAL.address : OURS_6.address), DESTINATION)
  if (frame[HEADER + 6] === ICMPV6 && frame[PAYLOAD] < 128 && frame.length >= PAYLOAD + 8 + 40) {
    frame.set(frame.subarray(DESTINATION, DESTINATION + 16), PAYLOAD + 8 + 8)
  }
  return rightChecksums6(frame)
}

/** Beyond `addressToUs6`: what else is refused early is made acceptable, and ports are ones where somebody listens. */
export function makePlausible6(original: Uint8Array, index: number): Uint8Array {
  const frame = addressToUs6(original)
  frame[HEADER] = 0x60 | (frame[HEADER] & 15)
  const isNobody = frame.subarray(SOURCE, SOURCE + 16).every((byte) => byte === 0)
  if (isNobody || frame[SOURCE] === 0xff) frame.set(addressBytes(PEER_6.address), SOURCE)
  const available = frame.length - PAYLOAD
  if (((frame[HEADER + 4] << 8) | frame[HEADER + 5]) > available) frame.set(be16(available), HEADER + 4)
  const protocol = frame[HEADER + 6]
  if (available >= 4 && protocol === TCP) frame.set(be16(TCP_PORTS[index % TCP_PORTS.length]), PAYLOAD + 2)
  if (available >= 4 && protocol === UDP) frame.set(be16(UDP_PORTS[index % UDP_PORTS.length]), PAYLOAD + 2)
  const type = frame[PAYLOAD]
  if (available >= 4 && protocol === ICMPV6 && type >= FIRST_CONTROL && type <= LAST_CONTROL) {
    frame[HEADER + 7] = 255
    // A neighbour asks for us.
    if (type === 135 && available >= 24) frame.set(frame.subarray(DESTINATION, DESTINATION + 16), PAYLOAD + 8)
  }
  return rightChecksums6(frame)
}
