import { styleText } from 'node:util'
import { type Logger, pino, stdSerializers, stdTimeFunctions } from 'pino'
import type { Log, LogFactory } from '../log/index.ts'
import type { LogLevel, LogLevels } from './log-levels.ts'

export interface LogsOptions {
  levels: LogLevels
  /** `text`: one readable line for each entry; `json`: as pino writes them. */
  format: 'text' | 'json'
  /** For text: time of day and colours, as a person at a terminal wants it; otherwise the full time and none. */
  terminal: boolean
  /** Takes whole lines. */
  write: (line: string) => void
}

type Fields = Readonly<Record<string, unknown>>

/** Makes the logs of a run, on pino; each source has the level that `--logs` gives it. */
export function createLogs(options: LogsOptions): LogFactory {
  const { levels, format, terminal, write } = options
  const root = pino(
    {
      level: 'debug',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.err },
    },
    { write: format === 'json' ? write : (line) => write(readable(line, terminal)) },
  )
  const made = new Map<string, Log>()
  return (source) => {
    let log = made.get(source)
    if (log === undefined) {
      const level = levels.of(source)
      log = new PinoLog(root.child({ source }, { level }), level)
      made.set(source, log)
    }
    return log
  }
}

class PinoLog implements Log {
  readonly debugEnabled: boolean
  readonly #logger: Logger

  constructor(logger: Logger, level: LogLevel) {
    this.debugEnabled = level === 'debug'
    this.#logger = logger
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
}

const COLOURS: Readonly<Record<string, 'red' | 'yellow' | 'gray'>> = { error: 'red', warn: 'yellow', debug: 'gray' }

/** One line of pino's JSON as a line for people: time, level, source, message, fields. */
function readable(json: string, terminal: boolean): string {
  const { time, level, source, msg, ...fields } = JSON.parse(json) as Record<string, string>
  const clock = terminal ? time.slice(11, 23) : time
  let text = `${clock} ${level.padEnd(5)} ${source}: ${msg ?? ''}`
  for (const [name, value] of Object.entries(fields)) text += ` ${name}=${fieldText(value)}`
  const colour = COLOURS[level]
  return `${terminal && colour !== undefined ? styleText(colour, text) : text}\n`
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
