/**
 * Being told of what happens to the process after the program was, and without a listener that the program could see: how many
 * there are is what programs decide by, `signal-exit` and all that is built on it for instance, whether somebody else
 * deals with a signal.
 */
import { EventEmitter } from 'node:events'
import { nodeInternals } from './internals.ts'

/** What is called behind the program's own listeners of `process`. */
export interface ProcessEvents {
  /** The process has nothing more to do. What is begun here keeps it. @returns whether the program has ended, and hears no more */
  idle(): boolean
  /** The process ends. */
  exit(): void
}

/** Those that end a process, and that one sends to end it in order. */
const SIGNALS: ReadonlySet<unknown> = new Set<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGHUP'])

const nothing = () => {}

/** How much is open or under way that may hold the process. Handles are among it although they are not active. */
const open = () => process.getActiveResourcesInfo().length

/** From now on, for the rest of the process. A signal that the program does not deal with ends it after `exit`. */
export function followProcess(events: ProcessEvents): void {
  // Node hears of a signal while it has a listener. That ours is taken away again nobody is told.
  let isQuiet = false
  let isEnding = false
  let hasEnded = false
  const listenTo = (signal: NodeJS.Signals) => {
    process.on(signal, nothing)
    isQuiet = true
    process.off(signal, nothing)
    isQuiet = false
  }
  const endBy = (signal: NodeJS.Signals) => {
    isEnding = true
    events.exit()
    process.on(signal, nothing)
    process.off(signal, nothing)
    process.kill(process.pid, signal)
  }
  const emit = (name: string | symbol, ...words: unknown[]): boolean => {
    if ((name === 'removeListener' && isQuiet) || (name === 'beforeExit' && hasEnded)) return true
    const before = name === 'beforeExit' ? open() : 0
    const isHeard: boolean = Reflect.apply(EventEmitter.prototype.emit, process, [name, ...words])
    if (name === 'exit') events.exit()
    else if (name === 'beforeExit') {
      // What its listeners have begun may come to a socket only now.
      if (isHeard) nodeInternals().runTicks?.()
      hasEnded = open() <= before && events.idle()
    } else if (name === 'removeListener') {
      const [signal] = words as [NodeJS.Signals]
      if (!isEnding && process.pid !== 1 && SIGNALS.has(signal) && process.listenerCount(signal) === 0) listenTo(signal)
    } else if (!isHeard && SIGNALS.has(name) && typeof words[1] === 'number') {
      endBy(name as NodeJS.Signals)
    }
    return isHeard
  }
  Object.defineProperty(process, 'emit', { value: emit, configurable: true, writable: true, enumerable: false })
  // The first process of a container is ended by signals only if it deals with them.
  if (process.pid === 1) return
  for (const signal of SIGNALS) listenTo(signal as NodeJS.Signals)
}
