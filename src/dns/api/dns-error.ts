import { constants } from 'node:os'

/** libuv's numbers for what getaddrinfo fails with. */
const GETADDRINFO_ERRNO: Readonly<Record<string, number>> = {
  EAI_ADDRFAMILY: -3000,
  EAI_AGAIN: -3001,
  EAI_CANCELED: -3003,
  ENOTFOUND: -3008,
}

/** As errno: the name is there, but has no address. libuv's EAI_NODATA, which Node calls ENOTFOUND as well. */
export const NO_ADDRESS = -3007

/** An error as node:dns makes it, which is of no class of its own. */
export interface DnsError extends Error {
  readonly errno: number | undefined
  readonly code: string
  readonly syscall: string
  readonly hostname?: string
}

const made = new WeakSet<Error>()

/** Whether it says what became of a question, and not of a connection. */
export function isDnsError(error: Error): error is DnsError {
  return made.has(error)
}

/** @param hostname empty: it is not mentioned */
export function dnsError(code: string, syscall: string, hostname: string, errno = errnoOf(code, syscall)): DnsError {
  const error = new Error(`${syscall} ${code}${hostname === '' ? '' : ` ${hostname}`}`)
  // In the order in which Node's have them.
  Object.assign(error, { errno, code, syscall }, hostname === '' ? null : { hostname })
  made.add(error)
  return error as DnsError
}

function errnoOf(code: string, syscall: string): number | undefined {
  if (syscall === 'getaddrinfo' || syscall === 'getnameinfo') return GETADDRINFO_ERRNO[code]
  return code === 'EINVAL' ? -constants.errno.EINVAL : undefined
}
