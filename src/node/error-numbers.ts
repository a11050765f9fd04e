/** What handles answer: 0, or the negative number of an error, as libuv does. */
import { constants } from 'node:os'
import { SystemError, type SystemErrorCode } from '../errors/index.ts'

/** The number that stands for `code`. */
export function errorNumber(code: SystemErrorCode): number {
  return -constants.errno[code]
}

/** The number of an error that the stack threw; what is none of its own goes on its way. */
export function numberOf(error: unknown): number {
  if (error instanceof SystemError) return error.errno
  throw error
}

/** An error as Node makes it from a number: `read ECONNRESET`. */
export function nodeError(code: SystemErrorCode, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: errorNumber(code), code, syscall })
}
