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

/**
 * The word that is the host as the argument that the application declares: the first, or one that is no option's value, as in
 * `-c 1 HOST --ipv4 10.0.0.2/24`, or the last.
 */
export function withTarget(words: readonly string[]): string[] {
  if (words.length === 0 || words.some((word) => /^--target(=|$)/.test(word))) return [...words]
  const free = words.findIndex((word, i) => !isOption(word) && !takesNext(words[i - 1]))
  const at = free >= 0 ? free : words.length - 1
  const target = words[at]!
  if (isOption(target) || words.length < 2) return at === 0 && !isOption(target) ? ['--target', target] : [...words]
  return ['--target', target, ...words.slice(0, at), ...words.slice(at + 1)]
}

function isOption(word: string): boolean {
  return /^--?[a-z]/i.test(word)
}

/** Whether what stands behind a word may be its value: behind an option that has none yet. */
function takesNext(word: string | undefined): boolean {
  return word !== undefined && isOption(word) && word !== '--json' && !word.includes('=') && !/^-[a-z]./i.test(word)
}
