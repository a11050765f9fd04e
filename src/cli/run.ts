import { statSync } from 'node:fs'
import { isUnikernel, run } from '../unikernel/index.ts'
import { EXIT_USAGE, Failure } from './failure.ts'
import { loadModule } from './load-module.ts'

/**
 * `tapstack run FILE [boot arguments]`.
 * @returns the application's exit code, 64 for a bad argument
 * @throws Failure if FILE is no file, cannot be loaded or exports no application
 */
export async function runFile(file: string, bootArguments: readonly string[]): Promise<number> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Failure(`${file}: no such file; expected a TypeScript or JavaScript file`, EXIT_USAGE)
  }
  const module = await load(file)
  // A CommonJS file's `exports.default` arrives one level deeper.
  const exported = [module.default, (module.default as { default?: unknown } | undefined)?.default].find(isUnikernel)
  if (exported === undefined) {
    throw new Failure(
      `${file} does not export an application: expected \`export default unikernel({ ... })\``,
      EXIT_USAGE,
    )
  }
  return await run(exported, bootArguments, { command: `tapstack run ${file}` })
}

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return await loadModule(file)
  } catch (error) {
    // It is the author's error, who needs to see where.
    const details = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Failure(`${file} cannot be loaded: ${details}`)
  }
}
