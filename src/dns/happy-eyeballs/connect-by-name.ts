/** Happy Eyeballs in action: the state machine with a clock, a resolver and connections. */
import type { IpFamily } from '../../address/index.ts'
import { type Clock, Timer } from '../../clock/index.ts'
import { AbortError } from '../../errors/index.ts'
import { type AddressSort, type HappyAction, type HappyAddress, HappyEyeballs } from './happy-eyeballs.ts'
import type { HappyEyeballsSettings } from './settings.ts'

/** What `connectByName` takes. */
export interface ConnectByName<Connection> {
  readonly clock: Clock
  readonly settings: HappyEyeballsSettings
  /** Those that it makes sense to ask for. */
  readonly families: readonly IpFamily[]
  readonly sort: AddressSort
  /**
   * Looks up the addresses of one family; `callback` gets them, none if there are none, or why it is not known. Not from
   * inside the call. @returns cancels
   */
  resolve(family: IpFamily, callback: (outcome: readonly HappyAddress[] | Error) => void): () => void
  /** One attempt, which the signal gives up; a connection that comes all the same is for `discard`. */
  connect(address: HappyAddress, signal: AbortSignal): Promise<Connection>
  /** Closes a connection that came too late. */
  discard(connection: Connection): void
  /** For an attempt that takes longer than it may. */
  timeoutError(address: HappyAddress): Error
  /** What all of it ends with when nothing could be reached. */
  failure(errors: readonly Error[]): Error
  /** Gives up with an AbortError. */
  readonly signal?: AbortSignal | undefined
}

/** The first connection that comes about. */
export function connectByName<Connection>(task: ConnectByName<Connection>): Promise<Connection> {
  return new Promise((resolve, reject) => {
    if (task.signal?.aborted) {
      reject(new AbortError(task.signal.reason))
      return
    }
    new Run(task, resolve, reject).start()
  })
}

class Run<Connection> {
  readonly #task: ConnectByName<Connection>
  readonly #resolve: (connection: Connection) => void
  readonly #reject: (error: Error) => void
  readonly #machine: HappyEyeballs
  readonly #timer = new Timer({ onTimer: () => this.#act(this.#machine.timer(this.#task.clock.now())) })
  readonly #lookups: (() => void)[] = []
  readonly #attempts = new Map<number, AbortController>()
  readonly #connections = new Map<number, Connection>()
  readonly #aborted = () => {
    this.#act(this.#machine.abort())
    this.#finish()
    this.#reject(new AbortError(this.#task.signal?.reason))
  }

  constructor(
    task: ConnectByName<Connection>,
    resolve: (connection: Connection) => void,
    reject: (error: Error) => void,
  ) {
    this.#task = task
    this.#resolve = resolve
    this.#reject = reject
    this.#machine = new HappyEyeballs(task.settings, task.sort, (address) => task.timeoutError(address))
  }

  start(): void {
    const { clock, families, signal } = this.#task
    signal?.addEventListener('abort', this.#aborted)
    this.#act(this.#machine.start(clock.now(), families))
  }

  #act(actions: readonly HappyAction[]): void {
    for (const action of actions) this.#do(action)
    const { clock } = this.#task
    const next = this.#machine.nextTimer
    if (next === Number.POSITIVE_INFINITY) clock.disarm(this.#timer)
    else clock.arm(this.#timer, next)
  }

  #do(action: HappyAction): void {
    switch (action.type) {
      case 'resolve':
        this.#lookUp(action.family)
        break
      case 'stopResolving':
        this.#stopResolving()
        break
      case 'connect':
        this.#connect(action.attempt, action.address)
        break
      case 'cancel':
        this.#attempts.get(action.attempt)?.abort()
        this.#attempts.delete(action.attempt)
        break
      case 'connected':
        this.#finish()
        this.#resolve(this.#connections.get(action.attempt)!)
        break
      case 'failed':
        this.#finish()
        this.#reject(this.#task.failure(action.errors))
    }
  }

  #finish(): void {
    this.#task.signal?.removeEventListener('abort', this.#aborted)
    this.#stopResolving()
  }

  #stopResolving(): void {
    for (const cancel of this.#lookups) cancel()
    this.#lookups.length = 0
  }

  #lookUp(family: IpFamily): void {
    const { clock } = this.#task
    const cancel = this.#task.resolve(family, (outcome) => {
      const now = clock.now()
      if (outcome instanceof Error) this.#act(this.#machine.resolveFailed(now, family, outcome))
      else this.#act(this.#machine.resolved(now, family, outcome))
    })
    this.#lookups.push(cancel)
  }

  #connect(attempt: number, address: HappyAddress): void {
    const controller = new AbortController()
    const { clock } = this.#task
    this.#attempts.set(attempt, controller)
    this.#task.connect(address, controller.signal).then(
      (connection) => {
        if (!this.#attempts.delete(attempt)) {
          this.#task.discard(connection)
          return
        }
        this.#connections.set(attempt, connection)
        this.#act(this.#machine.attemptSucceeded(attempt))
      },
      (error: Error) => {
        if (this.#attempts.delete(attempt)) this.#act(this.#machine.attemptFailed(clock.now(), attempt, error))
      },
    )
  }
}
