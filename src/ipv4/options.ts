/** IPv4 options, RFC 791, section 3.1; RFC 1122, section 3.2.1.8 says what a host does with them. */

const END_OF_LIST = 0
const NO_OPERATION = 1
const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137
const COPIED = 0x80

export const OptionsVerdict = { Fine: 0, Malformed: 1, SourceRoute: 2 } as const
export type OptionsVerdict = (typeof OptionsVerdict)[keyof typeof OptionsVerdict]

/**
 * Walks the options in [position, end). Unknown ones are ignored (RFC 1122, 3.2.1.8). Source routes are reported, so
 * that they can be refused (RFC 7126, 4.3 and 4.4; Linux has accept_source_route off): a reply along a route of the
 * sender's choice is a way round address checks.
 */
export function checkOptions(bytes: Uint8Array, position: number, end: number): OptionsVerdict {
  while (position < end) {
    const type = bytes[position]
    if (type === END_OF_LIST) return OptionsVerdict.Fine
    if (type === NO_OPERATION) {
      position++
      continue
    }
    if (position + 1 >= end) return OptionsVerdict.Malformed
    const length = bytes[position + 1]
    if (length < 2 || position + length > end) return OptionsVerdict.Malformed
    if (type === LOOSE_SOURCE_ROUTE || type === STRICT_SOURCE_ROUTE) return OptionsVerdict.SourceRoute
    position += length
  }
  return OptionsVerdict.Fine
}

/** Where the option begins that runs over its end; for options that `checkOptions` found malformed. */
export function malformedOption(bytes: Uint8Array, position: number, end: number): number {
  while (position < end) {
    const type = bytes[position]
    if (type === NO_OPERATION) {
      position++
      continue
    }
    const length = bytes[position + 1]
    if (position + 1 >= end || length < 2 || position + length > end) return position
    position += length
  }
  return position
}

/**
 * RFC 791, section 3.1: only options with the copied flag go into later fragments. The others become no-operations, so that the
 * header keeps its length, as Linux does.
 */
export function blankUncopied(bytes: Uint8Array, position: number, end: number): void {
  while (position < end) {
    const type = bytes[position]
    if (type === END_OF_LIST) return
    const length = type === NO_OPERATION ? 1 : bytes[position + 1]
    if ((type & COPIED) === 0) bytes.fill(NO_OPERATION, position, position + length)
    position += length
  }
}
