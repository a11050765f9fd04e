/** Web Streams (WHATWG Streams Standard) over any flow, by nothing but its public methods. */
import type { Flow } from './stack.ts'

/**
 * The receiving side as a Web Stream. Nothing is read before somebody asks (high-water mark 0), so that the flow's own
 * buffer and the receive window are the only read-ahead. Cancelling discards what still arrives and leaves the sending
 * side open.
 *
 * It is a default stream and not a byte stream: a byte stream takes the ArrayBuffer of each chunk away from its owner,
 * and a flow's chunk may be a part of a larger one.
 */
export function readableOf(flow: Flow): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const data = await flow.read()
        if (data === null) controller.close()
        // A flow's chunks are the application's own, never shared memory, as CompressionStream and its like want them.
        else controller.enqueue(data as Buffer<ArrayBuffer>)
      },
      cancel() {
        return flow.shutdown('read')
      },
    },
    { highWaterMark: 0 },
  )
}

/**
 * The sending side as a Web Stream: a chunk counts as written when the flow's send buffer has taken it, closing sends
 * FIN, aborting resets the connection. The stream fails as soon as the flow does, also while nothing is being written.
 */
export function writableOf(flow: Flow): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      flow.closed.catch((error) => controller.error(error))
    },
    write(chunk) {
      return flow.write(chunk)
    },
    close() {
      return flow.shutdown('write')
    },
    abort() {
      flow.abort()
    },
  })
}
