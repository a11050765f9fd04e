import { constants } from 'node:os'
import { type Notice, type RunOptions, SIGNALS, type Signal, UNCAUGHT } from './run-options.ts'

/** As a shell shows a process that a signal ended: 128 and the signal's number. */
const EXIT_SIGNAL = 128

export interface RunEvents {
  /** SIGINT or SIGTERM. @param exitCode for whoever ends at once */
  stop(signal: Signal, exitCode: number): void
  notices: Readonly<Record<Notice, () => void>>
  /** An error that nobody caught. */
  thrown(error: unknown): void
}

/** Hears signals and errors that nobody caught. @returns what ends that */
export function onRunEvents({ signals = process, uncaught = process }: RunOptions, events: RunEvents): () => void {
  const handlers = SIGNALS.map(
    (signal) => [signal, () => events.stop(signal, EXIT_SIGNAL + constants.signals[signal])] as const,
  )
  const heard = [...handlers, ...(Object.entries(events.notices) as [Notice, () => void][])]
  const thrown = (error: unknown) => events.thrown(error)
  for (const [signal, handler] of heard) signals.on(signal, handler)
  for (const event of UNCAUGHT) uncaught.on(event, thrown)
  return () => {
    for (const event of UNCAUGHT) uncaught.off(event, thrown)
    for (const [signal, handler] of heard) signals.off(signal, handler)
  }
}
