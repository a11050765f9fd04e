/** Whether files that a person has named are what they have to be: asked before anything starts. Each says what it expected. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** What a file was expected to be, or undefined if it is. */
export type FileCheck = (path: string) => string | undefined

/** A file that is there. */
export const readableFile: FileCheck = (path) => {
  const status = statusOf(path)
  if (typeof status === 'string') return `a file ${status}`
  if (status.isDirectory()) return 'a file and no folder'
  return may(path, constants.R_OK) ? undefined : 'a file that we may read'
}

/** A file that is there, for reading and writing. */
export const changeableFile: FileCheck = (path) =>
  readableFile(path) ?? (may(path, constants.W_OK) ? undefined : 'a file that we may write to')

/** A file that is there or can be made. */
export const writableFile: FileCheck = (path) => {
  const status = statusOf(path)
  if (status === NOT_THERE) return inWritableFolder(path)
  if (typeof status === 'string') return `a file ${status}`
  if (status.isDirectory()) return 'a file and no folder'
  return may(path, constants.W_OK) ? undefined : 'a file that we may write to'
}

/** A file that is read if it is there, and replaced by another one. */
export const keptFile: FileCheck = (path) => {
  const wrong = statusOf(path) === NOT_THERE ? undefined : readableFile(path)
  return wrong ?? inWritableFolder(path)
}

function inWritableFolder(path: string): string | undefined {
  return writableFolder(dirname(path))?.replace(/^a folder/, 'a file in a folder')
}

/** A folder that is there. */
export const readableFolder: FileCheck = (path) => {
  const status = statusOf(path)
  if (typeof status === 'string') return `a folder ${status}`
  if (!status.isDirectory()) return 'a folder and no file'
  return may(path, constants.R_OK | constants.X_OK) ? undefined : 'a folder that we may read'
}

/** A folder that is there, for new files. */
export const writableFolder: FileCheck = (path) => {
  const status = statusOf(path)
  if (typeof status === 'string') return `a folder ${status}`
  if (!status.isDirectory()) return 'a folder and no file'
  return may(path, constants.W_OK | constants.X_OK) ? undefined : 'a folder that we may write to'
}

/** A file with something in it. @param what as a phrase */
function holding(what: string, parse: (text: string) => unknown): FileCheck {
  return (path) => {
    const wrong = readableFile(path)
    if (wrong !== undefined) return wrong
    // What comes out of a pipe can be read only once, by whoever needs it.
    if (!statSync(path).isFile()) return undefined
    try {
      parse(readFileSync(path, 'utf8'))
      return undefined
    } catch {
      return `a file that holds ${what}`
    }
  }
}

export const certificateFile = holding('a certificate in PEM', (text) => new X509Certificate(text))
export const keyFile = holding('a private key in PEM without a passphrase', createPrivateKey)

/** Whether a key is that of a certificate; also where one of them cannot be read again, and nobody can tell. */
export function isKeyOf(key: string, certificate: string): boolean {
  if (![key, certificate].every((path) => statSync(path).isFile())) return true
  return new X509Certificate(readFileSync(certificate)).checkPrivateKey(createPrivateKey(readFileSync(key)))
}

/** Of `keptFile`: what is in it, if it is there already, has to be what we have left. */
export function keptFileHolding(what: string, parse: (text: string) => unknown): FileCheck {
  const held = holding(what, parse)
  return (path) => keptFile(path) ?? (statusOf(path) === NOT_THERE ? undefined : held(path))
}

const NOT_THERE = 'that is there'

/** Its status, or why it has none. */
function statusOf(path: string): Stats | string {
  try {
    return statSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return NOT_THERE
    return code === 'EACCES' ? 'that we may look at' : `that can be opened (${code})`
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
