/**
 * When handles tell Node what happened: not from inside the stack, whose bursts no user callback must ever unwind, but in
 * turns of their own in the phase of the event loop in which libuv tells of sockets: what one of them has an application do
 * by `setImmediate`, and the handles that it closes, come before whatever happens next. After each handle's turn come
 * `process.nextTick` and promises, as after each of libuv's callbacks.
 */
import { performance } from 'node:perf_hooks'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { delivery } from '../netif/index.ts'
import { nodeInternals } from './internals.ts'

export interface TurnTaker {
  /** Kept by `Turns`: it waits for its turn. */
  isQueued: boolean
  /** Kept by `Turns`: the kernel is asked for it before the next pass, in which it has a turn. */
  isAsked: boolean
  /** Whether there is something to tell, which the kernel would say if it were asked. */
  readonly isReady: boolean
  /**
   * Tells one event. Whatever it throws ends the process as an uncaught exception does, or goes to whoever has asked for
   * those.
   * @returns whether it told one, and so may have another
   */
  takeTurn(): boolean
  /** Whether it has more to send than there was room for: what it sends next need not go out piece by piece. */
  readonly isBulk: boolean
}

/** What is sent during turns, see `Ethernet.hold`, and to ourselves. */
export interface HeldOutput {
  hold(): void
  release(): void
  /** Delivers what the stack has sent to itself, as the kernel does at once. @returns whether there was something */
  deliverLocal(): boolean
}

/** Milliseconds after which the rest waits for the next pass, so that timers and devices are not starved. */
const LONGEST_PASS = 4
/** The clock is looked at once in so many turns. */
const TURNS_PER_LOOK = 16
/** Events of one handle in a row, as libuv reads a stream before it looks after the next. */
const MOST_IN_A_ROW = 32
/** What is sent to ourselves is answered there and back so many times before handles hear of it: a handshake takes three. */
export const MOST_DELIVERIES = 8
/** Who needs not ask the kernel has so many turns in a row, as in libuv's loop. */
const MOST_ROUNDS = 8
/** Entries that are done with, after which the list is shortened. */
const LONGEST_HISTORY = 1024

export class Turns {
  readonly #output: HeldOutput | null
  #waiting: TurnTaker[] = []
  #next = 0
  /** Where this pass ends: who asks from now on is served in the next one. */
  #end = 0
  #scheduled = false
  /** From the beginning of a pass to the phase of the event loop after it. */
  #isPassing = false
  /** A device has delivered something: a pass comes with the ticks behind that. */
  #isTicking = false
  #unasked: TurnTaker[] = []
  #asked: TurnTaker[] = []
  /** Who was told something in the last pass: the kernel's list of who is ready begins with them. */
  #told: TurnTaker[] = []
  #isServing = false
  /** An immediate waits to be called after the pass. */
  #isFollowed = false
  #port: MessagePort | null = null
  /** Counts the passes. */
  pass = 0
  readonly #runTicks = nodeInternals().runTicks
  readonly #pass = () => this.#run()
  readonly #tick = () => {
    this.#isTicking = false
    this.#run()
  }
  readonly #afterPass = () => {
    this.#isFollowed = false
    // It was called from within the phase that it is to come in, and so comes after this one.
    if (!this.#isPassing) {
      this.#follow()
      return
    }
    this.#isPassing = false
    if (this.#scheduled) this.#call()
  }

  /** @param output what holds frames back while there is more to come; null: nothing does */
  constructor(output: HeldOutput | null = null) {
    this.#output = output
  }

  /** Gives `taker` a turn, one however often it asks before. */
  add(taker: TurnTaker): void {
    if (taker.isQueued) return
    taker.isQueued = true
    this.#waiting.push(taker)
    this.wake()
  }

  /** As `add`, but within this pass, after all that are to be served in it. Only for who has its turn. */
  addLast(taker: TurnTaker): void {
    if (taker.isQueued) return
    taker.isQueued = true
    this.#waiting.splice(this.#end, 0, taker)
    this.#end++
  }

  /** Whether an immediate of this is among those of the process. */
  get hasImmediate(): boolean {
    return this.#isFollowed
  }

  /**
   * Gives `taker` its place behind those to whom something happens before the next pass: the kernel is asked for it only then.
   * @param isReady whether there is something to tell already
   */
  addAsked(taker: TurnTaker, isReady: boolean): void {
    if (!taker.isAsked) {
      taker.isAsked = true
      this.#asked.push(taker)
    }
    if (isReady) this.wake()
  }

  /**
   * Gives `taker` a turn as libuv does to who needs not ask the kernel: behind all others of this pass, or before all others of the
   * next one.
   */
  addUnasked(taker: TurnTaker): void {
    this.#unasked.push(taker)
    if (!this.#isServing) this.wake()
  }

  /** The pass in which takers have their turns; -1 between passes, and while what has come before one is looked at. */
  get servedPass(): number {
    return this.#isServing ? this.pass : -1
  }

  /** Has a pass come, whether somebody waits for it or not. */
  wake(): void {
    if (delivery.isUnderWay) {
      // It is the phase of sockets already.
      if (this.#isTicking) return
      this.#isTicking = true
      process.nextTick(this.#tick)
      return
    }
    if (this.#scheduled) return
    this.#scheduled = true
    if (!this.#isPassing) this.#call()
  }

  /** What a message arrives in is the phase of libuv's sockets. */
  #call(): void {
    if (this.#port === null) {
      const { port1, port2 } = new MessageChannel()
      // In a tick of the message's, since an event target keeps what is thrown, and Node then finds its stack in disorder.
      port2.on('message', () => process.nextTick(this.#pass))
      port2.unref()
      this.#port = port1
    }
    this.#port.postMessage(null)
    this.#follow()
  }

  /** Holds the process until the pass, and after it lets the next one come. */
  #follow(): void {
    if (this.#isFollowed) return
    this.#isFollowed = true
    setImmediate(this.#afterPass)
  }

  #run(): void {
    this.pass++
    this.#isPassing = true
    this.#follow()
    this.#serveUnasked()
    let deliveries = 0
    while (deliveries < MOST_DELIVERIES && this.#output?.deliverLocal()) deliveries++
    this.#order()
    // What came of that is told in this pass.
    this.#scheduled = deliveries === MOST_DELIVERIES
    this.#end = this.#waiting.length
    const deadline = performance.now() + LONGEST_PASS
    let current: TurnTaker | null = null
    this.#isServing = true
    try {
      while (this.#next < this.#end) {
        current = this.#waiting[this.#next++]
        current.isQueued = false
        // Whoever is alone, or last, may do something long after it has written, and its peer shall not wait for that.
        if (this.#next < this.#end || current.isBulk) this.#output?.hold()
        else this.#output?.release()
        if (!this.#serve(current, this.#told)) this.add(current)
        current = null
        if (this.#next % TURNS_PER_LOOK === 0 && performance.now() >= deadline) {
          // Whoever has waited for longer comes first.
          this.#told = []
          break
        }
      }
      for (let round = 0; round < MOST_ROUNDS && this.#unasked.length > 0; round++) this.#serveUnasked()
    } finally {
      this.#isServing = false
      // Also when an application threw: it may handle that and go on.
      this.#output?.release()
      if (current !== null) this.add(current)
      this.#goOn()
    }
  }

  #serveUnasked(): void {
    const takers = this.#unasked
    if (takers.length === 0) return
    this.#unasked = []
    let served = 0
    try {
      while (served < takers.length) this.#serve(takers[served++], null)
    } finally {
      // An application threw.
      if (served < takers.length) this.#unasked.unshift(...takers.slice(served))
    }
  }

  /**
   * As epoll, which keeps whom it reports on its list until it finds that nothing is left to report, and lists at the end whom it
   * was not asked for before.
   */
  #order(): void {
    const told = this.#told
    const asked = this.#asked
    if (told.length > 0) this.#told = []
    if (asked.length > 0) this.#asked = []
    else if (told.length === 0 || this.#waiting.length - this.#next < 2) return
    const ordered: TurnTaker[] = []
    for (const taker of told) if (taker.isQueued) this.#move(taker, ordered)
    for (let i = this.#next; i < this.#waiting.length; i++) {
      const taker = this.#waiting[i]
      if (taker.isQueued && !taker.isAsked) this.#move(taker, ordered)
    }
    for (const taker of asked) {
      if (taker.isAsked && (taker.isQueued || taker.isReady)) this.#move(taker, ordered)
      taker.isAsked = false
    }
    for (const taker of ordered) taker.isQueued = true
    this.#waiting = ordered
    this.#next = 0
  }

  #move(taker: TurnTaker, to: TurnTaker[]): void {
    taker.isQueued = false
    taker.isAsked = false
    to.push(taker)
  }

  /**
   * @param served to which `taker` is added if it has something to tell
   * @returns whether nothing is left to tell
   */
  #serve(taker: TurnTaker, served: TurnTaker[] | null): boolean {
    const runTicks = this.#runTicks
    for (let told = 0; told < MOST_IN_A_ROW; told++) {
      if (!taker.takeTurn()) return true
      if (told === 0) served?.push(taker)
      // Without it only the end of the pass, which setImmediate makes, lets them run.
      if (runTicks === null) return false
      runTicks()
    }
    return false
  }

  #goOn(): void {
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
      if (this.#unasked.length > 0) this.wake()
      return
    }
    if (this.#next >= LONGEST_HISTORY) {
      this.#waiting = this.#waiting.slice(this.#next)
      this.#next = 0
    }
    this.wake()
  }
}
