/** One suite for Node's modules and for ours: each case writes down what it sees, and both must have seen the same. */
import type { EventEmitter } from 'node:events'
import type { NodeModuleSet } from '../../src/stack/index.ts'

/** What a case is given. */
export interface Surroundings extends NodeModuleSet {
  /** Writes down what happened. Ports that differ from run to run have no place in it. */
  log(...words: unknown[]): void
  /** Closed when the case ends, whatever becomes of it. */
  track<T extends Closable>(resource: T): T
}

interface Closable {
  close?(): unknown
  destroy?(): unknown
}

export type Case = (on: Surroundings) => Promise<unknown> | undefined
export type Cases = Record<string, Case>

/** Milliseconds after which a case that has not ended is over: far more than any takes, on a machine that is busy as well. */
const LONGEST = 10_000

/** @returns what the case wrote down */
export async function observe(run: Case, modules: NodeModuleSet): Promise<string[]> {
  const lines: string[] = []
  const resources: Closable[] = []
  let isOver = false
  const on: Surroundings = {
    net: modules.net,
    dgram: modules.dgram,
    tls: modules.tls,
    http: modules.http,
    https: modules.https,
    http2: modules.http2,
    log(...words) {
      if (!isOver) lines.push(withoutPorts(words.map(text).join(' ')))
    },
    track(resource) {
      resources.push(resource)
      return resource
    },
  }
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      lines.push('TIMED OUT')
      resolve()
    }, LONGEST)
  })
  try {
    await Promise.race([Promise.resolve(run(on)), tooLong])
  } catch (error) {
    lines.push(`FAILED ${text(error)}`)
  }
  isOver = true
  clearTimeout(timer)
  for (const resource of resources) {
    try {
      if (resource.destroy) resource.destroy()
      else resource.close?.()
    } catch {
      // Closed already.
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 5))
  return lines
}

function text(word: unknown): string {
  if (word instanceof Error) return describeError(word)
  if (Buffer.isBuffer(word)) return word.toString()
  if (typeof word === 'string') return word
  if (typeof word === 'bigint' || typeof word === 'symbol' || typeof word === 'function') return String(word)
  return JSON.stringify(word) ?? 'undefined'
}

/** Linux net.ipv4.ip_local_port_range: what differs from run to run. */
function withoutPorts(line: string): string {
  return line.replace(/\b\d{5}\b/g, (digits) =>
    Number(digits) >= 32_768 && Number(digits) <= 60_999 ? 'PORT' : digits,
  )
}

/** Class, code and what else Node's errors have; ports of the moment are left out. */
export function describeError(error: Error): string {
  const { code, errno, syscall, address, dest } = error as NodeJS.ErrnoException & { address?: string; dest?: string }
  const fields = Object.entries({ code, errno, syscall, address, dest }).filter(([, value]) => value !== undefined)
  const shown = fields.map(([name, value]) => `${name}=${value}`).join(' ')
  const message = error.message.replace(/:\d+/g, ':PORT')
  return `[${error.name} ${message} ${shown}]`
}

/** The next event of that name; an error is none, unless it is asked for. */
export function event<T = unknown>(emitter: EventEmitter, name: string): Promise<T> {
  return new Promise((resolve) => emitter.once(name, resolve))
}

/** As many events of that name. */
export function events(emitter: EventEmitter, name: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    emitter.on(name, () => {
      if (--count === 0) resolve()
    })
  })
}

/** Writes down each event of these names. */
export function watch(on: Surroundings, who: string, emitter: EventEmitter, names: readonly string[]): void {
  for (const name of names) {
    emitter.on(name, (...words: unknown[]) => {
      const shown = words.filter(
        (word) => typeof word !== 'object' || word === null || word instanceof Error || Buffer.isBuffer(word),
      )
      on.log(who, name, ...shown)
    })
  }
}

/** Writes down what a call throws, or the type of what it returns. */
export function attempt(on: Surroundings, work: () => unknown): void {
  try {
    on.log('no error', typeof work())
  } catch (error) {
    on.log(error)
  }
}

export const SOCKET_EVENTS = [
  'lookup',
  'connect',
  'ready',
  'end',
  'finish',
  'timeout',
  'drain',
  'error',
  'close',
] as const
export const SERVER_EVENTS = ['listening', 'connection', 'drop', 'error', 'close'] as const

export const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Time, and so many passes of the event loop, which a busy machine may not make in that time. */
export async function wait(milliseconds: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
  for (let passes = 0; passes < 10; passes++) await tick()
}

/** What has to become true, however long a busy machine takes for it. */
export async function until(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + LONGEST
  while (!isTrue() && performance.now() < end) await tick()
}
