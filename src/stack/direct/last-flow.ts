import { type Clock, Timer } from '../../clock/index.ts'
import type { Tcp } from '../../tcp/index.ts'

/** A user of a connection whom a stack that closes waits for. */
interface Finishing {
  /** It has nothing left to say; then `flowFinished` has been called. */
  readonly isDone: boolean
}

/** What a stack that closes waits for: that none of its connections has anything left to say. */
export class LastFlow {
  readonly #tcp: Tcp
  readonly #clock: Clock
  /** While somebody waits: told of each flow that needs no more time. */
  #onFlowDone: (() => void) | null = null

  constructor(tcp: Tcp, clock: Clock) {
    this.#tcp = tcp
    this.#clock = clock
  }

  /** A user of a connection has become done. */
  flowFinished(): void {
    this.#onFlowDone?.()
  }

  /** @param grace milliseconds, the longest wait */
  wait(grace: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#clock.disarm(timer)
        this.#onFlowDone = null
        resolve()
      }
      const timer = new Timer({ onTimer: done })
      const flows: Finishing[] = []
      this.#tcp.forEachConnection(({ user }) => {
        if (user !== null && 'isDone' in user) flows.push(user as typeof user & Finishing)
      })
      // A flow that is done stays so: each is waited for once, in turn, and not looked at again.
      let next = 0
      const look = () => {
        while (next < flows.length && flows[next].isDone) next++
        if (next === flows.length) done()
      }
      this.#clock.arm(timer, this.#clock.now() + grace * 1000)
      this.#onFlowDone = look
      look()
    })
  }
}
