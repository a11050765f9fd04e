import { IpPrefix } from '../address/index.ts'
import { optionName } from './command-line.ts'

/**
 * What has failed, in one line: the argument whose value it was about, where it was about one, and the message.
 * @param values of all arguments, by name
 */
export function explainFailure(error: unknown, values: Readonly<Record<string, unknown>>): string {
  const message = error instanceof Error && error.message !== '' ? error.message : String(error)
  const { code, path, address, port } = (error ?? {}) as NodeJS.ErrnoException & { address?: string; port?: number }
  const isOurs = code === 'EADDRNOTAVAIL' && address !== undefined
  // Whichever stack it is of, and of whichever of its networks.
  const argument = Object.keys(values).find((name) => {
    const value = values[name]
    if (path !== undefined && value === path) return true
    return isOurs && value instanceof IpPrefix && `${value.address}` === address
  })
  const option = argument === undefined ? '' : `--${optionName(argument)}: `
  const isUnknown = isOurs && argument !== undefined && isSocketOf(argument, values)
  const hint = isUnknown ? ' (no interface of this machine has this address)' : ''
  return `${option}${withBrackets(message, address, port).replace(/\s*\n\s*/g, ' ')}${hint}`
}

/** Whether the address that an argument gives, `ipv4` or `publicIpv4`, is one for the operating system's sockets. */
function isSocketOf(argument: string, values: Readonly<Record<string, unknown>>): boolean {
  const net = values[argument.replace(/ipv[46]$/i, (name) => (name.startsWith('I') ? 'Net' : 'net'))]
  return net === 'socket' || net === 'host'
}

/** Messages have addresses as Node writes them, the port right behind the last group: for a person, as it would be typed. */
function withBrackets(message: string, address: string | undefined, port: number | undefined): string {
  if (address?.includes(':') !== true || port === undefined) return message
  return message.replace(`${address}:${port}`, () => `[${address}]:${port}`)
}
