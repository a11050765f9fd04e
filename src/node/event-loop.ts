/**
 * Which handles hold the process, as libuv counts them: a handle that is active and not unreferenced, and whatever has a
 * request under way.
 */

import type { OpenHandles } from '../stack/index.ts'

/** The longest that a host timer takes. */
const LONGEST_DELAY = 2 ** 31 - 1

export class EventLoopHold {
  readonly #handles: OpenHandles
  #timer: NodeJS.Timeout | null = null

  constructor(handles: OpenHandles) {
    this.#handles = handles
  }

  /** How many hold it. */
  get holders(): number {
    return this.#handles.count
  }

  /** One more holds the process. */
  add(): void {
    this.#handles.opened()
    if (this.#handles.count > 1) return
    if (this.#timer === null) this.#timer = setInterval(() => {}, LONGEST_DELAY)
    else this.#timer.ref()
  }

  /** One fewer does. */
  remove(): void {
    if (this.#handles.count === 1) this.#timer?.unref()
    this.#handles.closed()
  }
}
