/**
 * `node --import tapstack/register app.js`: the program's network is a stack of ours, made as the variables `TAPSTACK_...`
 * of the environment say. It is there before the program's first line runs.
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { isLauncher } from './launchers.ts'

const OWN_NAME = 'tapstack/register'

/** Whether `--import` of this means this module. */
function isThis(specifier: string): boolean {
  if (specifier === OWN_NAME || specifier === import.meta.url) return true
  try {
    const path = specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier
    return realpathSync(path) === realpathSync(fileURLToPath(import.meta.url))
  } catch {
    return false
  }
}

/** Options of Node without those that load this module. */
function withoutThis(words: readonly string[]): string[] {
  const left: string[] = []
  for (let i = 0; i < words.length; i++) {
    const [, inline] = /^--import=(.*)$/.exec(words[i]) ?? []
    if (inline !== undefined && isThis(inline)) continue
    if (words[i] === '--import' && i + 1 < words.length && isThis(words[i + 1])) i++
    else left.push(words[i])
  }
  return left
}

/**
 * A tap has one stack. What the program starts has the network of the operating system: `child_process.fork` hands on the
 * options of this process, and everything hands on its environment.
 */
function keepToThisProcess(): void {
  process.execArgv.splice(0, Infinity, ...withoutThis(process.execArgv))
  const { NODE_OPTIONS } = process.env
  if (NODE_OPTIONS === undefined) return
  const left = withoutThis(NODE_OPTIONS.split(' ')).join(' ').trim()
  if (left === '') delete process.env.NODE_OPTIONS
  else process.env.NODE_OPTIONS = left
}

// Loaded only where there is to be a stack: threads and launchers need not wait for it.
if (isMainThread && !isLauncher(process.argv[1])) {
  keepToThisProcess()
  const { register } = await import('./registration.ts')
  await register()
}
