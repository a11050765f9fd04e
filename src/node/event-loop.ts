/**
 * Which handles hold the process, as libuv counts them: a handle that is active and not unreferenced, and whatever has a
 * request under way.
 */

/** The longest that a host timer takes. */
const LONGEST_DELAY = 2 ** 31 - 1

export class EventLoopHold {
  #holders = 0
  #timer: NodeJS.Timeout | null = null

  /** How many hold it. */
  get holders(): number {
    return this.#holders
  }

  /** One more holds the process. */
  add(): void {
    this.#holders++
    if (this.#holders > 1) return
    if (this.#timer === null) this.#timer = setInterval(() => {}, LONGEST_DELAY)
    else this.#timer.ref()
  }

  /** One fewer does. */
  remove(): void {
    this.#holders--
    if (this.#holders === 0) this.#timer?.unref()
  }
}
