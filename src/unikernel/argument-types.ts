import { IpAddress, type IpFamily, IpPrefix } from '../address/index.ts'
import type { ArgumentDeclaration } from './arguments.ts'

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3_600e9 }
const NANOSECONDS_PER_MILLISECOND = 1e6
/** Milliseconds: what the host's timers take, and the whole hours of it. */
const LONGEST = 2 ** 31 - 1
const LONGEST_HOURS = 596 * 3_600_000
const TRUE = new Set(['true', 'yes', 'on', '1'])
const FALSE = new Set(['false', 'no', 'off', '0'])

/**
 * The value that a text stands for, or undefined if it does not fit the declaration.
 */
export function parseValue(declaration: ArgumentDeclaration, text: string): unknown {
  switch (declaration.type) {
    case 'string':
      return text
    case 'integer':
      return /^[+-]?\d{1,15}$/.test(text) ? within(declaration, Number(text)) : undefined
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? within(declaration, Number(text)) : undefined
    case 'boolean':
      return TRUE.has(text) ? true : FALSE.has(text) ? false : undefined
    case 'port':
      return parsePort(text, declaration.minimum ?? 0)
    case 'address':
      return parseAddress(text, declaration.family)?.toString()
    case 'prefix':
      return parsePrefix(text, declaration.family)
    case 'endpoint':
      return parseEndpoint(text)
    case 'duration':
      return parseDuration(declaration, text)
    case 'choice':
      return declaration.choices.includes(text) ? text : undefined
    case 'custom':
      return declaration.parse(text)
  }
}

/** What some words for values stand for. */
const NAMED: Readonly<Record<string, string>> = {
  FILE: 'the name of a file',
  FOLDER: 'the name of a folder',
  HOST: 'an address or a name',
}

/** What fits the declaration, as a phrase: "a port from 0 to 65535". @param text what was given instead */
export function expectedBy(declaration: ArgumentDeclaration, text?: string): string {
  switch (declaration.type) {
    case 'string':
      return NAMED[declaration.placeholder?.replace(/\..*/, '') ?? ''] ?? 'a text'
    case 'integer':
      return `an integer${range(declaration, String)}`
    case 'number':
      return `a number${range(declaration, String)}`
    case 'boolean':
      return 'true or false'
    case 'port':
      return `a port from ${declaration.minimum ?? 0} to 65535`
    case 'address':
      return declaration.family === undefined
        ? 'an IP address such as 10.0.0.1'
        : declaration.family === 4
          ? 'an IPv4 address such as 10.0.0.1'
          : 'an IPv6 address such as fd00::1'
    case 'prefix':
      return declaration.family === 6
        ? 'an IPv6 address with its prefix length such as fd00::2/64'
        : `an ${declaration.family === 4 ? 'IPv4' : 'IP'} address with its prefix length such as 10.0.0.2/24`
    case 'endpoint':
      return 'an address with a port such as 10.0.0.1:80 or [fd00::1]:80'
    case 'duration':
      return `a duration such as 500ms, 2s or 1m${range(boundOf(declaration, text), formatDuration)}`
    case 'choice':
      return `one of ${declaration.choices.join(', ')}`
    case 'custom':
      return typeof declaration.expected === 'string' ? declaration.expected : declaration.expected(text)
  }
}

/** The word for a value in `--help`. */
export function placeholderOf(declaration: ArgumentDeclaration): string {
  if (declaration.placeholder !== undefined) return declaration.placeholder
  switch (declaration.type) {
    case 'string':
    case 'custom':
      return 'TEXT'
    case 'integer':
    case 'number':
      return 'N'
    case 'boolean':
      return ''
    case 'choice':
      return declaration.choices.join('|')
    default:
      return declaration.type.toUpperCase()
  }
}

/** 90000 as `90s`: the largest unit that leaves a whole number. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's']) {
    const size = NANOSECONDS[unit] / NANOSECONDS_PER_MILLISECOND
    if (milliseconds !== 0 && milliseconds % size === 0) return `${milliseconds / size}${unit}`
  }
  return `${milliseconds}ms`
}

interface Range {
  minimum?: number | undefined
  maximum?: number | undefined
}

/** Of a duration, without the bound that the host's timers have, unless somebody meets it. @param text what was given */
function boundOf({ minimum, maximum = LONGEST }: Range, text = ''): Range {
  if (maximum !== LONGEST) return { minimum, maximum }
  if (exactDuration(text) > LONGEST) return { minimum, maximum: LONGEST_HOURS }
  return minimum !== undefined && minimum > 1 ? { minimum } : {}
}

function within({ minimum = -Infinity, maximum = Infinity }: Range, value: number): number | undefined {
  return value >= minimum && value <= maximum ? value : undefined
}

function range({ minimum, maximum }: Range, format: (value: number) => string): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${format(minimum)} to ${format(maximum)}`
  if (minimum !== undefined) return `, ${format(minimum)} or more`
  return maximum === undefined ? '' : `, ${format(maximum)} or less`
}

function parsePort(text: string, minimum: number): number | undefined {
  return /^\d{1,5}$/.test(text) ? within({ minimum, maximum: 65_535 }, Number(text)) : undefined
}

function parseAddress(text: string, family: IpFamily | undefined): IpAddress | undefined {
  const address = IpAddress.tryParse(text)
  return address !== null && (family === undefined || address.family === family) ? address : undefined
}

function parsePrefix(text: string, family: IpFamily | undefined): IpPrefix | undefined {
  const [, address, length] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  if (address === undefined) return undefined
  const parsed = parseAddress(address, family)
  if (parsed === undefined || Number(length) > (parsed.family === 4 ? 32 : 128)) return undefined
  return new IpPrefix(parsed, Number(length))
}

function parseEndpoint(text: string): { address: string; port: number } | undefined {
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const address = v6 === undefined ? parseAddress(v4, 4) : parseAddress(v6, 6)
  const port = parsePort(digits, 0)
  return address === undefined || port === undefined ? undefined : { address: address.toString(), port }
}

/** In milliseconds; NaN for what is none. */
function exactDuration(text: string): number {
  // Without a unit, as MirageOS has them: nanoseconds.
  const [, digits, unit = 'ns'] = /^(\d+(?:\.\d+)?(?=[a-z])|\d+)(ns|us|ms|s|m|h)?$/.exec(text) ?? []
  return digits === undefined ? Number.NaN : (Number(digits) * NANOSECONDS[unit]) / NANOSECONDS_PER_MILLISECOND
}

function parseDuration(declaration: Range, text: string): number | undefined {
  const exact = exactDuration(text)
  if (Number.isNaN(exact)) return undefined
  // Nobody who asks for a little means none at all, which stands for something else in many a place.
  const milliseconds = exact > 0 && exact < 1 ? 1 : Math.round(exact)
  return milliseconds > LONGEST ? undefined : within(declaration, milliseconds)
}
