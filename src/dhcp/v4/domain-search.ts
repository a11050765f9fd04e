/** Domain names as DHCPv4 carries them: RFC 3397, which compresses them as RFC 1035, section 4.1.4. */

const LONGEST_LABEL = 63
/** Bytes of a name with its length bytes and the root's, RFC 1035, section 2.3.4. */
const LONGEST_NAME = 255
const POINTER = 0xc0

/**
 * The names of a domain search option.
 * @param limit names more than that are left out
 * @returns null if something there is no name, or a pointer leads nowhere or not backward
 */
export function parseDomainSearch(bytes: Uint8Array, limit: number): string[] | null {
  const names: string[] = []
  let at = 0
  while (at < bytes.length) {
    const read = readName(bytes, at)
    if (read === null) return null
    if (names.length < limit) names.push(read.name)
    at = read.next
  }
  return names
}

function readName(bytes: Uint8Array, start: number): { name: string; next: number } | null {
  const labels: string[] = []
  let size = 1
  let at = start
  let next = -1
  // Every jump goes before this, so that there is an end.
  let earliest = start
  for (;;) {
    if (at >= bytes.length) return null
    const length = bytes[at++]
    if (length === 0) break
    if ((length & POINTER) === POINTER) {
      if (at >= bytes.length) return null
      const target = ((length & ~POINTER) << 8) | bytes[at++]
      if (next < 0) next = at
      if (target >= earliest) return null
      earliest = at = target
      continue
    }
    size += length + 1
    if (length > LONGEST_LABEL || at + length > bytes.length || size > LONGEST_NAME) return null
    const label = String.fromCharCode(...bytes.subarray(at, at + length))
    if (!isLabel(label)) return null
    labels.push(label)
    at += length
  }
  if (labels.length === 0) return null
  return { name: labels.join('.'), next: next < 0 ? at : next }
}

/** Not compressed. @throws TypeError if one is no name */
export function encodeDomainSearch(names: readonly string[]): Uint8Array {
  const bytes: number[] = []
  for (const name of names) {
    if (!isDomainName(name)) throw new TypeError(`not a domain name: ${JSON.stringify(name)}`)
    for (const label of name.split('.')) bytes.push(label.length, ...Buffer.from(label))
    bytes.push(0)
  }
  return Uint8Array.from(bytes)
}

/** Whether that is a name of labels of letters, digits, hyphens and underscores, without a dot at its end. */
export function isDomainName(name: string): boolean {
  return name.length > 0 && name.length <= LONGEST_NAME - 2 && name.split('.').every(isLabel)
}

function isLabel(label: string): boolean {
  return /^[\w-]{1,63}$/.test(label)
}
