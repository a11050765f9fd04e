import { register } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Error codes with which Node refuses TypeScript that it cannot run by leaving the types out; tsx can. */
const NEEDS_COMPILER = new Set([
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
])

let isOwnNameRegistered = false

/**
 * Loads a JavaScript or TypeScript file: TypeScript by Node itself where it can (22.18 and newer), otherwise by `tsx`.
 * `tapstack` in it, and in all that it imports, is this very package, wherever the file lies: an application that had
 * loaded another copy would talk to another stack.
 * @param file path, from the current folder
 * @returns the module's namespace
 * @throws what the module throws while loading, or why it cannot be loaded
 */
export async function loadModule(file: string): Promise<Record<string, unknown>> {
  if (!isOwnNameRegistered) {
    isOwnNameRegistered = true
    register(new URL(`./resolve-own-name${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url))
  }
  const url = pathToFileURL(resolve(file)).href
  const isTypeScript = /\.[cm]?tsx?$/.test(file)
  if (!isTypeScript) return await import(url)
  // Newer than the type declarations of the oldest Node that we support.
  if ('typescript' in process.features && process.features.typescript) {
    try {
      return await import(url)
    } catch (error) {
      if (!NEEDS_COMPILER.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  const { tsImport } = await import('tsx/esm/api')
  return await tsImport(url, import.meta.url)
}
