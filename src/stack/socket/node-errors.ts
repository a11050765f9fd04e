import { constants } from 'node:os'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import type { Endpoint } from '../stack.ts'

/**
 * One of Node's own errors as the `SystemError` that every stack raises, with the endpoint that the call was about.
 * An error that is no system error stays as it is.
 */
export function systemErrorOf(error: unknown, syscall: string, about?: Endpoint): Error {
  if (error instanceof SystemError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const { code, syscall: nodeSyscall, address, port } = cause as NodeJS.ErrnoException & Partial<Endpoint>
  if (code === undefined || !Object.hasOwn(constants.errno, code)) return cause
  return new SystemError(code as SystemErrorCode, nodeSyscall ?? syscall, {
    address: address ?? about?.address,
    port: port ?? about?.port,
    cause,
  })
}
