/** From the most to the least talkative; `silent` logs nothing. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What writes log lines beside the application, whose source is its name: the folders of the stack. */
export const LOG_SOURCES = [
  'unikernel',
  'stack',
  'tcp',
  'udp',
  'icmp',
  'ip',
  'ipv4',
  'ipv6',
  'arp',
  'ethernet',
  'netif',
  'tap',
  'capture',
  'dns',
  'dhcp',
  'node',
  'inspect',
] as const

/** What `--logs` expects, as a phrase. */
export function logsExpected(application: string): string {
  const sources = ['*', application, ...LOG_SOURCES].join(', ')
  return `SOURCE:LEVEL[,SOURCE:LEVEL...] with a level of ${LOG_LEVELS.join(', ')} and a source of ${sources}`
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
    const levels = new Map<string, LogLevel>([['*', 'info']])
    for (const part of text.split(',')) {
      const [source, level, ...rest] = part.includes(':') ? part.split(':') : ['*', part]
      if (rest.length > 0 || !isLevel(level)) return undefined
      const known = source === '*' || source === application || (LOG_SOURCES as readonly string[]).includes(source)
      if (!known) return undefined
      levels.set(source, level)
    }
    return new LogLevels(levels)
  }

  of(source: string): LogLevel {
    return this.#levels.get(source) ?? this.#levels.get('*') ?? 'info'
  }
}

function isLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
