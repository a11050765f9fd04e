import type { Flow } from './stack.ts'

type Result = IteratorResult<Buffer, undefined>

const toResult = (data: Buffer | null): Result =>
  data === null ? { done: true, value: undefined } : { done: false, value: data }

/**
 * `for await` over a flow. Leaving the loop early leaves the flow open, so that a protocol may read its header in a
 * loop and go on by another way; whoever wants it closed says so, or declares it with `await using`.
 */
export class FlowIterator implements AsyncIterator<Buffer, undefined> {
  readonly #flow: Flow

  constructor(flow: Flow) {
    this.#flow = flow
  }

  next(): Promise<Result> {
    return this.#flow.read().then(toResult)
  }

  return(): Promise<Result> {
    return Promise.resolve({ done: true, value: undefined })
  }
}
