import { isIP, isIPv6 } from 'node:net'

export const TRANSPORTS = ['udp', 'tcp', 'tls'] as const
export type Transport = (typeof TRANSPORTS)[number]

/** A server that logs or measurements are sent to, as it is written: `10.0.0.1`, `logs.example:6514`, `tls://[fd00::1]:6514`. */
export interface Destination {
  readonly transport: Transport | null
  /** An address or a name. */
  readonly host: string
  readonly port: number | null
  /** Whose certificate it has to have, where that is not for `host`. */
  readonly certificateName: string | null
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`, 'i')
/** Numbers and dots are an address or nothing: https://url.spec.whatwg.org, "ends in a number". */
const NUMERIC = /^[\d.]+$/
const WRITTEN = /^(?:([a-z]+):\/\/)?(?:\[([^\]]+)\]|([^[\]:/!]+))(?::(\d{1,5}))?(?:!(.+))?$/i

/** @returns undefined for what is none */
export function parseDestination(text: string): Destination | undefined {
  if (isIPv6(text)) return { transport: null, host: text, port: null, certificateName: null }
  const [, scheme, bracketed, plain, digits, name] = WRITTEN.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) return undefined
  if (plain !== undefined && isIP(plain) === 0 && (NUMERIC.test(plain) || plain.length > 253 || !NAME.test(plain))) {
    return undefined
  }
  const transport = scheme === undefined ? null : TRANSPORTS.find((each) => each === scheme.toLowerCase())
  if (transport === undefined) return undefined
  const port = digits === undefined ? null : Number(digits)
  if (port !== null && (port < 1 || port > 65_535)) return undefined
  if (name !== undefined && !NAME.test(name) && isIP(name) === 0) return undefined
  return { transport, host, port, certificateName: name ?? null }
}

/** As it may be written. */
export function formatDestination({ transport, host, port }: Destination): string {
  const bracketed = isIPv6(host) ? `[${host}]` : host
  return `${transport === null ? '' : `${transport}://`}${bracketed}${port === null ? '' : `:${port}`}`
}
