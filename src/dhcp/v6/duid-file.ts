import { readFile } from 'node:fs/promises'
import { replaceFile } from '../replace-file.ts'
import { type DuidStore, parseDuid } from './duid.ts'

/** More than any DUID as text has. */
const LARGEST = 1024

/**
 * A DUID in a file of its own, as one line of text: made at the first run, the same at every later one (RFC 8415, section 11).
 * Rejects with the errors of the file system, and with a TypeError naming the file if there is something else in it.
 */
export class DuidFile implements DuidStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async load(): Promise<string | null> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    try {
      parseDuid(text.slice(0, LARGEST))
    } catch {
      throw new TypeError(`${this.#path} holds no DHCP unique identifier such as 00:03:00:01:02:00:00:00:00:01`)
    }
    return text
  }

  save(text: string): Promise<void> {
    return replaceFile(this.#path, text, 'the DUID file')
  }
}
