/** By what a server knows a client: RFC 2132, section 9.14, and RFC 4361, which makes it the same as in DHCPv6. */

import type { MacAddress } from '../../address/index.ts'
import { integerInRange } from '../../errors/index.ts'
import { isDuid } from '../v6/duid.ts'
import { HARDWARE_ETHERNET, writeWord32 } from './wire.ts'

/** RFC 4361, section 6.1. */
const TYPE_DUID = 255

/**
 * RFC 4361, section 6.1.
 * @param iaid 32 bits, another one for each interface with the same DUID @param duid as in DHCPv6
 * @throws RangeError
 */
export function clientIdFromDuid(iaid: number, duid: Uint8Array): Uint8Array {
  integerInRange('iaid', iaid, 0, 0xffffffff)
  if (!isDuid(duid)) throw new RangeError(`a DUID has 3 to 130 octets, not ${duid.length}`)
  const id = new Uint8Array(5 + duid.length)
  id[0] = TYPE_DUID
  writeWord32(id, 1, iaid)
  id.set(duid, 5)
  return id
}

/** RFC 2132, section 9.14: what servers take where there is no identifier, said outright. */
export function clientIdFromMac(mac: MacAddress): Uint8Array {
  const id = new Uint8Array(7)
  id[0] = HARDWARE_ETHERNET
  mac.writeTo(id, 1)
  return id
}
