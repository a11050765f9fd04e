import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { BadArgument, EXIT_USAGE, environmentOf } from '../unikernel/index.ts'
import { Failure } from './failure.ts'
import { FORWARDED_SIGNALS } from './sandbox-messages.ts'

/** The program beside this one; its ending is ours, because sources end in .ts and what is built from them in .js. */
const REGISTER = import.meta.url.replace(/exec(\.\w+)$/, 'register$1')

/**
 * `tapstack exec [boot arguments] -- COMMAND [ARGUMENTS]`: runs a Node program whose network is a stack of ours.
 * @returns the command's exit code, 128 + the signal's number if one ended it, 127 if it could not be started
 * @throws Failure for a bad argument
 */
export async function runExec(bootArguments: readonly string[], command: readonly string[]): Promise<number> {
  let variables: Record<string, string>
  try {
    variables = await environmentOf(bootArguments)
  } catch (error) {
    if (error instanceof BadArgument) throw new Failure(error.message, EXIT_USAGE)
    throw error
  }
  // Of sources, tsx makes programs that Node 20 runs.
  const loader = REGISTER.endsWith('.ts') ? `--import=${import.meta.resolve('tsx')} ` : ''
  const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} ${loader}--import=${REGISTER}`.trim()
  const [program, ...words] = command
  const child = spawn(program!, words, { stdio: 'inherit', env: { ...process.env, ...variables, NODE_OPTIONS } })
  const forward = (signal: NodeJS.Signals) => {
    if (!isFromTerminal(signal)) child.kill(signal)
  }
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'ENOENT' ? `command not found: ${program}` : `${program} cannot be started: ${error.message}`
        reject(new Failure(why, 127))
      })
      child.on('exit', (code, signal) => resolve(signal === null ? code! : 128 + constants.signals[signal]))
    })
  } finally {
    for (const signal of FORWARDED_SIGNALS) process.off(signal, forward)
  }
}

/**
 * Whether the command has got the signal already: a terminal sends those of its keys to everybody in front of it. Who
 * sends one of these to us alone while we are there is mistaken for it.
 */
function isFromTerminal(signal: NodeJS.Signals): boolean {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false
  // proc_pid_stat(5), behind the name, which may have spaces: state, parent, process group, session, terminal, its foreground group.
  const [, , group, , , foreground] = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return group === foreground
}
