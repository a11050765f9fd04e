import { constants } from 'node:os'

/** The error codes that the stack raises, as Node and POSIX name them. */
export type SystemErrorCode = keyof typeof constants.errno

/** What a `SystemError` has besides code and call. */
export interface SystemErrorDetails {
  /** The remote or local address that the call was about. */
  address?: string | undefined
  /** The port that the call was about. */
  port?: number | undefined
  /** What a person can do about it. */
  hint?: string | undefined
  cause?: unknown
}

/**
 * An error shaped as Node's own system errors are: `code`, negative `errno`, `syscall`, and where there is one
 * `address` and `port`. Existing error handling therefore works unchanged.
 */
export class SystemError extends Error {
  readonly code: SystemErrorCode
  readonly errno: number
  readonly syscall: string
  declare readonly address?: string
  declare readonly port?: number
  declare readonly hint?: string

  constructor(code: SystemErrorCode, syscall: string, details: SystemErrorDetails = {}) {
    // As Node writes it: no brackets around an IPv6 address.
    const port = details.port === undefined ? '' : `:${details.port}`
    const where = details.address === undefined ? '' : ` ${details.address}${port}`
    const hint = details.hint === undefined ? '' : ` (${details.hint})`
    super(`${syscall} ${code}${where}${hint}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.errno = -(constants.errno[code] ?? 0)
    this.syscall = syscall
    if (details.address !== undefined) this.address = details.address
    if (details.port !== undefined) this.port = details.port
    if (details.hint !== undefined) this.hint = details.hint
  }
}
