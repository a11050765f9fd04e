/**
 * Which port of the virtual switch a MAC address was last heard on: a set-associative table of fixed size, so that a
 * peer that invents source addresses only pushes out other entries, as in a real switch.
 */

/** 1,024 sets of 4: 4,096 addresses. */
const SETS = 1024
const WAYS = 4

/** Returned for an address that was never heard: frames to it are flooded. */
export const UNKNOWN_PORT = -1

export class MacTable {
  readonly #high = new Int32Array(SETS * WAYS)
  readonly #low = new Int32Array(SETS * WAYS)
  readonly #port = new Int32Array(SETS * WAYS).fill(UNKNOWN_PORT)
  /** Which entry of each set is replaced next. */
  readonly #oldest = new Uint8Array(SETS)

  /** Entries that made room for another while they were in use. */
  evictions = 0

  /** The number of the port that the address was heard on, or `UNKNOWN_PORT`. */
  lookup(high: number, low: number): number {
    const first = setOf(high, low)
    for (let i = first; i < first + WAYS; i++) {
      if (this.#low[i] === low && this.#high[i] === high && this.#port[i] !== UNKNOWN_PORT) return this.#port[i]
    }
    return UNKNOWN_PORT
  }

  /** Remembers that the address was heard on this port; the latest port wins. */
  learn(high: number, low: number, port: number): void {
    const first = setOf(high, low)
    let free = -1
    for (let i = first; i < first + WAYS; i++) {
      if (this.#port[i] === UNKNOWN_PORT) {
        if (free < 0) free = i
      } else if (this.#low[i] === low && this.#high[i] === high) {
        this.#port[i] = port
        return
      }
    }
    if (free < 0) {
      const set = first / WAYS
      free = first + this.#oldest[set]
      this.#oldest[set] = (this.#oldest[set] + 1) % WAYS
      this.evictions++
    }
    this.#high[free] = high
    this.#low[free] = low
    this.#port[free] = port
  }

  /** Forgets all that was heard on a port: its cable was pulled, or it is gone. */
  forgetPort(port: number): void {
    for (let i = 0; i < this.#port.length; i++) if (this.#port[i] === port) this.#port[i] = UNKNOWN_PORT
  }
}

/** The first entry of the set that an address belongs to. */
function setOf(high: number, low: number): number {
  // Vendors count their addresses up in the low bits; the multiplication spreads those over the table.
  return (Math.imul(low ^ (high << 7), 0x9e3779b1) >>> 22) * WAYS
}
