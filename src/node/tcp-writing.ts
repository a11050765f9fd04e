/** A TCP endpoint as Node writes to it and ends it, through C++ (JSStream) or past it, where a write is complete at once. */

import type { Duplex } from 'node:stream'
import { freeBuffer } from '../netif/index.ts'
import { LARGE } from '../packet/index.ts'
import type { Connection } from '../tcp/index.ts'
import { errorNumber } from './error-numbers.ts'
import type { JsStream, NodeRequest } from './internals.ts'
import { TcpEndpointBase } from './tcp-endpoint-base.ts'
import { canWriteAtOnce, newWriteRequest, noteWrite } from './write-result.ts'

/** Bytes from which on a write is copied into packets at once: what one TLS record carries. */
const BULK = 16_384

/** Bytes that one handle takes in a pass of turns before it waits for the next. */
const MOST_IN_A_PASS = 1_048_576

export abstract class WritingTcpEndpoint extends TcpEndpointBase {
  /** The TLS socket that reads and writes through this handle, set by whoever makes it. */
  secured: Duplex | null = null
  /** Bytes written past C++, counted from there on. */
  #written = LARGE
  /** Bytes written through C++ in this pass of turns. */
  #writtenInPass = 0
  #pass = 0
  /** The end of our side had its turn, and waits for no more than what is written before it. */
  #isEndDue = false

  /** Bytes of writes that wait for room. */
  get writeQueueSize(): number {
    if (this.writes.isEmpty || this.connection === null) return 0
    const { sendBuffer, sendBufferLimit } = this.connection
    return Math.max(sendBuffer.length - sendBufferLimit, 1)
  }

  /** Bytes that Node has written past C++, sent or not. */
  get bytesWritten(): number {
    return this.#written - LARGE
  }

  // --- what Node and C++ call ----------------------------------------------------------------------------------

  /** From C++: what TLS sends, and all writes where `noteWrite` does not reach Node. The chunks are ours. */
  writeThroughStream(request: NodeRequest, chunks: Uint8Array[]): number {
    const refusal = this.#writeRefusal()
    if (refusal !== 0) return refusal
    const connection = this.connection!
    let total = 0
    for (let i = 0; i < chunks.length; i++) total += chunks[i].length
    const isCopied = total >= BULK && !connection.gathers
    for (let i = 0; i < chunks.length; i++) {
      const chunk = chunks[i]
      const taken = isCopied ? connection.enqueueCopy(chunk) : 0
      // Made for us by C++, which needs the next one soon: in the same memory it finds it in the processor's cache.
      if (taken === chunk.length) freeBuffer(chunk)
      else connection.enqueue(taken === 0 ? chunk : chunk.subarray(taken), total >= BULK)
    }
    if (!this.#push(connection)) this.#waitForRoom(connection, request, true)
    else if (this.#hasWrittenEnough(total)) this.#waitForPass(request)
    // HTTP/2 sends nothing more, not even the GOAWAY of a session that is destroyed, before it hears of the last write. TLS
    // cannot hear of it from within, and Node's own requests are never told before `write` has returned.
    else if (canWriteAtOnce && this.secured === null) this.handle.finishWrite(request, 0)
    else process.nextTick(finishWrite, this.handle, request)
    return 0
  }

  /**
   * @param given null from Node 26 on, which wants a request only for what has to wait, and then ours
   * @param data what is not the application's is kept until it is acknowledged
   */
  write(given: NodeRequest | null, data: Uint8Array, isOfApplication: boolean): number | NodeRequest {
    const refusal = this.#writeRefusal()
    if (refusal !== 0) {
      noteWrite(0, true)
      return refusal
    }
    const connection = this.connection!
    const { length } = data
    this.#written += length
    // Whose write is complete may use its buffer again.
    if (length < BULK) connection.enqueue(isOfApplication ? copyOf(data) : data)
    else if (isOfApplication || !connection.gathers) connection.enqueueCopyOf(data)
    else connection.enqueue(data, true)
    const isDone = this.#push(connection)
    noteWrite(length, isDone)
    if (isDone) return 0
    const request = given ?? newWriteRequest()
    this.#waitForRoom(connection, request, false)
    return given === null ? request : 0
  }

  #writeRefusal(): number {
    if (this.isClosed || this.connection === null) return errorNumber('EBADF')
    // What the last write was answered by a socket of this host that is closed, the kernel knows at once.
    if (this.connection.path.isLocal) this.host.settleLocal()
    if (this.failure !== null && !this.failureTold) {
      // As a socket's pending error, which the first call of any kind learns.
      this.failureTold = true
      return errorNumber(this.failure)
    }
    return this.connection.canWrite ? 0 : errorNumber('EPIPE')
  }

  /** @returns whether there is room for more */
  #push(connection: Connection): boolean {
    connection.push()
    return this.isGone || connection.hasRoom
  }

  /**
   * Whether others, and what has arrived, should have their turn first. It also keeps what is on its way, and with it the memory
   * that is touched, no larger than it need be.
   */
  #hasWrittenEnough(length: number): boolean {
    const { pass } = this.host.turns
    if (pass !== this.#pass) {
      this.#pass = pass
      this.#writtenInPass = 0
    }
    this.#writtenInPass += length
    return this.#writtenInPass >= MOST_IN_A_PASS
  }

  #waitForPass(request: NodeRequest): void {
    this.writes.add(request, true)
    this.updateHold()
    this.queueTurn()
  }

  #waitForRoom(connection: Connection, request: NodeRequest, isOfNode: boolean): void {
    connection.wantsWritable = true
    this.writes.add(request, isOfNode)
    this.updateHold()
  }

  shutdown(request: NodeRequest): number {
    if (this.connection === null) return errorNumber('ENOTCONN')
    this.shutdownRequest = request
    this.#isEndDue = false
    this.shutdownPass = this.host.turns.pass
    this.updateHold()
    // libuv does it after all that has happened in the pass, or in the next one: who destroys his socket before is not ended first.
    const { turns, hasEnded } = this.host
    if (hasEnded) this.connection.shutdownWrite()
    else
      turns.addUnasked({
        isQueued: false,
        isAsked: false,
        isReady: true,
        isBulk: false,
        takeTurn: () => this.#endTurn(),
      })
    return 0
  }

  #endTurn(): boolean {
    this.#isEndDue = true
    if (this.isClosed) return false
    if (!this.isGone) this.connection!.shutdownWrite()
    return !this.host.hasEnded && this.nextShutdown()
  }

  // --- what the connection tells, from inside a burst ------------------------------------------------------------

  onWritable(): void {
    this.queueTurn()
  }

  // --- turns: what Node is told ----------------------------------------------------------------------------------

  protected nextWrite(): boolean {
    const { connection, writes } = this
    if (writes.isEmpty || connection === null) return false
    if (!this.isGone && !connection.hasRoom) {
      connection.wantsWritable = true
      return false
    }
    if (!this.isGone && this.#writtenInPass >= MOST_IN_A_PASS && this.host.turns.pass === this.#pass) {
      this.queueTurn()
      return false
    }
    const write = writes.shift()!
    this.updateHold()
    const status = this.failure === null ? 0 : errorNumber(this.failure)
    this.toldRequest = write.request
    try {
      writes.finish(write, status)
    } finally {
      this.toldRequest = null
    }
    return true
  }

  protected nextShutdown(): boolean {
    if (this.shutdownRequest === null || !this.#isEndDue || !this.writes.isEmpty) return false
    this.#finishShutdown(this.shutdownRequest, this.failure === null ? 0 : errorNumber('ENOTCONN'))
    return true
  }

  #finishShutdown(request: NodeRequest, status: number): void {
    this.shutdownRequest = null
    this.updateHold()
    this.toldRequest = request
    try {
      this.handle.finishShutdown(request, status)
    } finally {
      this.toldRequest = null
    }
  }

  /** The handle is closed: whatever waits learns that it will not happen. */
  protected cancelWrites(status: number): void {
    this.writes.finishAll(status)
    if (this.shutdownRequest !== null) this.#finishShutdown(this.shutdownRequest, status)
  }
}

/** `Buffer.prototype.slice` would make a view. */
function copyOf(data: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(data)
}

function finishWrite(handle: JsStream, request: NodeRequest): void {
  handle.finishWrite(request, 0)
}
