import { readFile, rename, writeFile } from 'node:fs/promises'
import type { Dhcpv4LeaseStore } from './remembered-lease.ts'

/** More than any lease as text has. */
const LARGEST = 4096

/** A lease in a file of its own, as one line of JSON; empty while there is none. Rejects with the errors of the file system. */
export class LeaseFile implements Dhcpv4LeaseStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async load(): Promise<string | null> {
    try {
      return (await readFile(this.#path, 'utf8')).slice(0, LARGEST)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  /** All at once: who is killed meanwhile finds the old state, not half of the new one. */
  async save(text: string): Promise<void> {
    const fresh = `${this.#path}.new`
    await writeFile(fresh, text)
    await rename(fresh, this.#path)
  }
}
