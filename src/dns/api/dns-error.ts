import { constants } from 'node:os'

/** libuv's numbers for what getaddrinfo fails with. */
const GETADDRINFO_ERRNO: Readonly<Record<string, number>> = {
  EAI_ADDRFAMILY: -3000,
  EAI_AGAIN: -3001,
  EAI_CANCELED: -3003,
  ENOTFOUND: -3008,
}

/** An error as node:dns makes it: `errno`, `code`, `syscall`, and `hostname` if there is one. */
export class DnsError extends Error {
  /** As errno: the name is there, but has no address. libuv's EAI_NODATA, which Node calls ENOTFOUND as well. */
  static readonly NO_ADDRESS = -3007

  readonly errno: number | undefined
  readonly code: string
  readonly syscall: string
  declare readonly hostname?: string

  constructor(code: string, syscall: string, hostname: string, errno = errnoOf(code, syscall)) {
    super(`${syscall} ${code}${hostname === '' ? '' : ` ${hostname}`}`)
    this.errno = errno
    this.code = code
    this.syscall = syscall
    if (hostname !== '') this.hostname = hostname
  }
}

function errnoOf(code: string, syscall: string): number | undefined {
  if (syscall === 'getaddrinfo' || syscall === 'getnameinfo') return GETADDRINFO_ERRNO[code]
  return code === 'EINVAL' ? -constants.errno.EINVAL : undefined
}
