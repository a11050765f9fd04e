import type { ApplicationLog } from '../log/index.ts'
import { LogLevels, logsComplaint } from './log-levels.ts'
import type { Logs } from './logs.ts'

/** What is logged, as an application can ask and change it. */
export interface LogControl {
  /** `*:info,tcp:debug`: what `--logs` said, with what was set since. */
  readonly levels: string
  /**
   * Changes levels from now on; sources that are not named stay as they are, `*` stands for those that have no level of their own.
   * @param levels as for `--logs`: `tcp:debug`, `*:warning,echo:debug`
   * @throws RangeError saying what is expected
   */
  set(levels: string): void
  /** Back to what `--logs` says. */
  reset(): void
}

/** What the runner has of it. */
export class RunLogControl implements LogControl {
  readonly #logs: Logs
  readonly #application: string
  readonly #log: ApplicationLog
  readonly #given: LogLevels
  /** What counts when not everything is logged. */
  #usual: LogLevels
  #isEverything = false

  constructor(logs: Logs, application: string) {
    this.#logs = logs
    this.#application = application
    this.#log = logs('unikernel')
    this.#given = this.#usual = logs.levels
  }

  get levels(): string {
    return this.#usual.toString()
  }

  set(levels: string): void {
    const parsed = LogLevels.parse(levels, this.#application)
    if (parsed === undefined) {
      throw new RangeError(`levels are ${logsComplaint(this.#application, levels)}`)
    }
    this.#use(parsed.over(this.#usual))
  }

  reset(): void {
    this.#use(this.#given)
  }

  /** Everything is logged, or again what is logged usually. */
  toggle(): void {
    this.#isEverything = !this.#isEverything
    this.#use(this.#usual)
    const usual = this.#usual === this.#given ? 'those of --logs' : 'those that the application has set,'
    this.#log.app(this.#isEverything ? 'everything is logged' : `the levels are ${usual} again`)
  }

  #use(levels: LogLevels): void {
    this.#usual = levels
    this.#logs.setLevels(this.#isEverything ? LogLevels.parse('debug', this.#application)! : levels)
  }
}
