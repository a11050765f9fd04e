/** A router's part in ECN: RFC 3168, section 5. */
import { updateWord16 } from '../checksum/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

const ETHER_TYPE = 12
const IPV4 = 0x0800
const IPV6 = 0x86dd
/** IEEE 802.1Q and 802.1ad. */
const VLAN_TAG = 0x8100
const SERVICE_TAG = 0x88a8
/** From the beginning of an IPv4 header. */
const CHECKSUM = 10
/** Both bits; in an IPv6 header four bits higher up. */
const EXPERIENCED = 3

/** Writes "congestion experienced" into the frame if its sender is ECN-capable. @returns whether it is */
export function markCongestion(packet: PacketBuffer): boolean {
  const { view } = packet.memory
  let at = packet.start + ETHER_TYPE
  let type = view.getUint16(at)
  for (let tags = 0; tags < 2 && (type === VLAN_TAG || type === SERVICE_TAG); tags++) {
    at += 4
    type = view.getUint16(at)
  }
  const network = at + 2
  if (packet.end - network < CHECKSUM + 2) return false
  const before = view.getUint16(network)
  if (type === IPV4) {
    if ((before & EXPERIENCED) === 0) return false
    view.setUint16(network, before | EXPERIENCED)
    view.setUint16(network + CHECKSUM, updateWord16(view.getUint16(network + CHECKSUM), before, before | EXPERIENCED))
    return true
  }
  const experienced = EXPERIENCED << 4
  if (type !== IPV6 || (before & experienced) === 0) return false
  view.setUint16(network, before | experienced)
  return true
}
