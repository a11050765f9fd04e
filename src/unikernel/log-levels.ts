import { guessOf } from '../errors/index.ts'
import type { LogLevel } from '../log/index.ts'

/**
 * Levels as they are written, from the most to the least talkative, with MirageOS's names and in brackets those that others
 * use: debug, info, warning (warn), error, app, quiet (silent).
 */
const WRITTEN: Readonly<Record<string, LogLevel>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  warn: 'warn',
  error: 'error',
  app: 'app',
  quiet: 'silent',
  silent: 'silent',
}

/** As people are to write them. */
export const LOG_LEVEL_NAMES = ['quiet', 'app', 'error', 'warning', 'info', 'debug'] as const

/** What writes log lines beside the application, whose source is its name: the parts of the stack. */
export const LOG_SOURCES = [
  'unikernel',
  'stack',
  'tcp',
  'udp',
  'icmp',
  'ipv4',
  'ipv4-fragments',
  'igmp',
  'ipv6',
  'ndp',
  'arp',
  'ethernet',
  'netif',
  'capture',
  'dns',
  'dhcp',
] as const

/** Whether a source of the log is one of the layers, and neither the application nor the runner. */
export function isPartOfStack(source: string): boolean {
  return source !== 'unikernel' && (LOG_SOURCES as readonly string[]).includes(source)
}

/**
 * What `--logs` expects, as a phrase.
 * @param application the unikernel's name, which is a source as well
 * @param text what is to be replaced by it: then it says more of what is wrong there
 */
export function logsExpected(application: string, text = ''): string {
  return whatIsWrong(application, text).expected
}

/** What is wrong with a text: "this, not that", with a guess. */
export function logsComplaint(application: string, text: string): string {
  const { expected, guess } = whatIsWrong(application, text)
  return `${expected}, not ${JSON.stringify(text)}${guess}`
}

function whatIsWrong(application: string, text: string): { expected: string; guess: string } {
  const sources = ['*', application, ...LOG_SOURCES]
  for (const part of text === '' ? [] : text.split(',')) {
    const [source, level, ...rest] = part.includes(':') ? part.split(':') : ['*', part]
    if (rest.length > 0) break
    if (!Object.hasOwn(WRITTEN, level)) {
      if (sources.includes(level)) return { expected: `a level, such as ${level}:debug`, guess: '' }
      const [, before, after = ''] = /^([^=]+)=([^=]+)$/.exec(level) ?? []
      const isPair = before !== undefined && sources.includes(before) && Object.hasOwn(WRITTEN, after)
      const guess = isPair ? `; did you mean ${before}:${after}?` : guessOf(level, LOG_LEVEL_NAMES)
      return { expected: `a level of ${LOG_LEVEL_NAMES.join(', ')}`, guess }
    }
    if (!sources.includes(source)) {
      return { expected: `a source of ${sources.join(', ')}`, guess: guessOf(source, sources.slice(1)) }
    }
  }
  return { expected: 'SOURCE:LEVEL,... or one level for all, such as *:info,tcp:debug', guess: '' }
}

/** Levels by source, as `--logs` gives them. */
export class LogLevels {
  readonly #levels: ReadonlyMap<string, LogLevel>

  private constructor(levels: ReadonlyMap<string, LogLevel>) {
    this.#levels = levels
  }

  /**
   * @param text `*:info,tcp:debug`; a level alone, as in `debug`, is for every source. The last one for a source counts.
   * @param application the name of the unikernel, which is a source as well
   * @returns undefined if a source or level does not exist
   */
  static parse(text: string, application: string): LogLevels | undefined {
    const levels = new Map<string, LogLevel>()
    for (const part of text.split(',')) {
      const [source, level, ...rest] = part.includes(':') ? part.split(':') : ['*', part]
      const meaning = Object.hasOwn(WRITTEN, level) ? WRITTEN[level] : undefined
      if (rest.length > 0 || meaning === undefined) return undefined
      const known = source === '*' || source === application || (LOG_SOURCES as readonly string[]).includes(source)
      if (!known) return undefined
      levels.set(source, meaning)
    }
    return new LogLevels(levels)
  }

  /** These, and where they say nothing, those of `earlier`. */
  over(earlier: LogLevels): LogLevels {
    return new LogLevels(new Map([...earlier.#levels, ...this.#levels]))
  }

  /** As they may be written. */
  toString(): string {
    return [...this.#levels]
      .map(([source, level]) => `${source}:${level === 'warn' ? 'warning' : level === 'silent' ? 'quiet' : level}`)
      .join(',')
  }

  of(source: string): LogLevel {
    return this.#levels.get(source) ?? this.#levels.get('*') ?? 'info'
  }
}
