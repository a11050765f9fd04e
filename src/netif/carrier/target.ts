import { isIPv4, isIPv6 } from 'node:net'
import { MacAddress } from '../../address/index.ts'
import { type InterfaceOption, integerOption } from '../interface-text.ts'
import { LARGEST_MTU } from './frame-limits.ts'

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** One that an interface can own. */
const MAC: InterfaceOption<MacAddress> = {
  form: 'mac=ADDRESS (of one station)',
  parse(text) {
    try {
      const mac = MacAddress.parse(text)
      return mac.isMulticast ? undefined : mac
    } catch {
      return undefined
    }
  },
}

const RECONNECT: InterfaceOption<number> = {
  form: 'reconnect=DURATION (10ms to 1h)',
  parse(text) {
    const [, number, unit] = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
    const value = number === undefined ? -1 : Math.round(Number(number) * MILLISECONDS[unit!]!)
    return value >= 10 && value <= 3_600_000 ? value : undefined
  },
}

/** What every carrier understands behind its address, ... */
export const COMMON = { mac: MAC, mtu: integerOption('mtu', 68, LARGEST_MTU) } as const
/** ... and one that connects. */
export const CONNECTING = { ...COMMON, reconnect: RECONNECT } as const

/** `HOST:PORT`, taken apart. */
export interface HostAndPort {
  host: string
  port: number
}

/** `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`, and `5000` where a host may be left out. */
export function parseHostAndPort(text: string, defaultHost?: string): HostAndPort | undefined {
  const [, six, name, digits] = /^(?:(?:\[([\da-f:.]+)\]|([a-z\d.-]+)):)?(\d{1,5})$/i.exec(text) ?? []
  const host = six ?? name ?? defaultHost
  const port = Number(digits ?? 0)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  if (six !== undefined && !isIPv6(six)) return undefined
  // What has digits and dots alone is meant as an address.
  if (name !== undefined && /^[\d.]+$/.test(name) && !isIPv4(name)) return undefined
  return { host, port }
}
