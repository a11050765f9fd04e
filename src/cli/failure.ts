/** Exit code for a wrong command line, EX_USAGE of BSD's sysexits. */
export const EXIT_USAGE = 64

/** Ends a command: its message goes to standard error, without a stack trace, and `exitCode` to whoever started us. */
export class Failure extends Error {
  /** 1 to 255. */
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}
