/** The stack that the environment describes, for programs that are no unikernels: the boot arguments, as `TAPSTACK_...`. */
import { parseArgs } from 'node:util'
import type { LogFactory } from '../log/index.ts'
import type { CreateStackOptions } from '../stack/index.ts'
import type { ArgumentDeclaration } from './arguments.ts'
import { type BootValues, bootArguments, isSocket, PROCESS_ARGUMENTS } from './boot-arguments.ts'
import { optionName, parseArguments } from './command-line.ts'
import { writtenElsewhere } from './elsewhere.ts'
import { checkTogether } from './fitting-together.ts'
import { kernelHasAddress } from './kernel-address.ts'
import { createLogs } from './logs.ts'
import { stackOptions } from './stack-arguments.ts'
import { unusedOfStack } from './unused-arguments.ts'
import { variableName } from './written.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The interface that is no device: such a stack reaches nobody but itself. */
const LOOPBACK = 'lo'
const NAME = 'program'

/** The stack that the environment of a process describes. */
export interface EnvironmentStack {
  /** For `createStack`; null where the operating system's sockets are to stay. */
  readonly options: CreateStackOptions | null
  /** Whether there is no device. */
  readonly isLoopback: boolean
  readonly logs: LogFactory
}

/** What of the boot arguments concerns a stack that comes with a program, and its log. */
function declarations() {
  const { logs, logsFormat, config, ...rest } = bootArguments(NAME)
  const ofStack = Object.entries(rest).filter(([name]) => !(PROCESS_ARGUMENTS as readonly string[]).includes(name))
  // A program's standard error is its own: only what is wrong goes there.
  const own = { logs: { ...logs, default: '*:warning' }, logsFormat, config } as const
  return { ...(Object.fromEntries(ofStack) as Omit<typeof rest, (typeof PROCESS_ARGUMENTS)[number]>), ...own }
}

/**
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 * @throws BadArgument for a variable that does not fit
 */
export async function stackOfEnvironment(
  environment: Environment,
  sandboxInterface: string | undefined,
): Promise<EnvironmentStack> {
  const declared = declarations()
  const parsed = await parseArguments(declared, [], () => writtenElsewhere(undefined, environment, declared))
  const isLoopback = parsed.interface === LOOPBACK
  const values = { ...parsed, name: NAME } as unknown as BootValues & { given: ReadonlySet<string> }
  const ownInterface = isLoopback ? LOOPBACK : sandboxInterface
  checkTogether(values, ownInterface)
  const logs = createLogs({
    levels: values.logs.reduce((earlier, later) => later.over(earlier)),
    format: values.logsFormat === 'json' ? 'json' : 'text',
    terminal: false,
    colour: false,
    write: (line) => process.stderr.write(line),
  })
  for (const each of unusedOfStack(values, ownInterface)) logs('unikernel').warn(each)
  if (isSocket(values)) return { options: null, isLoopback, logs }
  const conflict = isLoopback ? null : kernelHasAddress(values)
  if (conflict !== null) logs('unikernel').warn(conflict)
  const options = await stackOptions(values, logs, ownInterface, new AbortController().signal)
  // Nobody is there who could advertise anything.
  const alone = isLoopback ? { acceptRouterAdvertisements: false } : {}
  return { options: { ...options, ...alone }, isLoopback, logs }
}

/**
 * A command line as variables of the environment.
 * @param argv `--ipv4 10.0.0.2/24 ...`
 * @throws BadArgument for what does not fit
 */
export async function environmentOf(argv: readonly string[]): Promise<Record<string, string>> {
  const declared: Record<string, ArgumentDeclaration> = declarations()
  // Checked here, so that who has typed it reads of it at once.
  await parseArguments(declared, argv, (given) => writtenElsewhere(given('config'), {}, declared))
  const names = new Map(Object.keys(declared).flatMap((name) => namesOf(name, declared[name])))
  const options = Object.fromEntries(
    [...names].map(([option, name]) => {
      const type = declared[name].type === 'boolean' ? ('boolean' as const) : ('string' as const)
      return [option, { type, ...(declared[name].short === undefined ? {} : { short: declared[name].short }) }]
    }),
  )
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true, allowPositionals: true })
  const variables: Record<string, string> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const isNegated = !names.has(token.name)
    const name = names.get(isNegated ? token.name.slice(3) : token.name)!
    const text = isNegated ? 'false' : (token.value ?? 'true')
    const variable = variableName(name)
    const earlier = declared[name].repeated === true ? variables[variable] : undefined
    variables[variable] = earlier === undefined ? text : `${earlier},${text}`
  }
  return variables
}

function namesOf(name: string, { alias }: ArgumentDeclaration): [option: string, name: string][] {
  return alias === undefined
    ? [[optionName(name), name]]
    : [
        [optionName(name), name],
        [alias, name],
      ]
}
