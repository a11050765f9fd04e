import { MacAddress } from '../../address/index.ts'
import type { NetifFeatures } from '../netif.ts'

/** A carrier is a wire: frames on it are complete, with their checksums, and of one segment each. */
export const NO_OFFLOAD: NetifFeatures = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }

export const ETHERNET_HEADER = 14
export const ETHERNET_MTU = 1500
/** An IP packet of 65,535 bytes behind an Ethernet header with two VLAN tags. */
export const LONGEST_FRAME = 65_535 + ETHERNET_HEADER + 8
/** The MTU whose frames fit a large slot with their headroom, as on a tap. */
export const LARGEST_MTU = 65_521

/** What has no address of its own to make one from. */
export function randomMacAddress(): MacAddress {
  const words = crypto.getRandomValues(new Int32Array(2))
  return MacAddress.locallyAdministered(words[0], words[1])
}
