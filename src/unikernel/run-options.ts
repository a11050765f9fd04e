import type { CreateStackOptions, Stack } from '../stack/index.ts'

export type Signal = 'SIGINT' | 'SIGTERM'
export const SIGNALS: readonly Signal[] = ['SIGINT', 'SIGTERM']
/** Others that a run understands: they do not end it. */
export type Notice = 'SIGUSR1' | 'SIGUSR2' | 'SIGTSTP' | 'SIGCONT'

/** What Node tells of errors that nobody caught: in a timer, in a promise that nobody waits for. */
export type Uncaught = 'uncaughtException' | 'unhandledRejection'
export const UNCAUGHT: readonly Uncaught[] = ['uncaughtException', 'unhandledRejection']

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
  /** It asks others and serves nobody: its addresses are shown at once. Default false. */
  isClient?: boolean
  createStack?: (options: CreateStackOptions) => Promise<Stack>
  /** The tap device of the sandbox that this runs in; default what the environment says, null for none. */
  sandboxInterface?: string | null
}

/** With what every run has. */
export type FullRunOptions = Omit<RunOptions, 'sandboxInterface'> &
  Required<Pick<RunOptions, 'stdout' | 'stderr'>> & {
    /** The sandbox's tap device; undefined outside of one. */
    sandboxInterface: string | undefined
  }
