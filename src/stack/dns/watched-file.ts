import { readFileSync, statSync } from 'node:fs'
import { type Clock, type Microseconds, SECOND } from '../../clock/index.ts'

/** How often a file is looked at while it is asked for. */
const LOOK_EVERY: Microseconds = 5 * SECOND

/** What stands in a small file of the system, read when it is asked for and again when it has changed. */
export class WatchedFile<Value> {
  readonly #path: string | null
  readonly #clock: Clock
  readonly #parse: (text: string) => Value
  #value: Value
  #lookAgain: Microseconds = Number.NEGATIVE_INFINITY
  #version = ''

  /** @param path null: none, which is as an empty one; so is one that cannot be read */
  constructor(path: string | null, clock: Clock, parse: (text: string) => Value) {
    this.#path = path
    this.#clock = clock
    this.#parse = parse
    this.#value = parse('')
  }

  get value(): Value {
    if (this.#path === null || this.#clock.now() < this.#lookAgain) return this.#value
    this.#lookAgain = this.#clock.now() + LOOK_EVERY
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const version = `${mtimeMs}/${size}/${ino}`
      if (version !== this.#version) this.#value = this.#parse(readFileSync(this.#path, 'utf8'))
      this.#version = version
    } catch {
      this.#value = this.#parse('')
      this.#version = ''
    }
    return this.#value
  }
}
