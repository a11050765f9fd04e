import { createHash } from 'node:crypto'
import { type FileHandle, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { readableFolder } from '../file-checks.ts'
import { type Device, device } from './device.ts'

/** Values by keys that are paths, `/site/index.html`; read only, after MirageOS's `Mirage_kv.RO`. */
export interface KeyValueStore {
  /** What is there: a value, a dictionary of others, or nothing. */
  exists(key: string): Promise<'value' | 'dictionary' | null>
  /** @throws SystemError ENOENT; EISDIR for a dictionary; EINVAL for a key that leads out of the store */
  get(key: string): Promise<Buffer>
  /**
   * Up to `length` bytes from `offset` on.
   * @throws SystemError as `get`; RangeError for what is no offset or length
   */
  getPartial(key: string, offset: number, length: number): Promise<Buffer>
  /** The names below a key, in order. @throws SystemError ENOENT; ENOTDIR for a value */
  list(key: string): Promise<{ name: string; kind: 'value' | 'dictionary' }[]>
  /** Of a value in bytes. @throws SystemError as `get` */
  size(key: string): Promise<number>
  /** @throws SystemError ENOENT */
  lastModified(key: string): Promise<Date>
  /** SHA-256 of a value, in hexadecimal digits. @throws SystemError as `get` */
  digest(key: string): Promise<string>
}

/** What `devices.keyValueStore` takes. */
export interface KeyValueStoreOptions {
  /** Of its boot argument, which says where the folder is: `assets` for `--assets FOLDER`. */
  argument: string
  /** The argument's default; without one it has to be given. */
  folder?: string
}

/** A key-value store over a folder. */
export function keyValueStoreDevice({ argument, folder }: KeyValueStoreOptions): Device<KeyValueStore> {
  const declaration = {
    type: 'string',
    placeholder: 'FOLDER',
    check: readableFolder,
    doc: 'the folder whose files are the values of a store',
    ...(folder === undefined ? { required: true } : { default: folder }),
  } as const
  return device({
    kind: 'key-value-store',
    arguments: { [argument]: declaration },
    create: ({ arguments: values }) => FolderStore.open(String((values as Record<string, unknown>)[argument])),
  })
}

class FolderStore implements KeyValueStore {
  readonly #folder: string

  /** @throws SystemError ENOENT or ENOTDIR, so that a store that is not there is noticed at the start */
  static async open(folder: string): Promise<FolderStore> {
    try {
      const real = await realpath(folder)
      if (!(await stat(real)).isDirectory()) throw failure('ENOTDIR', folder)
      return new FolderStore(real)
    } catch (error) {
      throw systemError(error, folder)
    }
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  async exists(key: string): Promise<'value' | 'dictionary' | null> {
    try {
      const status = await stat(await this.#path(key))
      return status.isFile() ? 'value' : status.isDirectory() ? 'dictionary' : null
    } catch (error) {
      const { code } = systemError(error, key)
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw error
    }
  }

  get(key: string): Promise<Buffer> {
    return this.#read(key, (path) => readFile(path))
  }

  getPartial(key: string, offset: number, length: number): Promise<Buffer> {
    for (const [name, value] of Object.entries({ offset, length })) {
      if (!Number.isSafeInteger(value) || value < 0)
        throw new RangeError(`${name} is an integer from 0 on, not ${value}`)
    }
    return this.#read(key, async (path) => {
      let file: FileHandle | null = null
      try {
        file = await open(path)
        const { size } = await file.stat()
        const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)))
        const { bytesRead } = await file.read(bytes, 0, bytes.length, offset)
        return bytes.subarray(0, bytesRead)
      } finally {
        await file?.close()
      }
    })
  }

  async list(key: string): Promise<{ name: string; kind: 'value' | 'dictionary' }[]> {
    const entries = await this.#read(key, (path) => readdir(path, { withFileTypes: true }))
    const found: { name: string; kind: 'value' | 'dictionary' }[] = []
    for (const { name } of entries) {
      const kind = await this.exists(`${key}/${name}`).catch(() => null)
      if (kind !== null) found.push({ name, kind })
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  size(key: string): Promise<number> {
    return this.#read(key, async (path) => {
      const status = await stat(path)
      if (status.isDirectory()) throw failure('EISDIR', key)
      return status.size
    })
  }

  lastModified(key: string): Promise<Date> {
    return this.#read(key, async (path) => (await stat(path)).mtime)
  }

  async digest(key: string): Promise<string> {
    return createHash('sha256')
      .update(await this.get(key))
      .digest('hex')
  }

  async #read<T>(key: string, action: (path: string) => Promise<T>): Promise<T> {
    try {
      return await action(await this.#path(key))
    } catch (error) {
      throw systemError(error, key)
    }
  }

  /** Where a key is: in the folder, also after all symbolic links. */
  async #path(key: string): Promise<string> {
    if (typeof key !== 'string') throw new TypeError(`a key is a text, not ${typeof key}`)
    const parts = key.split('/').filter((part) => part !== '' && part !== '.')
    if (key.includes('\0') || parts.includes('..')) throw failure('EINVAL', key)
    const real = await realpath(join(this.#folder, ...parts))
    if (real !== this.#folder && !real.startsWith(this.#folder + sep)) throw failure('EINVAL', key)
    return real
  }
}

function failure(code: SystemErrorCode, key: string): SystemError {
  return new SystemError(code, 'get', { hint: key })
}

function systemError(error: unknown, key: string): SystemError {
  if (error instanceof SystemError) return error
  const { code } = error as NodeJS.ErrnoException
  return failure((code ?? 'EIO') as SystemErrorCode, key)
}
