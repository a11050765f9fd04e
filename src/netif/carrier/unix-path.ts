import type { Stats } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { SystemErrorCode } from '../../errors/index.ts'

/** sockaddr_un has 108 bytes with the zero at its end, unix(7). */
export const LONGEST_PATH = 107

/** @throws RangeError */
export function checkUnixPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes === 0 || bytes > LONGEST_PATH) {
    throw new RangeError(`the path of a UNIX socket has 1 to ${LONGEST_PATH} bytes, not ${bytes}`)
  }
}

/** Why a path cannot be that of a socket, where the file system shows it. */
export interface PathProblem {
  code: SystemErrorCode
  hint: string
}

/**
 * Looks for what is the matter with a path that a call has refused. libuv says EACCES of a folder that is not there, and the
 * kernel says of a file that nobody listens there, or that the address is in use.
 * @returns null where nothing is wrong with the path
 */
export async function pathProblem(path: string, syscall: string): Promise<PathProblem | null> {
  const folder = dirname(path)
  const parent = await found(stat(folder))
  if (parent === 'ENOENT') return { code: 'ENOENT', hint: `there is no folder ${folder}` }
  if (parent === 'ENOTDIR' || (typeof parent === 'object' && !parent.isDirectory()))
    return { code: 'ENOTDIR', hint: `${folder} is no folder` }
  if (parent === 'EACCES') return { code: 'EACCES', hint: `no permission for the folder ${folder}` }
  const file = await found(lstat(path))
  if (typeof file !== 'object' || file.isSocket() || file.isSymbolicLink()) return null
  const what = file.isDirectory() ? 'folder' : 'file'
  return { code: syscall === 'connect' ? 'ENOTSOCK' : 'EADDRINUSE', hint: `${path} is a ${what} and no socket` }
}

async function found(question: Promise<Stats>): Promise<Stats | string> {
  return await question.catch((error: NodeJS.ErrnoException) => error.code ?? 'EIO')
}
