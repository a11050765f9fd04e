import { styleText } from 'node:util'
import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino'
import type { ApplicationLog, LogLevel } from '../log/index.ts'
import type { LogLevels } from './log-levels.ts'

export interface LogsOptions {
  levels: LogLevels
  /** `text`: one readable line for each entry; `json`: as pino writes them. */
  format: 'text' | 'json'
  /** For text: the time of day, as a person at a terminal wants it; otherwise the full time. */
  terminal: boolean
  /** For text: whether lines that matter are coloured. Default false. */
  colour?: boolean
  /** Takes whole lines. */
  write: (line: string) => void
}

type Fields = Readonly<Record<string, unknown>>

/** One entry, as those get it who pass it on to somewhere else. */
export interface LogEntry {
  readonly time: string
  readonly level: Exclude<LogLevel, 'silent'>
  readonly source: string
  readonly message: string
  readonly fields: Fields
}

/** The logs of a run, by source. */
export interface Logs {
  (source: string): ApplicationLog
  /** Changes what is logged from now on. */
  setLevels(levels: LogLevels): void
  readonly levels: LogLevels
  /** Whoever else gets every entry; what it throws ends the run. */
  onEntry(handler: (entry: LogEntry) => void): void
  /** An entry of this kind as a line for people, without the time. */
  textOf(entry: LogEntry): string
}

/** Pino's own end at `fatal`, 60. */
const CUSTOM_LEVELS = { app: 70 }

/** Makes the logs of a run, on pino; each source has the level that `--logs` gives it. */
export function createLogs(options: LogsOptions): Logs {
  const { format, terminal, colour = false, write } = options
  let { levels } = options
  const handlers: ((entry: LogEntry) => void)[] = []
  const root = pino(
    {
      level: 'debug',
      base: null,
      customLevels: CUSTOM_LEVELS,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err },
    },
    {
      write: (json) => {
        if (format === 'json' && handlers.length === 0) return write(json)
        const entry = parseEntry(json)
        write(format === 'json' ? json : `${readable(entry, terminal, colour)}\n`)
        for (const handler of handlers) handler(entry)
      },
    },
  )
  const made = new Map<string, PinoLog>()
  const logs = (source: string) => {
    let log = made.get(source)
    if (log === undefined) {
      log = new PinoLog(root.child({ source }, { level: levels.of(source) }))
      made.set(source, log)
    }
    return log
  }
  return Object.defineProperties(logs, {
    levels: { get: () => levels },
    setLevels: {
      value: (next: LogLevels) => {
        levels = next
        for (const [source, log] of made) log.setLevel(next.of(source))
      },
    },
    onEntry: { value: (handler: (entry: LogEntry) => void) => handlers.push(handler) },
    textOf: { value: textOf },
  }) as unknown as Logs
}

class PinoLog implements ApplicationLog {
  debugEnabled: boolean
  readonly #logger: Logger<'app'>

  constructor(logger: Logger<'app'>) {
    this.debugEnabled = logger.level === 'debug'
    this.#logger = logger
  }

  setLevel(level: LogLevel): void {
    this.#logger.level = level
    this.debugEnabled = level === 'debug'
  }

  debug(message: string, fields?: Fields): void {
    this.#logger.debug(fields, message)
  }

  info(message: string, fields?: Fields): void {
    this.#logger.info(fields, message)
  }

  warn(message: string, fields?: Fields): void {
    this.#logger.warn(fields, message)
  }

  error(message: string, fields?: Fields): void {
    this.#logger.error(fields, message)
  }

  app(message: string, fields?: Fields): void {
    this.#logger.app(fields, message)
  }
}

function parseEntry(json: string): LogEntry {
  const { time, level, source, msg = '', ...fields } = JSON.parse(json)
  return { time, level, source, message: msg, fields }
}

const COLOURS: Readonly<Record<string, 'red' | 'yellow' | 'gray'>> = { error: 'red', warn: 'yellow', debug: 'gray' }

/** An entry as a line for people: time, level, source, message, fields. */
function readable(entry: LogEntry, terminal: boolean, coloured: boolean): string {
  const { time, level, source } = entry
  const clock = terminal ? time.slice(11, 23) : time
  const text = `${clock} ${level.padEnd(5)} ${source}: ${textOf(entry)}`
  const colour = COLOURS[level]
  // Whether to colour has been decided: `styleText` would look at the standard output.
  return coloured && colour !== undefined ? styleText(colour, text, { validateStream: false } as object) : text
}

function textOf({ message, fields }: LogEntry): string {
  let text = message
  for (const [name, value] of Object.entries(fields)) text += ` ${name}=${fieldText(value)}`
  return text
}

function fieldText(value: unknown): string {
  if (isError(value)) return errorText(value)
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

interface SerializedError {
  message: string
  stack: string
  code?: string
}

function isError(value: unknown): value is SerializedError {
  return typeof value === 'object' && value !== null && 'stack' in value && 'message' in value
}

/** A system error says all in its message; any other is likely a mistake in a program, and then its place matters. */
function errorText({ message, stack, code }: SerializedError): string {
  const place = code === undefined ? /^\s+at (.*)$/m.exec(stack)?.[1] : undefined
  return JSON.stringify(place === undefined ? message : `${message} at ${place}`)
}
