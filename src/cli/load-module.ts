import Module, { register } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { OWN_NAME } from './load-hooks.ts'

/** Error codes with which Node refuses TypeScript that it cannot run by leaving the types out; tsx can. */
const NEEDS_COMPILER = new Set([
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING',
  'ERR_INVALID_TYPESCRIPT_SYNTAX',
])

let isPrepared = false

/**
 * Loads a JavaScript or TypeScript file: TypeScript by Node itself where it can (22.18 and newer), otherwise by `tsx`.
 * `tapstack` in it, and in all that it imports, is this very package, wherever the file lies: an application that had
 * loaded another copy would talk to another stack.
 * @param file path, from the current folder
 * @returns the module's namespace
 * @throws what the module throws while loading, or why it cannot be loaded
 */
export async function loadModule(file: string): Promise<Record<string, unknown>> {
  if (!isPrepared) {
    isPrepared = true
    // Before the compiler's hooks, which ask those registered earlier.
    const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    register(new URL(`./load-hooks${ending}`, import.meta.url))
    answerRequire()
  }
  const url = pathToFileURL(resolve(file)).href
  const needsCompiler = /\.[cm]?tsx?$/.test(file) && !isTypeScriptNative()
  if (needsCompiler) await registerCompiler()
  try {
    return await import(url)
  } catch (error) {
    if (needsCompiler || !NEEDS_COMPILER.has((error as NodeJS.ErrnoException | null)?.code ?? '')) throw error
    await registerCompiler()
    // Another address for the same file: under the first one Node remembers that it failed.
    return await import(`${url}?compiled`)
  }
}

/** What Node's `require` asks for a file's path; not public, but what every tool that hooks into `require` replaces. */
type ResolveFilename = (this: unknown, request: string, parent: unknown, ...rest: unknown[]) => string

/** The hooks do not see `require('tapstack')`: it is resolved as if it stood in this file. */
function answerRequire(): void {
  const loader = Module as unknown as { _resolveFilename: ResolveFilename }
  const byNode = loader._resolveFilename
  const here = new Module(fileURLToPath(import.meta.url))
  here.filename = here.id
  loader._resolveFilename = function (request, parent, ...rest) {
    return byNode.call(this, request, OWN_NAME.test(request) ? here : parent, ...rest)
  }
}

/** Whether Node runs TypeScript by itself; newer than the type declarations of the oldest Node that we support. */
function isTypeScriptNative(): boolean {
  return 'typescript' in process.features && Boolean(process.features.typescript)
}

async function registerCompiler(): Promise<void> {
  const tsx = await import('tsx/esm/api')
  // Without the tsconfig.json of the current folder, as Node runs TypeScript: its `paths` could mean another `tapstack`.
  tsx.register({ tsconfig: false })
}
