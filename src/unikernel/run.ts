import { constants } from 'node:os'
import type { IpAddress } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { parseInterface } from '../netif/index.ts'
import type { CreateStackOptions, Stack } from '../stack/index.ts'
import { parseValue } from './argument-types.ts'
import { BadArgument } from './arguments.ts'
import { checkProcessTogether, checkTogether, isSocket } from './boot-arguments.ts'
import { optionName, parseArguments } from './command-line.ts'
import { readConfigFile } from './config-file.ts'
import { Reports } from './crash-report.ts'
import { devicesInOrder, inGroup, isStackDevice, type StackDevice, valuesOfStack } from './devices/index.ts'
import { helpText } from './help.ts'
import { SANDBOX_VARIABLE } from './ipv4-addressing.ts'
import { RunLifecycle } from './lifecycle.ts'
import { RunLogControl } from './log-control.ts'
import { createLogs, type LogEntry, type Logs } from './logs.ts'
import { MadeDevices, type MadeStack, type RunValues } from './made-devices.ts'
import { Monitor } from './monitor.ts'
import { SyslogSender, type SyslogSeverity } from './syslog.ts'
import { readTlsFiles } from './tls-files.ts'
import { declarationsOf, helpSections, type Unikernel, type UnikernelSetting } from './unikernel.ts'
import { writtenInEnvironment } from './written.ts'

/** sysexits.h: the command was used incorrectly. */
export const EXIT_USAGE = 64
const EXIT_FAILURE = 1
/** As a shell shows a process that a signal ended: 128 and the signal's number. */
const EXIT_SIGNAL = 128

type Signal = 'SIGINT' | 'SIGTERM'
const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM']
/** Others that a run understands: they do not end it. */
type Notice = 'SIGUSR1' | 'SIGUSR2' | 'SIGTSTP' | 'SIGCONT'

/** What Node tells of errors that nobody caught: in a timer, in a promise that nobody waits for. */
type Uncaught = 'uncaughtException' | 'unhandledRejection'
const UNCAUGHT: readonly Uncaught[] = ['uncaughtException', 'unhandledRejection']

/** RFC 5424, section 6.2.1: what was said whatever else is logged is "normal but significant". */
const SEVERITIES: Readonly<Record<LogEntry['level'], SyslogSeverity>> = {
  error: 'error',
  warn: 'warning',
  app: 'notice',
  info: 'informational',
  debug: 'debug',
}
/** Milliseconds that servers have at the end to take what was logged and measured. */
const LAST_LINES = 1_000

/** What a run touches outside itself; everything has a default. */
export interface RunOptions {
  /** How the program is called, for `--help`: `tapstack run echo.ts`. */
  command?: string
  /** Help and address lines go to `stdout`, logs and errors to `stderr`. */
  stdout?: { write(text: string): unknown; isTTY?: boolean }
  stderr?: { write(text: string): unknown; isTTY?: boolean }
  /** Where signals come from; default this process. */
  signals?: {
    on(signal: Signal | Notice, handler: () => void): unknown
    off(signal: Signal | Notice, handler: () => void): unknown
  }
  /** Where errors that nobody caught come from; default this process. */
  uncaught?: {
    on(event: Uncaught, handler: (error: unknown) => void): unknown
    off(event: Uncaught, handler: (error: unknown) => void): unknown
  }
  /** Where arguments may stand as `TAPSTACK_NAME`; default that of this process. */
  environment?: Readonly<Record<string, string | undefined>>
  createStack?: (options: CreateStackOptions) => Promise<Stack>
  /** The tap device of the sandbox that this runs in; default what the environment says, null for none. */
  sandboxInterface?: string | null
}

/**
 * Runs a unikernel from its command line to its end: parses the arguments, makes the stack, shows the addresses that it
 * answers on, starts the application and shuts down on SIGINT or SIGTERM.
 *
 * The caller ends the process with the exit code that this resolves with; after a second signal something may still be
 * under way. Exit codes: 0, or what `start` returned; 1 if the stack or the application failed, also by an error that nobody
 * caught; 64 for a bad argument; 130 or 143 after a second SIGINT or SIGTERM. Never rejects.
 */
export async function run(unikernel: Unikernel, argv: readonly string[], options: RunOptions = {}): Promise<number> {
  const { stdout = process.stdout, stderr = process.stderr, environment = process.env } = options
  const command = options.command ?? 'tapstack run FILE'
  let values: RunValues
  try {
    // An argument that is missing must not keep anyone from the help that tells about it.
    if (asksForHelp(argv)) {
      const { name, description } = unikernel
      const sections = helpSections(unikernel)
      stdout.write(helpText({ command, name, description, sections, colour: isColoured(stdout, environment) }))
      return 0
    }
    const declarations = declarationsOf(unikernel)
    values = (await parseArguments(declarations, argv, async (given) => {
      const variables = writtenInEnvironment(environment, declarations)
      // The one argument that is looked for elsewhere first, because it says where elsewhere is.
      const file = given('config') ?? variables.find(({ option }) => option === 'config')?.texts[0]
      return [...(file === undefined ? [] : await readConfigFile(String(file))), ...variables]
    })) as typeof values
    checkProcessTogether(values)
    checkStacks(unikernel, values, sandboxInterfaceOf(options))
  } catch (error) {
    if (!(error instanceof BadArgument)) throw error
    stderr.write(`${unikernel.name}: ${error.message}\n`)
    return EXIT_USAGE
  }
  const logs = createLogs({
    levels: values.logs.reduce((earlier, later) => later.over(earlier)),
    format: values.logsFormat === 'auto' ? (stderr.isTTY === true ? 'text' : 'json') : values.logsFormat,
    terminal: stderr.isTTY === true,
    colour: isColoured(stderr, environment),
    write: (line) => stderr.write(line),
  })
  return new Run(unikernel, values, logs, { ...options, stdout, stderr }).result()
}

/** @throws BadArgument */
function checkStacks(unikernel: Unikernel, values: RunValues, sandboxInterface: string | undefined): void {
  const taken = new Map<string, StackDevice>()
  for (const device of devicesInOrder(unikernel.devices).filter(isStackDevice)) {
    const own = valuesOfStack(device, values)
    inGroup(device, () => checkTogether(own, sandboxInterface))
    if (isSocket(own)) continue
    const { target } = parseInterface(own.interface)
    const other = taken.get(target)
    if (other !== undefined) {
      const option = ({ group }: StackDevice) => `--${group === null ? '' : `${optionName(group)}-`}interface`
      throw new BadArgument(
        `${option(device)}: expected another interface than that of ${option(other)}, ${own.interface}`,
      )
    }
    taken.set(target, device)
  }
}

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv
    .slice(0, end < 0 ? argv.length : end)
    .some(
      (argument) =>
        argument === '--help' ||
        argument === '-h' ||
        (argument.startsWith('--help=') && parseValue({ type: 'boolean', doc: '' }, argument.slice(7)) === true),
    )
}

function sandboxInterfaceOf({ sandboxInterface }: RunOptions): string | undefined {
  return sandboxInterface === undefined ? process.env[SANDBOX_VARIABLE] : (sandboxInterface ?? undefined)
}

/** Colours are for terminals, and for who has not said that they are not wanted (https://no-color.org). */
function isColoured(stream: { isTTY?: boolean }, environment: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
}

/** `fe80::1%tap0`: what a person on this machine has to write to reach it; RFC 4007, section 11. */
function withZone(address: IpAddress, zone: string): string {
  return address.family === 6 && address.isLinkLocal ? `${address}%${zone}` : address.toString()
}

type Streams = Required<Pick<RunOptions, 'stdout' | 'stderr'>>

/** One run, after its arguments have been understood. */
class Run {
  readonly #unikernel: Unikernel
  readonly #values: RunValues
  readonly #logs: Logs
  readonly #options: RunOptions & Streams
  readonly #stopping = new AbortController()
  /** Whether an error that nobody caught has ended it, which `#crash` resolves with. */
  #crashed = false
  #endByCrash: () => void = () => {}
  readonly #crash = new Promise<void>((resolve) => {
    this.#endByCrash = resolve
  })

  /** What the application has asked to end with. */
  #requestedCode = 0
  readonly #levels: RunLogControl
  #syslog: SyslogSender | null = null
  #monitor: Monitor | null = null
  #devices: MadeDevices | null = null
  readonly #reports: Reports
  readonly #lifecycle: RunLifecycle

  constructor(unikernel: Unikernel, values: RunValues, logs: Logs, options: RunOptions & Streams) {
    this.#unikernel = unikernel
    this.#values = values
    this.#logs = logs
    this.#options = options
    this.#levels = new RunLogControl(logs, unikernel.name)
    this.#reports = new Reports(values.name, values.reports)
    this.#lifecycle = new RunLifecycle(logs('unikernel'), {
      shutdown: (exitCode) => {
        if (this.#stopping.signal.aborted) return
        this.#requestedCode = exitCode
        this.#stop('the application')
      },
      stop: () => process.kill(process.pid, 'SIGSTOP'),
      stacks: () => this.#devices?.stacks.map(({ stack }) => stack) ?? [],
    })
  }

  async result(): Promise<number> {
    const { signals = process, uncaught = process } = this.#options
    let onSecond: (code: number) => void = () => {}
    const second = new Promise<number>((resolve) => {
      onSecond = resolve
    })
    const handlers = SIGNALS.map((signal) => {
      const handler = () => {
        if (this.#stopping.signal.aborted) onSecond(EXIT_SIGNAL + constants.signals[signal])
        else this.#stop(signal)
      }
      signals.on(signal, handler)
      return { signal, handler }
    })
    const notices: Record<Notice, () => void> = {
      SIGUSR1: () => this.#levels.toggle(),
      SIGUSR2: () => this.#saveFrames(),
      SIGTSTP: () => this.#lifecycle.suspend(),
      SIGCONT: () => this.#lifecycle.resumed(),
    }
    const notified = Object.entries(notices) as [Notice, () => void][]
    for (const [notice, handler] of notified) signals.on(notice, handler)
    const thrown = (error: unknown) => this.#thrown(error)
    for (const event of UNCAUGHT) uncaught.on(event, thrown)
    try {
      return await Promise.race([this.#lifetime(), second])
    } finally {
      for (const event of UNCAUGHT) uncaught.off(event, thrown)
      for (const { signal, handler } of handlers) signals.off(signal, handler)
      for (const [notice, handler] of notified) signals.off(notice, handler)
    }
  }

  #stop(why: string): void {
    this.#logs('unikernel').info(`${why}: shutting down`)
    this.#stopping.abort(new Error(`stopped by ${why}`))
  }

  /** Begins to send what is logged; from the moment on that there is a network. */
  async #startSyslog(stack: Stack | undefined): Promise<void> {
    const { syslog: server, syslogTransport, syslogPort, syslogFacility, name: hostName } = this.#values
    if (server === undefined) return
    if (stack === undefined) throw new BadArgument('--syslog: expected only for an application with a network')
    const { syslogCa: ca, syslogCertificate: certificate, syslogKey: key } = this.#values
    const sender = new SyslogSender(stack, {
      server,
      transport: syslogTransport,
      port: syslogPort,
      tls: await readTlsFiles({ ca, certificate, key }),
      hostName,
      application: this.#unikernel.name,
      facility: syslogFacility,
      log: this.#logs('unikernel'),
    })
    this.#syslog = sender
    this.#logs.onEntry((entry) => {
      const { time, level, source } = entry
      sender.send({ time, severity: SEVERITIES[level], id: source, text: this.#logs.textOf(entry) })
    })
  }

  /** Begins to push measurements. */
  async #startMonitor({ stacks }: MadeDevices): Promise<void> {
    const { monitor: server, monitorInterval: interval, monitorCa: ca, name } = this.#values
    if (server === undefined) return
    if (stacks[0] === undefined) throw new BadArgument('--monitor: expected only for an application with a network')
    const measured = stacks.map(({ stack, device }) => ({ stack, group: device.group }))
    this.#monitor = new Monitor(stacks[0].stack, measured, {
      server,
      tls: await readTlsFiles({ ca }),
      interval,
      name,
      lifecycle: this.#lifecycle,
      logs: this.#logs,
      log: this.#logs('unikernel'),
    })
  }

  /** What is to go out over the networks before they close. */
  async #finish(devices: MadeDevices, within: number): Promise<void> {
    const monitor = this.#monitor
    this.#monitor = null
    await Promise.all([devices.finish(within), this.#syslog?.delivery.close(within), monitor?.close(within)])
  }

  #saveFrames(): void {
    const log = this.#logs('unikernel')
    try {
      const files = this.#reports.saveFrames()
      if (files.length > 0) log.app('the last frames are saved', { files })
      else log.app("there are no frames to save: those of sockets are the operating system's")
    } catch (error) {
      log.error('the last frames cannot be saved', { error })
    }
  }

  /** What is left of a mistake in a program: an error that says which call failed is one that it could have expected. */
  #report(error: unknown): void {
    if (error instanceof SystemError || this.#devices?.areOurs !== true) return
    const { stderr } = this.#options
    const { name } = this.#values
    try {
      const stacks = this.#devices?.stacks.map(({ stack }) => stack) ?? []
      const file = this.#reports.saveCrash(error, stacks, this.#lifecycle.memory())
      stderr.write(`${name}: a report${this.#reports.hasFrames ? ' with the last frames' : ''} is in ${file}\n`)
    } catch (failure) {
      stderr.write(`${name}: a report cannot be written: ${(failure as Error).message}\n`)
    }
  }

  /** The application threw where nobody catches it: what else it does is not to be relied on. */
  #thrown(error: unknown): void {
    if (this.#crashed || this.#stopping.signal.aborted) {
      // Whatever is under way is bound to fail now.
      this.#logs('unikernel').debug('an error that nobody caught, while shutting down', { error })
      return
    }
    this.#crashed = true
    this.#failed('failed', error)
    this.#report(error)
    this.#endByCrash()
  }

  async #lifetime(): Promise<number> {
    const stopping = this.#stopping.signal
    await this.#delay()
    if (stopping.aborted || this.#crashed) return this.#crashed ? EXIT_FAILURE : 0
    const { values, logs, options } = { values: this.#values, logs: this.#logs, options: this.#options }
    const { createStack } = options
    const sandboxInterface = sandboxInterfaceOf(options)
    const reports = this.#reports
    const making = { values, logs, signal: stopping, createStack, sandboxInterface, reports }
    const devices = new MadeDevices(this.#unikernel, making)
    this.#devices = devices
    try {
      await devices.makeStacks()
      await this.#startSyslog(devices.stacks[0]?.stack)
      await this.#startMonitor(devices)
    } catch (error) {
      await this.#finish(devices, 0)
      await devices.closeStacks(0).catch(() => {})
      if (stopping.aborted) return 0
      return this.#failed('cannot start the network', error)
    }
    const { grace } = values
    let code = 0
    if (!stopping.aborted && !this.#crashed) {
      // While the application still says its last words, and after all who listen to the signal: what they send to say
      // good-bye over UDP still goes out. How closing goes is seen below.
      stopping.addEventListener('abort', () =>
        queueMicrotask(() => {
          void this.#finish(devices, grace)
          void devices.closeStacks(grace).catch(() => {})
        }),
      )
      this.#announce(devices.stacks)
      code = await this.#application(devices)
    }
    try {
      // Nothing is to be kept from the server that it was told last, least of all why it has ended.
      await this.#finish(devices, Math.min(grace, LAST_LINES))
      await devices.closeStacks(this.#crashed ? 0 : grace)
    } catch (error) {
      code = this.#failed('cannot close the network', error)
    }
    try {
      await this.#lifecycle.exit()
      await devices.closeOthers()
    } catch (error) {
      code = this.#failed('cannot end in order', error)
    }
    if (this.#crashed) return EXIT_FAILURE
    return code === 0 ? this.#requestedCode : code
  }

  #delay(): Promise<void> {
    const { delay } = this.#values
    if (delay === 0) return Promise.resolve()
    this.#logs('unikernel').info('waiting before the start', { milliseconds: delay })
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delay)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#stopping.signal.addEventListener('abort', end)
      this.#crash.then(end)
    })
  }

  /** One line for each address, now and whenever one comes or goes. */
  #announce(stacks: readonly MadeStack[]): void {
    const { stdout } = this.#options
    const { name } = this.#values
    for (const { stack, values, device } of stacks) {
      const shown = new Set<string>()
      const where = device.group === null ? '' : ` (${device.group})`
      const show = (text: string) => {
        if (shown.has(text)) return
        shown.add(text)
        stdout.write(`${name} answers on ${text}${where}\n`)
      }
      stack.onAddress(({ type, prefix, interface: zone }) => {
        const text = withZone(prefix.address, zone)
        if (type === 'added') show(text)
        else if (type === 'removed' && shown.delete(text))
          stdout.write(`${name} no longer answers on ${text}${where}\n`)
      })
      const direct = stack.kind === 'direct'
      for (const { address } of stack.addresses)
        show(direct ? withZone(address, parseInterface(values.interface).name) : `${address}`)
    }
  }

  /** The application's exit code, once it has ended or is to be stopped. */
  async #application(devices: MadeDevices): Promise<number> {
    const stopping = this.#stopping.signal
    const stopped = new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve()))
    const lost = devices.stacksClosed
    lost.catch(() => {})
    const setting: UnikernelSetting = {
      arguments: this.#values as unknown as UnikernelSetting['arguments'],
      log: this.#logs(this.#unikernel.name),
      logs: this.#levels,
      signal: stopping,
      name: this.#values.name,
      lifecycle: this.#lifecycle,
    }
    // In a function of its own, so that what `start` throws at once is caught as well.
    const started = (async () => {
      const others = await devices.makeOthers()
      return stopping.aborted ? 0 : this.#unikernel.start({ ...others, ...setting })
    })()
    try {
      // An interface that is lost ends the run with an error, whatever the application waits for.
      await Promise.race([started, stopped, lost, this.#crash])
      if (!stopping.aborted) {
        const result = await Promise.race([started, lost, this.#crash])
        if (typeof result === 'number') return this.#exitCode(result)
        await Promise.race([devices.idle(), stopped, lost, this.#crash])
        return 0
      }
    } catch (error) {
      if (!stopping.aborted) {
        const code = this.#failed('failed', error)
        this.#report(error)
        return code
      }
    }
    // Stopped while `start` was still running: it may say its last words, as long as connections may take.
    const timeUp = new Promise<void>((resolve) => setTimeout(resolve, this.#values.grace).unref())
    try {
      const result = await Promise.race([started, timeUp])
      return typeof result === 'number' ? this.#exitCode(result) : 0
    } catch (error) {
      // Whatever is under way is bound to fail now.
      this.#logs('unikernel').debug('start ended with an error while shutting down', { error })
      return 0
    }
  }

  /** A process has 8 bits for it: cut to them, 256 would look like success. */
  #exitCode(result: number): number {
    if (Number.isInteger(result) && result >= 0 && result <= 255) return result
    return this.#failed('failed', new RangeError(`start returned ${result}: expected an exit code from 0 to 255`))
  }

  #failed(what: string, error: unknown): number {
    const { stderr } = this.#options
    const { name } = this.#values
    const message = error instanceof Error && error.message !== '' ? error.message : String(error)
    const path = (error as NodeJS.ErrnoException | null)?.path
    // Whichever stack it is of: the argument whose value it is.
    const argument =
      path === undefined ? undefined : Object.keys(this.#values).find((each) => this.#values[each] === path)
    const option = argument === undefined ? '' : `--${optionName(argument)}: `
    const text = `${what}: ${option}${message.replace(/\s*\n\s*/g, ' ')}`
    stderr.write(`${name}: ${text}\n`)
    this.#syslog?.send({ time: new Date().toISOString(), severity: 'critical', id: 'unikernel', text })
    const debugging = this.#logs(this.#unikernel.name).debugEnabled
    if (debugging && error instanceof Error && error.stack !== undefined) stderr.write(`${error.stack}\n`)
    return EXIT_FAILURE
  }
}
