import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RecentFrames } from '../netif/index.ts'
import type { Stack } from '../stack/index.ts'
import { DirectStack } from '../stack/index.ts'
import type { MemoryStatistics } from './lifecycle.ts'

/** The frames that are kept of the stacks of a run, and what is written of them and of a crash. */
export class Reports {
  readonly #name: string
  readonly #folder: string
  readonly #kept: { group: string | null; frames: RecentFrames }[] = []
  #saved = 0

  /** @param folder where files go: their names are that of the instance, the process's number and what they are */
  constructor(name: string, folder: string) {
    this.#name = name
    this.#folder = folder
  }

  /** For one more stack. */
  keepFramesOf(group: string | null): RecentFrames {
    const frames = new RecentFrames()
    this.#kept.push({ group, frames })
    return frames
  }

  /** Whether there are frames to save. */
  get hasFrames(): boolean {
    return this.#kept.some(({ frames }) => frames.length > 0)
  }

  /** @returns the files @throws the errors of `open` and `write` */
  saveFrames(what = `frames-${++this.#saved}`): string[] {
    return this.#kept.map(({ group, frames }) => {
      const file = this.#file(`${what}${group === null ? '' : `-${group}`}.pcapng`)
      frames.save(file)
      return file
    })
  }

  /**
   * What is known of a crash, as JSON, with the last frames beside it.
   * @returns the file @throws the errors of `open` and `write`
   */
  saveCrash(error: unknown, stacks: readonly Stack[], memory: MemoryStatistics): string {
    const file = this.#file('crash.json')
    const { message, stack, code } =
      error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) }
    const report = {
      name: this.#name,
      time: new Date().toISOString(),
      error: { message, code, stack: stack?.split('\n') },
      process: {
        pid: process.pid,
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        uptimeSeconds: process.uptime(),
        command: process.argv,
      },
      memory,
      stacks: stacks.map((each) => ({
        kind: each.kind,
        addresses: each.addresses.map(String),
        ...(each instanceof DirectStack ? { interface: each.netif.name, counters: each.netif.counters } : {}),
      })),
      frames: this.saveFrames('crash'),
    }
    writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
    return file
  }

  #file(what: string): string {
    return join(this.#folder, `${this.#name}-${process.pid}-${what}`)
  }
}
