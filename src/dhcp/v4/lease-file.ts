import { readFile } from 'node:fs/promises'
import { replaceFile } from '../replace-file.ts'
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

  save(text: string): Promise<void> {
    return replaceFile(this.#path, text, 'the lease file (--dhcp-lease-file)')
  }
}
