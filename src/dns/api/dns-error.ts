import { constants } from 'node:os'

/** libuv's numbers for what getaddrinfo fails with. */
const GETADDRINFO_ERRNO: Readonly<Record<string, number>> = {
  EAI_AGAIN: -3001,
  EAI_CANCELED: -3003,
  ENOTFOUND: -3008,
}

/** An error as node:dns makes it: `errno`, `code`, `syscall`, and `hostname` if there is one. */
export class DnsError extends Error {
  readonly errno: number | undefined
  readonly code: string
  readonly syscall: string
  declare readonly hostname?: string

  constructor(code: string, syscall: string, hostname: string) {
    super(`${syscall} ${code}${hostname === '' ? '' : ` ${hostname}`}`)
    this.errno = errnoOf(code, syscall)
    this.code = code
    this.syscall = syscall
    if (hostname !== '') this.hostname = hostname
  }
}

function errnoOf(code: string, syscall: string): number | undefined {
  if (syscall === 'getaddrinfo' || syscall === 'getnameinfo') return GETADDRINFO_ERRNO[code]
  return code === 'EINVAL' ? -constants.errno.EINVAL : undefined
}
