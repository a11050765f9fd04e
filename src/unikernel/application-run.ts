import { SystemError } from '../errors/index.ts'
import { AddressLines } from './address-lines.ts'
import { Reports } from './crash-report.ts'
import { explainFailure } from './failure-text.ts'
import { RunLifecycle } from './lifecycle.ts'
import { RunLogControl } from './log-control.ts'
import type { Logs } from './logs.ts'
import { MadeDevices, type RunValues } from './made-devices.ts'
import { onRunEvents } from './run-events.ts'
import type { FullRunOptions } from './run-options.ts'
import { ToldServers } from './told-servers.ts'
import type { Unikernel, UnikernelSetting } from './unikernel.ts'
import { unusedOfProcess } from './unused-arguments.ts'

const EXIT_FAILURE = 1
/** Milliseconds that servers have at the end to take what was logged and measured. */
const LAST_LINES = 1_000

/** One run, after its arguments have been understood. */
export class ApplicationRun {
  readonly #unikernel: Unikernel
  readonly #values: RunValues
  readonly #logs: Logs
  readonly #options: FullRunOptions
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
  readonly #servers: ToldServers
  #devices: MadeDevices | null = null
  readonly #reports: Reports
  readonly #lifecycle: RunLifecycle

  constructor(unikernel: Unikernel, values: RunValues, logs: Logs, options: FullRunOptions) {
    this.#unikernel = unikernel
    this.#values = values
    this.#logs = logs
    this.#options = options
    this.#levels = new RunLogControl(logs, unikernel.name)
    this.#reports = new Reports(values.name, values.reports)
    const lifecycle = new RunLifecycle(logs('unikernel'), {
      shutdown: (exitCode) => {
        if (this.#stopping.signal.aborted) return
        this.#requestedCode = exitCode
        this.#stop('the application')
      },
      stop: () => process.kill(process.pid, 'SIGSTOP'),
      stacks: () => this.#devices?.stacks.map(({ stack }) => stack) ?? [],
    })
    this.#lifecycle = lifecycle
    this.#servers = new ToldServers({ values, application: unikernel.name, logs, lifecycle })
  }

  /** Runs it to its end. @returns the exit code */
  async result(): Promise<number> {
    let endAtOnce: (code: number) => void = () => {}
    const atOnce = new Promise<number>((resolve) => {
      endAtOnce = resolve
    })
    const stopHearing = onRunEvents(this.#options, {
      stop: (signal, exitCode) => {
        if (this.#stopping.signal.aborted) endAtOnce(exitCode)
        else this.#stop(signal)
      },
      notices: {
        SIGUSR1: () => this.#levels.toggle(),
        SIGUSR2: () => this.#saveFrames(),
        SIGTSTP: () => this.#lifecycle.suspend(),
        SIGCONT: () => this.#lifecycle.resumed(),
      },
      thrown: (error) => this.#thrown(error),
    })
    try {
      return await Promise.race([this.#lifetime(), atOnce])
    } finally {
      stopHearing()
    }
  }

  #stop(why: string): void {
    this.#logs('unikernel').info(`${why}: shutting down`)
    this.#stopping.abort(new Error(`stopped by ${why}`))
  }

  /** What is to go out over the networks before they close. */
  async #finish(devices: MadeDevices, within: number): Promise<void> {
    await Promise.all([devices.finish(within), this.#servers.finish(within)])
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
    const { createStack, sandboxInterface } = this.#options
    const [values, logs, reports] = [this.#values, this.#logs, this.#reports]
    for (const each of unusedOfProcess(values)) logs('unikernel').warn(each)
    const making = { values, logs, signal: stopping, createStack, sandboxInterface, reports }
    const devices = new MadeDevices(this.#unikernel, making)
    this.#devices = devices
    try {
      await devices.makeStacks()
      await this.#servers.start(devices.stacks)
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
      const lines = new AddressLines(values.name, devices.stacks, (line) => this.#options.stdout.write(line))
      if (this.#options.isClient === true) lines.started()
      code = await this.#application(devices, () => lines.started())
      lines.end()
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

  /**
   * The application's exit code, once it has ended or is to be stopped.
   * @param onStarted told when `start` has returned, and the application goes on
   */
  async #application(devices: MadeDevices, onStarted: () => void): Promise<number> {
    const stopping = this.#stopping.signal
    const stopped = new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve()))
    const lost = devices.stacksClosed
    lost.catch(() => {})
    const setting: UnikernelSetting = {
      arguments: ownValues(this.#unikernel, this.#values),
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
        onStarted()
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
    const text = `${what}: ${explainFailure(error, this.#values)}`
    stderr.write(`${name}: ${text}\n`)
    this.#servers.failed(text)
    const debugging = this.#logs(this.#unikernel.name).debugEnabled
    if (debugging && error instanceof Error && error.stack !== undefined) stderr.write(`${error.stack}\n`)
    return EXIT_FAILURE
  }
}

/** What the application has declared itself, of all that its command line understands. */
function ownValues({ arguments: own }: Unikernel, values: RunValues): UnikernelSetting['arguments'] {
  return Object.fromEntries(Object.keys(own).map((name) => [name, values[name]])) as UnikernelSetting['arguments']
}
