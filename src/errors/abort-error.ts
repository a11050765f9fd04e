/**
 * What a call that was given an `AbortSignal` rejects with once the signal fires: named and coded as Node's own, with
 * the signal's reason as its cause.
 */
export class AbortError extends Error {
  readonly code = 'ABORT_ERR'

  constructor(cause?: unknown) {
    super('The operation was aborted', cause === undefined ? undefined : { cause })
    this.name = 'AbortError'
  }
}
