export const DONE: Promise<void> = Promise.resolve()
export const ignore = () => {}

/**
 * A promise with the handles to settle it. Nobody is obliged to look at it: a failed flow is reported by every later
 * call anyway, so its rejection is never an unhandled one.
 */
export class Waiter<Value> {
  readonly promise: Promise<Value>
  resolve!: (value: Value) => void
  reject!: (error: Error) => void

  constructor() {
    this.promise = new Promise<Value>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.promise.catch(ignore)
  }
}

/** A promise of something that will come one way or the other: it is never rejected. */
export class Completion {
  readonly promise: Promise<void>
  resolve!: () => void

  constructor() {
    this.promise = new Promise<void>((resolve) => {
      this.resolve = resolve
    })
  }
}

/** A promise that is rejected already, and never unhandled. */
export function refused<Value>(error: Error): Promise<Value> {
  const promise = Promise.reject<Value>(error)
  promise.catch(ignore)
  return promise
}
