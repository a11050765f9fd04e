/**
 * How a write tells Node that it is done already. Node's own handles leave that in an array that all streams share; what is
 * complete at once needs no callback later, and the stream it belongs to is empty again before `write` returns.
 */

import type { NodeRequest } from './internals.ts'

interface StreamState {
  readonly state: Int32Array | Float64Array
  readonly bytesWritten: number
  readonly wasAsync: number
  /** Where Node 26 looks after a write that it got a request for. */
  readonly error: number | null
}

/** Null where Node keeps it out of reach; writes are then complete in the next tick. */
const shared = find()

/** Whether `noteWrite` reaches Node. */
export const canWriteAtOnce = shared !== null

/** @param isDone whether nothing of the write is left to wait for */
export function noteWrite(bytes: number, isDone: boolean): void {
  if (shared === null) return
  shared.state[shared.bytesWritten] = bytes
  shared.state[shared.wasAsync] = isDone ? 0 : 1
  if (shared.error !== null) shared.state[shared.error] = 0
}

/** What Node 26 is given for a write that waits: it fills in the rest (afterWriteDispatched of its stream_base_commons). */
export function newWriteRequest(): NodeRequest {
  return new WriteWrap()
}

/** By this name a process lists it, as it does Node's own. */
class WriteWrap implements NodeRequest {
  writeStatus: unknown = null
  oncomplete(): void {}
}

function find(): StreamState | null {
  try {
    const { binding } = process as unknown as { binding(name: string): Record<string, unknown> }
    const {
      streamBaseState: state,
      kBytesWritten,
      kLastWriteWasAsync,
      kLastWriteErr,
    } = binding.call(process, 'stream_wrap')
    const isState = state instanceof Int32Array || state instanceof Float64Array
    if (!isState || typeof kBytesWritten !== 'number' || typeof kLastWriteWasAsync !== 'number') return null
    const error = typeof kLastWriteErr === 'number' ? kLastWriteErr : null
    return { state, bytesWritten: kBytesWritten, wasAsync: kLastWriteWasAsync, error }
  } catch {
    // Node has it no longer, or its permission model forbids it.
    return null
  }
}
