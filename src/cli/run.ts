import { statSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { installCommand } from '../errors/index.ts'
import { isPartOfStack, isUnikernel, run, type Unikernel } from '../unikernel/index.ts'
import { EXIT_USAGE, Failure } from './failure.ts'
import { explainLoadError } from './load-error.ts'
import { loadModule } from './load-module.ts'

/**
 * `tapstack run FILE [boot arguments]`.
 * @returns the application's exit code, 64 for a bad argument
 * @throws Failure if FILE is no file, cannot be loaded or exports no application
 */
export async function runFile(file: string, bootArguments: readonly string[]): Promise<number> {
  checkFile(file)
  // A service goes on when whoever has read its messages is gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe)
  const stuck = () => {
    console.error(`tapstack: ${file} waits for a promise that nothing can settle any more`)
    process.exit(1)
  }
  process.once('beforeExit', stuck)
  try {
    return await run(await loadUnikernel(file, bootArguments), bootArguments, { command: `tapstack run ${file}` })
  } finally {
    process.off('beforeExit', stuck)
  }
}

/**
 * The application that a file exports.
 * @param bootArguments with debug logs among them the stack trace follows what is wrong
 * @throws Failure if it is no file, cannot be loaded or exports none
 */
export async function loadUnikernel(file: string, bootArguments: readonly string[] = []): Promise<Unikernel> {
  checkFile(file)
  const module = await load(file, bootArguments)
  // A CommonJS file's `exports.default` arrives one level deeper.
  const exported = [module.default, (module.default as { default?: unknown } | undefined)?.default].find(isUnikernel)
  if (exported === undefined) {
    throw new Failure(
      `${file} does not export an application: expected \`export default unikernel({ ... })\``,
      EXIT_USAGE,
    )
  }
  return exported
}

function checkFile(file: string): void {
  const status = statSync(file, { throwIfNoEntry: false })
  const ending = extname(file)
  if (!status?.isFile() || (ending !== '' && !/^\.[cm]?[jt]sx?$/.test(ending))) {
    const what = status === undefined ? 'no such file; ' : status.isDirectory() ? 'a folder; ' : ''
    throw new Failure(`${file}: ${what}expected a TypeScript or JavaScript file`, EXIT_USAGE)
  }
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

async function load(file: string, bootArguments: readonly string[]): Promise<Record<string, unknown>> {
  try {
    return await loadModule(file)
  } catch (error) {
    const name = missingPackage(error)
    if (name !== null) {
      throw new Failure(
        `${file} needs the package ${name}, which is not installed: ${installCommand(name, dirname(file))}`,
      )
    }
    const stack = error instanceof Error && isDebugging(bootArguments) ? `\n${error.stack}` : ''
    throw new Failure(`${explainLoadError(file, error)}${stack}`)
  }
}

/** Whether everything is to be logged, or all of an application whose name nobody knows as long as it is not loaded. */
function isDebugging(bootArguments: readonly string[]): boolean {
  const written = bootArguments.flatMap((word, i) => {
    const [, inline] = /^(?:--logs=|-l=?)(.+)$/.exec(word) ?? []
    return word === '--logs' || word === '-l' ? [bootArguments[i + 1] ?? ''] : inline === undefined ? [] : [inline]
  })
  const levels = (written.length > 0 ? written.join(',') : (process.env.TAPSTACK_LOGS ?? '')).split(',')
  return levels.some((level) => level === 'debug' || (level.endsWith(':debug') && !isPartOfStack(level.slice(0, -6))))
}

/** The package that was not found while loading, if that is what is wrong; null for a file, or anything else. */
function missingPackage(error: unknown): string | null {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return null
  // `import` names the package, `require` what was asked for, which may be a file of the package.
  return /^Cannot find (?:package|module) '((?:@[^/']+\/)?[^@./'][^/']*)[^']*'/.exec(message)?.[1] ?? null
}
