/** Domain names as DHCPv6 carries them: RFC 1035, section 3.1, never compressed (RFC 8415, section 10). */

const LONGEST_LABEL = 63
/** Octets of a name with its length octets and the root's, RFC 1035, section 2.3.4. */
const LONGEST_NAME = 255

/**
 * The names that lie one after the other in [start, end).
 * @param partialAllowed whether the last one may lack the root's empty label, RFC 4704, section 4.2
 * @param limit names more than that are left out
 * @returns null if something there is no name
 */
export function parseDomainNames(
  bytes: Uint8Array,
  start: number,
  end: number,
  partialAllowed: boolean,
  limit: number,
): string[] | null {
  const names: string[] = []
  let labels: string[] = []
  let nameStart = start
  let at = start
  while (at < end) {
    const length = bytes[at++]
    if (length === 0) {
      if (labels.length === 0 || at - nameStart > LONGEST_NAME) return null
      if (names.length < limit) names.push(labels.join('.'))
      labels = []
      nameStart = at
      continue
    }
    // 63 is also where compression pointers begin: they have no business here.
    if (length > LONGEST_LABEL || at + length > end || at + length - nameStart > LONGEST_NAME) return null
    let label = ''
    for (const last = at + length; at < last; at++) {
      if (!isLabelCharacter(bytes[at])) return null
      label += String.fromCharCode(bytes[at])
    }
    labels.push(label)
  }
  if (labels.length > 0) {
    if (!partialAllowed) return null
    if (names.length < limit) names.push(labels.join('.'))
  }
  return names
}

/** @throws TypeError if that is no name of labels of letters, digits, hyphens and underscores */
export function encodeDomainName(name: string): Uint8Array {
  const labels = (name.endsWith('.') ? name.slice(0, -1) : name).split('.')
  const bytes = new Uint8Array(labels.reduce((size, label) => size + label.length + 1, 1))
  let at = 0
  for (const label of labels) {
    const codes = [...label].map((character) => character.charCodeAt(0))
    if (codes.length === 0 || codes.length > LONGEST_LABEL || !codes.every(isLabelCharacter)) throw notAName(name)
    bytes[at++] = codes.length
    bytes.set(codes, at)
    at += codes.length
  }
  if (bytes.length > LONGEST_NAME) throw notAName(name)
  return bytes
}

/** What host names are made of, RFC 1123, section 2.1, and the underscore of service names. */
function isLabelCharacter(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x5f
  )
}

function notAName(name: string): TypeError {
  return new TypeError(`not a domain name: ${JSON.stringify(name)}`)
}
