import { ApplicationRun } from './application-run.ts'
import { BadArgument } from './arguments.ts'
import { helpText } from './help.ts'
import { SANDBOX_VARIABLE } from './ipv4-addressing.ts'
import { createLogs } from './logs.ts'
import type { RunValues } from './made-devices.ts'
import { asksForHelp, readRunArguments } from './run-arguments.ts'
import type { RunOptions } from './run-options.ts'
import { helpSections, type Unikernel } from './unikernel.ts'

/** sysexits.h: the command was used incorrectly. */
export const EXIT_USAGE = 64

/**
 * Runs a unikernel from its command line to its end: parses the arguments, makes the stack, starts the application, shows the
 * addresses that it answers on and shuts down on SIGINT or SIGTERM.
 *
 * The caller ends the process with the exit code that this resolves with; after a second signal something may still be
 * under way. Exit codes: 0, or what `start` returned; 1 if the stack or the application failed, also by an error that nobody
 * caught; 64 for a bad argument; 130 or 143 after a second SIGINT or SIGTERM. Never rejects.
 */
export async function run(unikernel: Unikernel, argv: readonly string[], options: RunOptions = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr, environment = process.env } = options
  const { name, description } = unikernel
  if (asksForHelp(argv)) {
    const sections = helpSections(unikernel)
    const command = options.command ?? 'tapstack run FILE'
    stdout.write(helpText({ command, name, description, sections, colour: isColoured(stdout, environment) }))
    return 0
  }
  const sandboxInterface = sandboxInterfaceOf(options)
  let values: RunValues
  try {
    values = await readRunArguments(unikernel, argv, environment, sandboxInterface)
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error
    stderr.write(`${name}: ${error.message}\n`)
    return EXIT_USAGE
  }
  const logs = createLogs({
    levels: values.logs.reduce((earlier, later) => later.over(earlier)),
    format: values.logsFormat === 'auto' ? (stderr.isTTY === true ? 'text' : 'json') : values.logsFormat,
    terminal: stderr.isTTY === true,
    colour: isColoured(stderr, environment),
    write: (line) => stderr.write(line),
  })
  return new ApplicationRun(unikernel, values, logs, { ...options, stdout, stderr, sandboxInterface }).result()
}

function sandboxInterfaceOf({ sandboxInterface }: RunOptions): string | undefined {
  return sandboxInterface === undefined ? process.env[SANDBOX_VARIABLE] : (sandboxInterface ?? undefined)
}

/** Colours are for terminals, and for who has not said that they are not wanted (https://no-color.org). */
function isColoured(stream: { isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
}
