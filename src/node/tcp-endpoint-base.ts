/**
 * What every part of a TCP endpoint works on: the connection, what Node waits for, and whether that holds the process. The
 * parts are a chain of classes, one idea each.
 */
import { AsyncResource } from 'node:async_hooks'
import type { IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { Connection, TcpListener } from '../tcp/index.ts'
import type { HandleHost } from './handle-host.ts'
import type { JsStream, NodeRequest, UnopenedHandle } from './internals.ts'
import type { TurnTaker } from './turns.ts'
import { WaitingWrites } from './waiting-writes.ts'

/** Made when the library was loaded, and so in no context of the application's. */
export const NO_CONTEXT = new AsyncResource('TAPSTACK')

export abstract class TcpEndpointBase implements TurnTaker {
  /** The stack whose connection this is. */
  readonly host: HandleHost
  /** What Node sees of it. */
  readonly handle: JsStream
  /** By it a process counts this among its handles: as one of Node's own that is never opened, and is let go of with this. */
  protected readonly listed: UnopenedHandle
  protected family: IpFamily = 4
  protected connection: Connection | null = null
  protected listener: TcpListener | null = null
  /** In whose asynchronous context the application hears of it. */
  protected scope: AsyncResource | null = null

  protected connectRequest: NodeRequest | null = null
  protected shutdownRequest: NodeRequest | null = null
  /** Node hears at present what became of it, and its own are under way until it has heard. */
  protected toldRequest: NodeRequest | null = null
  /** In which pass our side was ended, or after which; -1 if it was not. */
  protected shutdownPass = -1
  /** Writes that wait for room in the send buffer. */
  protected readonly writes: WaitingWrites

  protected wantsData = false
  protected endTold = false
  /** Set once the connection is gone. */
  protected isGone = false
  /** In which pass it went, if that was after the kernel had been asked for what there is. */
  protected gonePass = -1
  protected failure: SystemErrorCode | null = null
  protected failureTold = false

  /** Node has let go of it. */
  isClosed = false
  #referenced = true
  #holds = false
  isQueued = false
  isAsked = false

  get isBulk(): boolean {
    return !this.writes.isEmpty
  }

  constructor(host: HandleHost, handle: JsStream, listed: UnopenedHandle) {
    this.host = host
    this.handle = handle
    this.listed = listed
    this.writes = new WaitingWrites(handle)
  }

  abstract takeTurn(): boolean

  abstract readonly isReady: boolean

  protected queueTurn(): void {
    if (!this.host.hasEnded) this.host.turns.add(this)
  }

  ref(): void {
    this.#referenced = true
    if (!this.isClosed) this.listed.ref()
    this.updateHold()
  }

  unref(): void {
    this.#referenced = false
    if (!this.isClosed) this.listed.unref()
    this.updateHold()
  }

  hasRef(): boolean {
    return this.#referenced && !this.isClosed
  }

  /** As libuv: an active handle holds the process unless it is unreferenced, a request under way in any case. */
  protected updateHold(): void {
    const isActive = this.listener !== null || (this.wantsData && !this.endTold && !this.failureTold)
    const hasRequest = this.connectRequest !== null || !this.writes.isEmpty || this.shutdownRequest !== null
    const holds = !this.isClosed && ((isActive && this.#referenced) || hasRequest)
    if (holds === this.#holds) return
    this.#holds = holds
    if (holds) this.host.hold.add()
    else this.host.hold.remove()
  }

  protected inScope<A extends unknown[]>(work: (...words: A) => unknown, self: unknown, ...words: A): void {
    if (this.scope === null) work.apply(self, words)
    else this.scope.runInAsyncScope(work as (...words: unknown[]) => unknown, self, ...words)
  }
}
