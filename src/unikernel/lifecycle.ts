import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Log } from '../log/index.ts'
import { watchIterations } from '../netif/index.ts'
import type { Stack } from '../stack/index.ts'
import { DirectStack } from '../stack/index.ts'

/** Bytes, and of packet memory slots. */
export interface MemoryStatistics {
  /** Of the process, as the operating system counts it. */
  readonly residentSet: number
  readonly heapUsed: number
  readonly heapTotal: number
  /** Outside of V8's heap, packet memory among it. */
  readonly external: number
  /** Of each direct stack, in the order of their declaration. */
  readonly packets: readonly {
    readonly inUse: number
    readonly slots: number
    /** Allocations that found no free slot. */
    readonly exhausted: number
  }[]
}

/** Takes the handler away again. */
export type Removal = () => void

/** The life of the process, as an application can follow and direct it. */
export interface Lifecycle {
  /** Before each wait of the event loop for something to happen, after MirageOS's `at_enter_iter`. */
  onEnterIteration(handler: () => void): Removal
  /** After each wait, before what has happened of timers is run; after MirageOS's `at_leave_iter`. */
  onExitIteration(handler: () => void): Removal
  /** Once, when the stacks have closed, however it ends; the last one that was registered first. What it returns is awaited. */
  onExit(handler: () => unknown): Removal
  /** Before the process stops on SIGTSTP or `suspend`, and after it goes on (SIGCONT). */
  onSuspend(handler: () => void): Removal
  onResume(handler: () => void): Removal
  /** Ends the run as SIGTERM does, with this exit code; 0 to 255, default 0. @throws RangeError */
  shutdown(exitCode?: number): void
  /** Stops the process until somebody sends it SIGCONT. */
  suspend(): void
  memory(): MemoryStatistics
  /** Gives back what it can: collects garbage now. Takes some milliseconds in which nothing else happens. */
  trim(): void
}

type Handlers = Set<() => void>

/** What the runner has of it. */
export class RunLifecycle implements Lifecycle {
  readonly #log: Log
  readonly #onShutdown: (exitCode: number) => void
  readonly #stop: () => void
  readonly #stacks: () => readonly Stack[]
  readonly #enter: Handlers = new Set()
  readonly #leave: Handlers = new Set()
  readonly #suspend: Handlers = new Set()
  readonly #resume: Handlers = new Set()
  readonly #exit = new Set<() => unknown>()
  #isWatching = false
  #isSuspended = false

  /** @param options `stop` stops the process, `shutdown` begins the end, `stacks` are those that are open */
  constructor(
    log: Log,
    options: { shutdown: (exitCode: number) => void; stop: () => void; stacks: () => readonly Stack[] },
  ) {
    this.#log = log
    this.#onShutdown = options.shutdown
    this.#stop = options.stop
    this.#stacks = options.stacks
  }

  onEnterIteration(handler: () => void): Removal {
    this.#watch()
    return added(this.#enter, handler)
  }

  onExitIteration(handler: () => void): Removal {
    this.#watch()
    return added(this.#leave, handler)
  }

  onExit(handler: () => unknown): Removal {
    return added(this.#exit, handler)
  }

  onSuspend(handler: () => void): Removal {
    return added(this.#suspend, handler)
  }

  onResume(handler: () => void): Removal {
    return added(this.#resume, handler)
  }

  shutdown(exitCode = 0): void {
    if (!Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255) {
      throw new RangeError(`an exit code is 0 to 255, not ${exitCode}`)
    }
    this.#onShutdown(exitCode)
  }

  suspend(): void {
    this.#isSuspended = true
    this.#log.info('suspended')
    run(this.#suspend)
    this.#stop()
  }

  /** The process goes on. */
  resumed(): void {
    if (!this.#isSuspended) return
    this.#isSuspended = false
    this.#log.info('resumed')
    run(this.#resume)
  }

  /** @throws the first of their errors, when all have run */
  async exit(): Promise<void> {
    const errors: unknown[] = []
    for (const handler of [...this.#exit].reverse()) {
      try {
        await handler()
      } catch (error) {
        errors.push(error)
      }
    }
    this.#exit.clear()
    this.#enter.clear()
    this.#leave.clear()
    if (errors.length > 0) throw errors[0]
  }

  memory(): MemoryStatistics {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
    const packets = this.#stacks()
      .filter((stack) => stack instanceof DirectStack)
      .map(({ netif: { memory } }) => ({
        inUse: memory.inUse,
        slots: memory.smallSlots + memory.largeSlots,
        exhausted: memory.counters.smallExhausted + memory.counters.largeExhausted,
      }))
    return { residentSet: rss, heapUsed, heapTotal, external, packets }
  }

  trim(): void {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    setFlagsFromString('--no-expose-gc')
    collect()
  }

  /** Costs something in each turn, so it begins with the first who wants it. */
  #watch(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    watchIterations(
      () => run(this.#enter),
      () => run(this.#leave),
    )
  }
}

function added<T>(handlers: Set<T>, handler: T): Removal {
  handlers.add(handler)
  return () => handlers.delete(handler)
}

function run(handlers: Handlers): void {
  for (const handler of handlers) handler()
}
