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
    // Flows as Node streams count as well, and know nothing of this folder.
    handles.holdLoop = (holds) => this.#hold(holds)
    if (handles.count > 0) this.#hold(true)
  }

  #hold(holds: boolean): void {
    if (!holds) this.#timer?.unref()
    else if (this.#timer === null) this.#timer = setInterval(() => {}, LONGEST_DELAY)
    else this.#timer.ref()
  }

  /** Whether a timer of this is among those of the process. */
  get hasTimer(): boolean {
    return this.#timer?.hasRef() === true
  }

  /** How many hold it. */
  get holders(): number {
    return this.#handles.count
  }

  /** One more holds the process. */
  add(): void {
    this.#handles.opened()
  }

  /** One fewer does. */
  remove(): void {
    this.#handles.closed()
  }
}
