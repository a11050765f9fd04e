import { MacAddress } from '../address/index.ts'

/**
 * The address that our stack owns on a tap unless it is told another: the same each time for the same device, and not
 * the one that the kernel's end of it has. The kernel's address takes part beside the name because taps of one name in
 * several namespaces, joined by a bridge, must not share an address.
 */
export function defaultTapAddress(name: string, kernel: MacAddress): MacAddress {
  const text = `${name} ${kernel}`
  for (let attempt = 0; ; attempt++) {
    const address = MacAddress.locallyAdministered(hash(`${text} high ${attempt}`), hash(`${text} low ${attempt}`))
    if (!address.equals(kernel)) return address
  }
}

/** 32-bit FNV-1a, with a last mixing step because 16 bits of it are used alone. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  value = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  return value ^ (value >>> 16)
}
