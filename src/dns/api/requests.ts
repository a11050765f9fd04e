/** What a question is to a process while it is under way. */
import { AsyncResource } from 'node:async_hooks'

/** A question under way, for whoever asked in the style of callbacks: it keeps the asynchronous context. */
export class QueryRequest extends AsyncResource {
  readonly hostname: string

  constructor(type: string, hostname: string) {
    super(type)
    this.hostname = hostname
  }

  /** What the callback throws is nobody's but the application's: it is thrown from the event loop. */
  complete(callback: (...results: never[]) => unknown, results: readonly unknown[], after?: () => void): void {
    queueMicrotask(() => {
      this.runInAsyncScope(callback as (...results: unknown[]) => unknown, this, ...results)
      after?.()
    })
  }
}

/** One of `lookup` or `lookupService`, which a process lists while it waits, by the name of its class in Node. */
class NameRequest extends QueryRequest {
  readonly #underWay: Set<object> | undefined

  constructor(type: string, hostname: string, underWay: Set<object> | undefined) {
    super(type, hostname)
    this.#underWay = underWay
    underWay?.add(this)
  }

  override complete(callback: (...results: never[]) => unknown, results: readonly unknown[], after?: () => void): void {
    super.complete(callback, results, after)
    queueMicrotask(() => this.end())
  }

  end(): void {
    this.#underWay?.delete(this)
  }
}

export class GetAddrInfoReqWrap extends NameRequest {
  constructor(hostname: string, underWay: Set<object> | undefined) {
    super('GETADDRINFOREQWRAP', hostname, underWay)
  }
}

export class GetNameInfoReqWrap extends NameRequest {
  constructor(hostname: string, underWay: Set<object> | undefined) {
    super('GETNAMEINFOREQWRAP', hostname, underWay)
  }
}
