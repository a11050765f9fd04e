import { statSync } from 'node:fs'
import { EXIT_USAGE, Failure } from './failure.ts'
import { loadModule } from './load-module.ts'

/**
 * `tapstack run FILE [boot arguments]`.
 * @returns the exit code
 */
export async function runFile(file: string, bootArguments: readonly string[]): Promise<number> {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Failure(`${file}: no such file; expected a TypeScript or JavaScript file`, EXIT_USAGE)
  }
  void bootArguments
  await loadModule(file)
  return 0
}
