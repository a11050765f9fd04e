/** Writes of a TCP handle: those that wait for room in the send buffer, and those that Node gives in several pieces. */
import { AsyncResource } from 'node:async_hooks'
import type { JsStream, NodeRequest } from './internals.ts'

interface WaitingWrite {
  readonly request: NodeRequest
  /** The asynchronous context of a write that C++ knows nothing of; null for those that it tells of their end. */
  readonly context: AsyncResource | null
}

export class WaitingWrites {
  readonly #handle: JsStream
  #waiting: WaitingWrite[] = []

  constructor(handle: JsStream) {
    this.#handle = handle
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  get requests(): NodeRequest[] {
    return this.#waiting.map(({ request }) => request)
  }

  /** @param isOfNode whether the request has been through C++ */
  add(request: NodeRequest, isOfNode: boolean): void {
    this.#waiting.push({ request, context: isOfNode ? null : new AsyncResource('WRITEWRAP') })
  }

  shift(): WaitingWrite | undefined {
    return this.#waiting.shift()
  }

  /** Tells Node what became of one: 0, or the number of an error. */
  finish({ request, context }: WaitingWrite, status: number): void {
    if (context === null) this.#handle.finishWrite(request, status)
    else context.runInAsyncScope(request.oncomplete, request, status, this.#handle, undefined)
  }

  finishAll(status: number): void {
    for (const write of this.#waiting.splice(0)) this.finish(write, status)
  }
}

/** The chunks of a `writev`: buffers, or strings and buffers each followed by its encoding. */
export function joined(chunks: unknown[], allBuffers: boolean): Buffer {
  if (allBuffers) return Buffer.concat(chunks as Buffer[])
  const parts: Uint8Array[] = []
  for (let i = 0; i < chunks.length; i += 2) {
    const chunk = chunks[i] as string | Buffer
    parts.push(typeof chunk === 'string' ? Buffer.from(chunk, chunks[i + 1] as BufferEncoding) : chunk)
  }
  return Buffer.concat(parts)
}
