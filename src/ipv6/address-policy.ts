/** The policy table of address selection, RFC 6724, section 2.1: precedence and label of a prefix. */
import { IpAddress, IpPrefix } from '../address/index.ts'
import { integerInRange } from '../errors/index.ts'

/** A row of the policy table, RFC 6724, section 2.1. */
export interface PolicyEntry {
  /** As in `2002::/16`. IPv4 is written as `::ffff:0:0/96` or `0.0.0.0/0`, which say the same. */
  readonly prefix: string
  /** The higher, the sooner a destination is tried; 0 to 2^31 - 1. */
  readonly precedence: number
  /** A source whose label is that of the destination is preferred; 0 to 2^31 - 1. */
  readonly label: number
}

/** RFC 6724, section 2.1. */
export const DEFAULT_POLICY: readonly PolicyEntry[] = [
  { prefix: '::1/128', precedence: 50, label: 0 },
  { prefix: '::/0', precedence: 40, label: 1 },
  { prefix: '::ffff:0:0/96', precedence: 35, label: 4 },
  { prefix: '2002::/16', precedence: 30, label: 2 },
  { prefix: '2001::/32', precedence: 5, label: 5 },
  { prefix: 'fc00::/7', precedence: 3, label: 13 },
  { prefix: '::/96', precedence: 1, label: 3 },
  { prefix: 'fec0::/10', precedence: 1, label: 11 },
  { prefix: '3ffe::/16', precedence: 1, label: 12 },
]

/** Rows of a table: it is searched from one end to the other. */
const MAXIMUM_ENTRIES = 256

const GREATEST = 0x7fff_ffff

interface Row {
  readonly prefix: IpPrefix
  /** Bits of the prefix in the 128-bit form of the address. */
  readonly length: number
  readonly precedence: number
  readonly label: number
}

/** Immutable; a host that changes its policy takes another table. */
export class PolicyTable {
  /** The longest prefixes first: the first that matches is the one that counts. */
  readonly #rows: readonly Row[]

  /**
   * @param entries in any order, 256 at most. An address that none of them covers has precedence 0 and a label of its own.
   * @throws TypeError or RangeError naming an entry that is wrong or stands there twice
   */
  constructor(entries: readonly PolicyEntry[] = DEFAULT_POLICY) {
    integerInRange('the number of policy entries', entries.length, 0, MAXIMUM_ENTRIES)
    const rows = entries.map(toRow)
    const seen = new Set<string>()
    for (const { prefix } of rows) {
      const text = prefix.toString()
      if (seen.has(text)) throw new RangeError(`two policies for ${text}`)
      seen.add(text)
    }
    this.#rows = rows.sort((a, b) => b.length - a.length)
  }

  static readonly DEFAULT = new PolicyTable()

  /** @returns 0 or more */
  precedence(address: IpAddress): number {
    return this.#find(address)?.precedence ?? 0
  }

  /** @returns 0 or more, or -1 if there is no entry for the address */
  label(address: IpAddress): number {
    return this.#find(address)?.label ?? -1
  }

  #find(address: IpAddress): Row | undefined {
    const rows = this.#rows
    for (let i = 0; i < rows.length; i++) if (matches(rows[i].prefix, address)) return rows[i]
    return undefined
  }
}

function toRow({ prefix: text, precedence, label }: PolicyEntry): Row {
  const prefix = parsePrefix(text).network
  return {
    prefix,
    length: prefix.family === 4 ? 96 + prefix.length : prefix.length,
    precedence: integerInRange(`the precedence of ${text}`, precedence, 0, GREATEST),
    label: integerInRange(`the label of ${text}`, label, 0, GREATEST),
  }
}

/** As `IpPrefix.parse`; the length of an IPv4-mapped prefix counts from the first of 128 bits. */
function parsePrefix(text: string): IpPrefix {
  const slash = text.indexOf('/')
  const address = IpAddress.tryParse(slash < 0 ? text : text.slice(0, slash))
  if (address?.family !== 4 || !text.includes(':') || slash < 0) return IpPrefix.parse(text)
  const length = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(length) || Number(length) < 96) {
    throw new RangeError(`the length of an IPv4-mapped prefix is 96 to 128: ${JSON.stringify(text)}`)
  }
  return new IpPrefix(address, Number(length) - 96)
}

/** Over 128 bits, unlike `IpPrefix.contains`: ::/0 covers IPv4, too. */
function matches(prefix: IpPrefix, address: IpAddress): boolean {
  const own = prefix.address
  return (
    ((own.word0 ^ address.word0) & prefix.maskWord(0)) === 0 &&
    ((own.word1 ^ address.word1) & prefix.maskWord(1)) === 0 &&
    ((own.word2 ^ address.word2) & prefix.maskWord(2)) === 0 &&
    ((own.word3 ^ address.word3) & prefix.maskWord(3)) === 0
  )
}
