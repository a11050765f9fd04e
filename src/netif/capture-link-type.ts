import { LINK_TYPE_ETHERNET, LINK_TYPE_RAW } from '../capture/index.ts'
import type { Netif } from './netif.ts'

/** How a capture file calls what this interface carries. */
export function captureLinkType({ linkLayer }: Netif): number {
  return linkLayer === 'none' ? LINK_TYPE_RAW : LINK_TYPE_ETHERNET
}
