/** What a module writes its log lines to; made for one source (`tcp`, `arp`, ...) by whoever runs the stack. */
export interface Log {
  /**
   * Whether debug lines go anywhere: ask before building one on a warm path. It may change while the log is in use. Never log
   * per packet on the hot path.
   */
  readonly debugEnabled: boolean
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** The log of an application. */
export interface ApplicationLog extends Log {
  /** What the application has to say whatever goes well or wrong: only `quiet` keeps it back. */
  app(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** From the most to the least talkative; `silent` logs nothing. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'app' | 'silent'

/** Makes the log of a source; the same name gives an equivalent log. */
export type LogFactory = (source: string) => Log

const ignore = () => {}

/** A log that goes nowhere: the default of every layer. */
export const SILENT: Log = { debugEnabled: false, debug: ignore, info: ignore, warn: ignore, error: ignore }
/** Logs that go nowhere, for every source. */
export const silentLogs: LogFactory = () => SILENT
