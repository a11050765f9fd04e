/** IPv4 addresses as inet_aton(3) reads them, and with it getaddrinfo(3) and `lookup` of node:dns: `127.1`, `0x7f.1`. */

/** @returns the address in dotted decimal, or null */
export function legacyAddress(text: string): string | null {
  const parts = text.split('.')
  if (parts.length > 4) return null
  const numbers = parts.map(number)
  // The last one fills what is left of the four bytes.
  const room = 256 ** (5 - parts.length)
  if (numbers.some((value, index) => value === null || value >= (index === parts.length - 1 ? room : 256))) return null
  let address = 0
  for (const value of numbers.slice(0, -1)) address = address * 256 + value!
  address = address * room + numbers.at(-1)!
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}

/** Hexadecimal after 0x, octal after 0, decimal. */
function number(text: string): number | null {
  if (/^0x[\da-f]{1,8}$/i.test(text)) return Number.parseInt(text, 16)
  if (/^0[0-7]{0,11}$/.test(text)) return Number.parseInt(text, 8)
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null
}
