import { isIPv4, isIPv6 } from 'node:net'
import { MacAddress } from '../../address/index.ts'

/** What may stand behind a carrier's address, `,mtu=9000`, and what every carrier understands. */
export interface TargetOptions {
  mac?: MacAddress
  mtu?: number
  /** Milliseconds. */
  reconnect?: number
  /** The address of one's own. */
  local?: string
}

export interface Target extends TargetOptions {
  /** What stands before the options. */
  address: string
}

type OptionName = keyof TargetOptions

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Takes `/run/vm.sock,reconnect=1s,mtu=9000` apart. A comma that no option follows belongs to the address.
 * @param allowed the options that this kind has
 * @returns undefined if an option is not allowed, given twice, or out of its range
 */
export function parseTarget(text: string, allowed: readonly OptionName[]): Target | undefined {
  const target: Target = { address: text }
  for (;;) {
    const [, before, name, value] = /^(.*),(mac|mtu|reconnect|local)=([^,]*)$/s.exec(target.address) ?? []
    if (name === undefined) return target.address === '' ? undefined : target
    const option = name as OptionName
    if (!allowed.includes(option) || target[option] !== undefined || !setOption(target, option, value!))
      return undefined
    target.address = before!
  }
}

function setOption(target: Target, option: OptionName, value: string): boolean {
  if (option === 'mac') return (target.mac = parseMac(value)) !== undefined
  if (option === 'mtu') return (target.mtu = parseInteger(value, 68, 65_521)) !== undefined
  if (option === 'reconnect') return (target.reconnect = parseInterval(value)) !== undefined
  target.local = value
  return value !== ''
}

/** One that an interface can own. */
function parseMac(text: string): MacAddress | undefined {
  try {
    const mac = MacAddress.parse(text)
    return mac.isMulticast ? undefined : mac
  } catch {
    return undefined
  }
}

function parseInteger(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1
  return value >= least && value <= most ? value : undefined
}

function parseInterval(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  const value = number === undefined ? -1 : Math.round(Number(number) * UNITS[unit!]!)
  return value >= 10 && value <= 3_600_000 ? value : undefined
}

export interface HostAndPort {
  host: string
  port: number
}

/** `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`, and `5000` where a host may be left out. */
export function parseHostAndPort(text: string, defaultHost?: string): HostAndPort | undefined {
  const [, six, name, digits] = /^(?:(?:\[([\da-f:.]+)\]|([a-z\d.-]+)):)?(\d{1,5})$/i.exec(text) ?? []
  const host = six ?? name ?? defaultHost
  const port = parseInteger(digits ?? '', 1, 65_535)
  if (host === undefined || port === undefined) return undefined
  if (six !== undefined && !isIPv6(six)) return undefined
  // What has digits and dots alone is meant as an address.
  if (name !== undefined && /^[\d.]+$/.test(name) && !isIPv4(name)) return undefined
  return { host, port }
}
