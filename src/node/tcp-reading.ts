/** A TCP endpoint as Node reads from it: data in slices, the end of the stream, and what broke it off, in libuv's order. */
import type { Connection } from '../tcp/index.ts'
import { nodeError } from './error-numbers.ts'
import { nodeInternals } from './internals.ts'
import { WritingTcpEndpoint } from './tcp-writing.ts'
import { deliver } from './ticks-within.ts'

/** The most that one delivery hands over, as libuv reads. */
const LARGEST_SLICE = 65_536
/** Less than this is put together with what waits behind it. */
const SMALL_SLICE = 16_384

/**
 * libuv reads until the kernel has nothing more, and finds the end of the stream when it looks again: in the next pass. When
 * our side had ended as well before this one it sees that at once, before 1.52; and takes a reset for the end if it has just
 * read all data.
 */
const HANG_UP_ENDS_READING = Number(process.versions.uv.split('.')[1]) < 52

export abstract class ReadingTcpEndpoint extends WritingTcpEndpoint {
  #slice = LARGEST_SLICE
  /** In which pass data was told last, and whether that was less than there was room for. */
  #dataPass = 0
  #wasPartial = false
  /** In which pass reading began, and ceased last: libuv asks the kernel for what it reads before each pass. */
  #startPass = -1
  #stopPass = -1

  // --- what Node and C++ call ----------------------------------------------------------------------------------

  readStart(): number {
    if (this.wantsData) return 0
    this.wantsData = true
    const { pass } = this.host.turns
    const isAsked = this.#stopPass !== pass
    if (isAsked) this.#startPass = pass
    this.updateHold()
    if (isAsked) this.host.turns.addAsked(this, this.isReady && !this.host.hasEnded)
    else if (this.isReady) this.queueTurn()
    return 0
  }

  get isReady(): boolean {
    const { connection } = this
    return connection !== null && (connection.receiveQueue.length > 0 || connection.finReceived || this.isGone)
  }

  readStop(): number {
    if (this.wantsData) this.#stopPass = this.host.turns.pass
    this.wantsData = false
    this.updateHold()
    return 0
  }

  /** Node has a buffer of so many bytes for what comes: JSStream would go on filling it after a handler has asked for a pause. */
  limitSlice(length: number): void {
    this.#slice = Math.min(length, LARGEST_SLICE)
  }

  // --- what the connection tells, from inside a burst ------------------------------------------------------------

  onReadable(): void {
    if (this.wantsData) this.queueTurn()
  }

  // --- turns: what Node is told ----------------------------------------------------------------------------------

  protected nextRead(): boolean {
    const { connection } = this
    if (!this.wantsData || connection === null) return false
    if (this.#startPass === this.host.turns.pass) {
      if (this.isReady) this.queueTurn()
      return false
    }
    // What has been sent in this pass, before this turn, is there.
    if (connection.path.isLocal) this.host.settleLocal()
    const data = this.#take(connection)
    if (data !== null) {
      this.#dataPass = this.host.turns.pass
      this.#wasPartial = data.length < this.#slice
      deliver(this.handle, data)
      return true
    }
    if (connection.finReceived) return this.#nextEnd()
    if (this.failure === null || this.failureTold || this.endTold) return false
    const { pass } = this.host.turns
    if (HANG_UP_ENDS_READING && this.#wasPartial && this.#dataPass === pass) {
      if (this.gonePass === pass) {
        this.queueTurn()
        return false
      }
      this.#tellEnd()
      return true
    }
    this.failureTold = true
    this.updateHold()
    // A JSStream has no way to fail; Node's own handler does nothing else.
    const plain = this.handle[nodeInternals().ownerSymbol] as { destroy(error?: Error): void } | undefined
    const owner = this.secured ?? plain
    // A stack that is closed takes its sockets along, as the end of a process does.
    const words = this.failure === 'ECONNABORTED' ? [] : [nodeError(this.failure, 'read')]
    if (owner !== undefined) this.inScope(owner.destroy, owner, ...words)
    return true
  }

  #nextEnd(): boolean {
    if (this.endTold) return false
    const { pass } = this.host.turns
    const isShut = this.shutdownPass >= 0 && this.shutdownPass < pass
    const isHungUp = HANG_UP_ENDS_READING && (isShut || (this.isGone && this.#wasPartial && this.gonePass !== pass))
    if (this.#dataPass === pass && !isHungUp) {
      this.queueTurn()
      return false
    }
    this.#tellEnd()
    return true
  }

  #tellEnd(): void {
    this.endTold = true
    this.updateHold()
    this.handle.emitEOF()
  }

  #take(connection: Connection): Buffer | null {
    const first = connection.read(this.#slice)
    if (first === null || first.length >= SMALL_SLICE || connection.receiveQueue.length === 0) return first
    const parts = [first]
    let total = first.length
    while (total < this.#slice) {
      const part = connection.read(this.#slice - total)
      if (part === null) break
      parts.push(part)
      total += part.length
    }
    return Buffer.concat(parts, total)
  }
}
