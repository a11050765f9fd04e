/**
 * Commands of `tapstack` that look at the network: applications like those of `tapstack run`, so that the boot arguments say
 * on which device, with which addresses, or on whose sockets.
 */
import { createStack, DirectStack } from '../stack/index.ts'
import { run } from '../unikernel/index.ts'
import { pingTool } from './ping.ts'
import { tracerouteTool } from './traceroute.ts'

export type ToolName = 'ping' | 'traceroute'

/**
 * @param words HOST, first or last, and options
 * @returns the exit code: 0, 1 if nobody has answered, 64 for a bad argument
 */
export function runTool(name: ToolName, words: readonly string[]): Promise<number> {
  let direct: DirectStack | null = null
  const tool = name === 'ping' ? pingTool(() => direct) : tracerouteTool(() => direct)
  const asksForHelp = words.some((word) => word === '--help' || word === '-h')
  return run(tool, withTarget(words), {
    command: `tapstack ${name} HOST`,
    // What the runner tells of our own addresses is no part of the answer.
    isClient: true,
    stdout: asksForHelp ? process.stdout : process.stderr,
    createStack: async (options) => {
      const stack = await createStack(options)
      if (stack instanceof DirectStack) direct = stack
      return stack
    },
  })
}

/** The word that is the host as the argument that the application declares. */
function withTarget(words: readonly string[]): string[] {
  const [first] = words
  if (first === undefined || words.some((word) => /^--target(=|$)/.test(word))) return [...words]
  if (!first.startsWith('-')) return ['--target', first, ...words.slice(1)]
  const last = words.at(-1)!
  return last.startsWith('-') || words.length < 2 ? [...words] : ['--target', last, ...words.slice(0, -1)]
}
