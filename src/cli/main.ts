import { existsSync, readFileSync } from 'node:fs'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { IpPrefix } from '../address/index.ts'
import { guessOf } from '../errors/index.ts'
import { complete, completionScript, SHELLS, type Shell } from './completion.ts'
import { DEMO_PORT, runDemo } from './demo.ts'
import { DESCRIBE_FORMATS, type DescribeFormat, describeFile } from './describe.ts'
import { EXIT_USAGE, Failure } from './failure.ts'
import { parsePort, parsePublication, resolvePublications, type UnresolvedPublication } from './publication.ts'
import { runFile } from './run.ts'
import { runSandbox } from './sandbox.ts'
import { onStarterGone } from './starter.ts'
import type { ToolName } from './tool.ts'

/**
 * The `tapstack` command.
 * @param words what stands after the command's name
 * @param name what the person typed to get here, for help; another one than `tapstack` stands for `tapstack demo`
 * @returns the exit code: 0, that of the command which ran, 64 for a wrong command line, 1 for what could not be done
 */
export async function main(words: readonly string[], name = 'tapstack'): Promise<number> {
  let exitCode = 0
  const program = describe(name, (code) => {
    exitCode = code
  })
  // A sandbox has more than itself to end.
  const unwatch = words[0] === 'sandbox' ? () => {} : onStarterGone(() => process.kill(process.pid, 'SIGTERM'))
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0
      console.error(`tapstack: ${describeError(error)}`)
      return EXIT_USAGE
    }
    if (error instanceof Failure) {
      console.error(`tapstack: ${error.message}`)
      return error.exitCode
    }
    throw error
  } finally {
    unwatch()
  }
}

function describe(name: string, finish: (exitCode: number) => void): Command {
  const program = new Command(name)
    .description('A TCP/IP stack inside a Node.js process, over a tap device.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    // With their arguments they would leave no room for what they do.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .enablePositionalOptions()
    .exitOverride()
    // Errors are printed by `main`, as one line; asking for no command at all is one.
    .configureOutput({ writeErr: () => {} })
    .action((_options, command: Command) => {
      const [first] = command.args
      throw new CommanderError(
        EXIT_USAGE,
        'tapstack.command',
        `${first === undefined ? 'no command given' : `unknown command '${first}'`}; expected run, exec, sandbox, ping, traceroute, dhcp, describe, completion, doctor or demo (see --help)${guessOfCommand(command, command.args)}`,
      )
    })

  program
    .command('run')
    .summary('start an application on its own stack')
    .description(
      'Starts an application, a TypeScript or JavaScript file that exports unikernel({ ... }), on a stack of its own.',
    )
    .usage('FILE [boot arguments]')
    .argument('<FILE>', 'the application')
    .argument('[boot arguments...]', 'as `run FILE --help` lists them, those of the application among them')
    .helpOption('-h, --help', 'print this help; after FILE: the boot arguments')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (file: string, bootArguments: string[]) => {
      if (file.startsWith('-')) {
        throw new Failure(`${file} stands where the file is expected: tapstack run FILE [boot arguments]`, EXIT_USAGE)
      }
      finish(await runFile(file, bootArguments))
    })

  program
    .command('exec')
    .summary('run a Node program, unchanged, on a stack of its own')
    .description(
      'Runs a Node program whose network is a stack of its own: net, http, tls, dgram, dns, fetch and all that is built on ' +
        "them. What the program starts itself has the operating system's network.",
    )
    .usage('[boot arguments] -- COMMAND [ARGUMENTS]')
    .argument('[words...]')
    // To commander all of them are one list.
    .configureHelp({
      visibleArguments: () => [
        new Argument('[boot arguments...]', 'as `run FILE --help` lists them, those about the network and its log'),
        new Argument('<COMMAND>', 'the program to run, with its arguments; its exit code is passed on'),
      ],
    })
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (given: string[]) => {
      // Commander leaves a -- out that nothing stands before.
      const words = given[0]?.startsWith('-') === false ? ['--', ...given] : given
      const end = words.indexOf('--')
      if (end < 0 || end === words.length - 1) {
        throw new Failure('expected -- and a command: tapstack exec [boot arguments] -- node app.js', EXIT_USAGE)
      }
      const { runExec } = await import('./exec.ts')
      finish(await runExec(words.slice(0, end), words.slice(end + 1)))
    })

  program
    .command('sandbox')
    .summary('run a command in a private network namespace with a tap device')
    .description(
      'Runs a command in a private network namespace that has a tap device and nothing else. Needs no root where the ' +
        'system allows user namespaces. All of it is gone when the command ends.',
    )
    .usage('[options] -- COMMAND [ARGUMENTS]')
    .argument('<COMMAND...>', 'what to run; its exit code is passed on')
    .option(
      '-p, --publish <HOSTPORT:PORT>',
      "the host's 127.0.0.1:HOSTPORT leads to PORT of the stack; HOSTPORT:ADDRESS:PORT for another address than the " +
        "one after the kernel's; may be given several times",
      (text: string, previous: UnresolvedPublication[] = []) => [...previous, parsePublication(text)],
    )
    .option('-i, --interface <NAME>', 'name of the tap device', parseInterfaceName, 'tap0')
    .addOption(
      new Option(
        '-a, --address <ADDRESS/LENGTH>',
        "the kernel's address on the tap device; may be given several times " +
          `(default: ${DEFAULT_ADDRESS}, and ${DEFAULT_IPV6_ADDRESS} if the kernel has IPv6)`,
      ).argParser((text, previous: IpPrefix[] = []) => [...previous, parsePrefix(text)]),
    )
    .passThroughOptions()
    .action(async (command: string[], options: SandboxArguments) => {
      const addresses = options.address ?? defaultAddresses()
      const publish = resolvePublications(options.publish ?? [], addresses[0]!)
      finish(await runSandbox({ command, publish, interface: options.interface, addresses }))
    })

  const demo = program
    .command('demo')
    .summary('an example service in a sandbox, for your browser (what `npm start` shows)')
    .description('Starts the example service examples/http.ts on a stack of its own, checks it and publishes it.')
    .option('--port <PORT>', "port on the host's 127.0.0.1", parsePort, DEMO_PORT)
    .option('--once', 'end after the check, with exit code 0 or 1')
    .allowExcessArguments()
    .action(async (options: { port: number; once?: boolean }, command: Command) => {
      const [excess] = command.args
      if (excess !== undefined)
        throw new Failure(`unexpected argument '${excess}'; see --help for what is expected`, EXIT_USAGE)
      finish(await runDemo({ port: options.port, once: options.once === true }))
    })

  program
    .command('dhcp')
    .summary('show what DHCP servers offer')
    .description('Asks the DHCP servers on the link of an interface what they would give, and takes nothing of it.')
    .option('-i, --interface <NAME>', 'the tap device, or another interface as in `run`: packet:NAME', 'tap0')
    .option('-t, --timeout <SECONDS>', 'how long the first answer may take', parseTimeout, 10)
    .option('--json', 'for programs: a list with one object for each server')
    .action(async (options: { interface: string; timeout: number; json?: boolean }, command: Command) => {
      const [excess] = command.args
      if (excess !== undefined)
        throw new Failure(`unexpected argument '${excess}'; see --help for what is expected`, EXIT_USAGE)
      // Loaded here, so that other commands do not wait for the whole stack.
      const { runDhcp } = await import('./dhcp.ts')
      finish(await runDhcp({ ...options, json: options.json === true }))
    })
    .allowExcessArguments()

  program
    .command('doctor')
    .summary('check what this machine lacks, and say how to mend it')
    .description(
      'Checks what a service on a tap needs and what else works here, and says how to mend what does not. Nothing is changed. ' +
        'Exit code 0 when a service can run on a tap, otherwise 1.',
    )
    .option('--json', 'for programs: { ok, checks: [{ name, status, found, mend }] }')
    .action(async (options: { json?: boolean }, command: Command) => {
      const [excess] = command.args
      if (excess !== undefined)
        throw new Failure(`unexpected argument '${excess}'; see --help for what is expected`, EXIT_USAGE)
      const { runDoctor } = await import('./doctor/index.ts')
      finish(await runDoctor({ json: options.json === true }))
    })
    .allowExcessArguments()

  describeTool(program, 'ping', 'ask a host whether it is there', finish)
  describeTool(program, 'traceroute', 'show the routers on the way to a host', finish)

  program
    .command('describe')
    .summary('show the devices and layers that an application is composed of')
    .description('Shows the devices and layers that an application is composed of, with these boot arguments.')
    .usage('[options] FILE [boot arguments]')
    .argument('<FILE>', 'the application')
    .argument('[boot arguments...]', 'as `run FILE --help` lists them; what is required may be missing')
    .addOption(new Option('-f, --format <FORMAT>', 'how').choices(DESCRIBE_FORMATS).default('tree'))
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (file: string, bootArguments: string[], { format }: { format: DescribeFormat }) => {
      if (file.startsWith('-')) {
        throw new Failure(`${file} stands where the file is expected: tapstack describe [options] FILE`, EXIT_USAGE)
      }
      const words = describeWords(bootArguments, format)
      process.stdout.write(await describeFile(file, words.format, words.bootArguments))
    })

  program
    .command('completion')
    .summary('print a script with which bash or zsh completes command lines')
    .description('Prints a script with which a shell completes command lines: source <(tapstack completion bash)')
    .addArgument(new Argument('<SHELL>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell))
    })

  // What that script asks; nobody types it.
  program
    .command('complete', { hidden: true })
    .argument('[WORDS...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words: string[]) => {
      process.stdout.write(await complete(program, words))
    })

  // Under `npm start` nobody has typed `demo`.
  if (name !== 'tapstack') demo.configureHelp({ commandUsage: () => `${name} [options]` })

  // Last, because commands inherit it: what excess there is, is the unknown command that the action names.
  return program.allowExcessArguments()
}

/** @param words what stands where a command is expected, and what follows */
function guessOfCommand(program: Command, [word = '', next]: readonly string[]): string {
  const shown = program.commands.map((each) => each.name()).filter((name) => name !== 'complete')
  if (word === 'help') return `; did you mean ${next !== undefined && shown.includes(next) ? `${next} ` : ''}--help?`
  if (word === 'version') return '; did you mean --version?'
  // The file alone: of all commands `run` is the one that is left out.
  if (/\.[cm]?[jt]sx?$/.test(word) && existsSync(word)) return `; did you mean run ${word}?`
  return word === '' ? '' : guessOf(word, shown)
}

/** A command that is an application of its own: it takes a host and boot arguments. */
function describeTool(program: Command, name: ToolName, summary: string, finish: (exitCode: number) => void): void {
  program
    .command(name)
    .summary(summary)
    .usage('HOST [options] [boot arguments]')
    .argument('[HOST]', 'an address or a name')
    .argument('[boot arguments...]')
    .helpOption(false)
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (_host: string | undefined, _rest: string[], _options: object, command: Command) => {
      const { runTool } = await import('./tool.ts')
      finish(await runTool(name, command.args))
    })
}

interface SandboxArguments {
  publish?: UnresolvedPublication[]
  interface: string
  address?: IpPrefix[]
}

const DEFAULT_ADDRESS = '10.0.0.1/24'
const DEFAULT_IPV6_ADDRESS = 'fd00::1/64'

function defaultAddresses(): IpPrefix[] {
  const texts = existsSync('/proc/net/if_inet6') ? [DEFAULT_ADDRESS, DEFAULT_IPV6_ADDRESS] : [DEFAULT_ADDRESS]
  return texts.map((text) => IpPrefix.parse(text))
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

/** As the kernel's dev_valid_name: up to 15 bytes, no slash, colon or white space, not `.` or `..`. */
function parseInterfaceName(text: string): string {
  // A percent sign is a pattern for the kernel to number.
  if (!/^(?!\.\.?$)(?!.*%)[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(text)) {
    throw new InvalidArgumentError('Expected a device name of 1 to 15 characters, such as tap0.')
  }
  return text
}

function parseTimeout(text: string): number {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds < 0.1 || seconds > 3600) {
    throw new InvalidArgumentError('Expected seconds from 0.1 to 3600.')
  }
  return seconds
}

function parsePrefix(text: string): IpPrefix {
  try {
    if (!text.includes('/')) throw new TypeError('no length')
    const prefix = IpPrefix.parse(text)
    const { isUnspecified, isLoopback, isMulticast } = prefix.address
    if (isUnspecified || isLoopback || isMulticast) throw new TypeError('no address of a network device')
    // RFC 1122, 3.2.1.3: no host has the network's own or its broadcast address; RFC 3021: a /31 has neither.
    const host = prefix.address.word3 & ~prefix.maskWord(3)
    if (prefix.family === 4 && prefix.length <= 30 && (host === 0 || host === ~prefix.maskWord(3))) {
      throw new TypeError('no address of a host')
    }
    return prefix
  } catch {
    throw new InvalidArgumentError("Expected a host's address and the length of its prefix, such as 10.0.0.1/24.")
  }
}

/** The options of `tapstack describe` that stand behind FILE, where people write them as well. */
function describeWords(given: readonly string[], before: DescribeFormat) {
  const bootArguments: string[] = []
  let format = before
  for (let i = 0; i < given.length; i++) {
    const [, inline] = /^(?:--format=|-f=?)(.+)$/.exec(given[i]!) ?? []
    const text = inline ?? (given[i] === '--format' || given[i] === '-f' ? given[++i] : undefined)
    if (text === undefined && given[i] !== undefined) {
      bootArguments.push(given[i]!)
      continue
    }
    const chosen = DESCRIBE_FORMATS.find((each) => each === text)
    if (chosen === undefined) {
      const what = text === undefined ? '' : `, not ${JSON.stringify(text)}`
      const guess = text === undefined ? '' : guessOf(text, DESCRIBE_FORMATS)
      throw new Failure(`--format: expected one of ${DESCRIBE_FORMATS.join(', ')}${what}${guess}`, EXIT_USAGE)
    }
    format = chosen
  }
  return { format, bootArguments }
}

/** In one line: what is wrong, and what is expected where commander does not say it. */
function describeError(error: CommanderError): string {
  const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  // As the boot arguments have it: what it is, what is expected, what was given.
  const option = /^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. (.*)$/.exec(message)
  const argument = /^command-argument value '(.*)' is invalid for argument '(\w+)'\. (.*)$/.exec(message)
  const [name, given, why] =
    option !== null ? option.slice(1) : argument !== null ? [argument[2], argument[1], argument[3]] : []
  if (name !== undefined) {
    const expected = why!.replace(/^Allowed choices are /, 'expected one of ').replace(/^Expected/, 'expected')
    const [, choices] = /^expected one of (.*)\.$/.exec(expected) ?? []
    const guess = choices === undefined ? '' : guessOf(given!, choices.split(', '))
    return `${name}: ${expected.replace(/\.$/, '')}, not ${JSON.stringify(given)}${guess}`
  }
  const [, unknown, meant] = /^(.*) \(Did you mean (.*)\?\)$/.exec(message) ?? []
  if (unknown !== undefined) return `${unknown}; did you mean ${meant}?`
  if (message === "unknown option '-v'") return `${message}; did you mean -V?`
  return /expected/i.test(message) ? message : `${message}; see --help for what is expected`
}
