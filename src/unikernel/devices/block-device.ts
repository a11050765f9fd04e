import { type FileHandle, open } from 'node:fs/promises'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { changeableFile, readableFile } from '../file-checks.ts'
import { type Device, device } from './device.ts'

/** Sectors that are read and written as a whole, after MirageOS's `Mirage_block.S`. */
export interface BlockDevice {
  /** Bytes. */
  readonly sectorSize: number
  readonly sectors: number
  readonly readOnly: boolean
  /** @throws RangeError for what is not on the device; SystemError */
  read(sector: number, count: number): Promise<Buffer>
  /**
   * @param data whole sectors; must not be changed until it has resolved
   * @throws RangeError for what does not fit the device or is no multiple of a sector; SystemError, EROFS for one that is read only
   */
  write(sector: number, data: Uint8Array): Promise<void>
  /** Resolves when what was written would outlive a power failure. @throws SystemError */
  flush(): Promise<void>
}

/** What `devices.blockDevice` takes. */
export interface BlockDeviceOptions {
  /** Of its boot argument, which says where the file is: `disk` for `--disk FILE`. */
  argument: string
  /** The argument's default; without one it has to be given. */
  file?: string
  /** Bytes: a power of two from 512 to 65,536; default 512. */
  sectorSize?: number
  /** Default false. */
  readOnly?: boolean
}

/**
 * A block device over a file, or over one of the system's. What is behind its last whole sector is not part of it.
 * @throws RangeError for the size of a sector
 */
export function blockDevice(options: BlockDeviceOptions): Device<BlockDevice> {
  const { argument, file, sectorSize = 512, readOnly = false } = options
  if (
    !Number.isInteger(sectorSize) ||
    sectorSize < 512 ||
    sectorSize > 65_536 ||
    (sectorSize & (sectorSize - 1)) !== 0
  ) {
    throw new RangeError(`sectorSize is a power of two from 512 to 65536, not ${sectorSize}`)
  }
  const declaration = {
    type: 'string',
    placeholder: 'FILE',
    check: readOnly ? readableFile : changeableFile,
    doc: `the file that is a block device with sectors of ${sectorSize} bytes`,
    ...(file === undefined ? { required: true } : { default: file }),
  } as const
  return device({
    kind: 'block-device',
    arguments: { [argument]: declaration },
    create: async ({ arguments: values, onClose }) => {
      const path = String((values as Record<string, unknown>)[argument])
      const opened = await FileBlockDevice.open(path, sectorSize, readOnly)
      onClose(() => opened.close())
      return opened
    },
  })
}

class FileBlockDevice implements BlockDevice {
  readonly sectorSize: number
  readonly sectors: number
  readonly readOnly: boolean
  readonly #file: FileHandle

  static async open(path: string, sectorSize: number, readOnly: boolean): Promise<FileBlockDevice> {
    return guarded('open', async () => {
      const file = await open(path, readOnly ? 'r' : 'r+')
      const { size } = await file.stat()
      return new FileBlockDevice(file, Math.floor(size / sectorSize), sectorSize, readOnly)
    })
  }

  private constructor(file: FileHandle, sectors: number, sectorSize: number, readOnly: boolean) {
    this.#file = file
    this.sectors = sectors
    this.sectorSize = sectorSize
    this.readOnly = readOnly
  }

  async read(sector: number, count: number): Promise<Buffer> {
    this.#check(sector, count)
    const bytes = Buffer.alloc(count * this.sectorSize)
    return guarded('read', async () => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, sector * this.sectorSize + done)
        // Somebody has cut the file.
        if (bytesRead === 0) throw new SystemError('EIO', 'read')
        done += bytesRead
      }
      return bytes
    })
  }

  async write(sector: number, data: Uint8Array): Promise<void> {
    if (this.readOnly) throw new SystemError('EROFS', 'write')
    this.#check(sector, data.length / this.sectorSize)
    await guarded('write', async () => {
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await this.#file.write(data, done, data.length - done, sector * this.sectorSize + done)
        done += bytesWritten
      }
    })
  }

  flush(): Promise<void> {
    return guarded('fsync', () => this.#file.datasync())
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  #check(sector: number, count: number): void {
    const fits = Number.isSafeInteger(sector) && sector >= 0 && Number.isSafeInteger(count) && count >= 0
    if (!fits || sector + count > this.sectors) {
      throw new RangeError(`${count} sectors from ${sector} on are not on a device of ${this.sectors} sectors`)
    }
  }
}

async function guarded<T>(syscall: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof SystemError) throw error
    const { code, path } = error as NodeJS.ErrnoException
    throw new SystemError((code ?? 'EIO') as SystemErrorCode, syscall, path === undefined ? {} : { hint: path })
  }
}
