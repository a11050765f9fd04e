import type { Clock, Random } from '../../clock/index.ts'
import type { ApplicationLog } from '../../log/index.ts'
import type { ArgumentDeclarations, ArgumentValues } from '../arguments.ts'
import type { Logs } from '../logs.ts'

// In the global registry, so that a device is recognised across two copies of this package.
const MARK = Symbol.for('tapstack.device')

/** Something that an application is given: declared by `unikernel({ devices })`, made by the runner, handed to `start`. */
export interface Device<T> {
  /** What it is, for `tapstack describe`: `stack`, `http-server`. */
  readonly kind: string
  /** The devices that it is made of. One that several name is made once. */
  readonly uses: DeviceDeclarations
  /** Boot arguments of its own. */
  readonly arguments: ArgumentDeclarations
  create(setting: DeviceSetting): Promise<T> | T
}

/** The devices of a unikernel, under the names by which its `start` gets them. */
export type DeviceDeclarations = Readonly<Record<string, Device<unknown>>>

/** What `start` gets for declared devices. */
export type DeviceValues<D> = { readonly [Name in keyof D]: D[Name] extends Device<infer T> ? T : never }

/** What a device is made with. */
export interface DeviceSetting<
  U extends DeviceDeclarations = DeviceDeclarations,
  A extends ArgumentDeclarations = ArgumentDeclarations,
> {
  /** The devices that it uses. */
  readonly uses: DeviceValues<U>
  /** The values of its own arguments. */
  readonly arguments: ArgumentValues<A>
  /** Its source is the application's name. */
  readonly log: ApplicationLog
  /** All log lines of the run. */
  readonly logs: Logs
  readonly clock: Clock
  readonly random: Random
  /** Aborted when the application is to stop. */
  readonly signal: AbortSignal
  /** What this instance is called: `--name`. */
  readonly name: string
  /** The unikernel's name. */
  readonly application: string
  /**
   * Run when the stacks are about to close: what is still to be sent has so many milliseconds. Not waited for where the
   * application was told to stop: the stacks close meanwhile, within the same time.
   */
  onClosing(handler: (grace: number) => Promise<unknown>): void
  /** Run at the end, after the stacks have closed; the last one that was registered first. */
  onClose(handler: () => unknown): void
}

/** What every device of a stack takes. */
export interface DeviceOptions<T, U extends DeviceDeclarations, A extends ArgumentDeclarations> {
  kind: string
  uses?: U
  arguments?: A
  create(setting: DeviceSetting<U, A>): Promise<T> | T
}

/**
 * Declares a device of one's own.
 *
 * ```ts
 * const database = device({
 *   kind: 'database',
 *   uses: { stack },
 *   arguments: { database: { type: 'endpoint', required: true, doc: 'where the database is' } },
 *   create: async ({ uses, arguments: { database } }) => uses.stack.connect(database),
 * })
 * ```
 * @throws TypeError for what is no device in `uses`, or a `kind` or `create` that is missing
 */
export function device<
  T,
  U extends DeviceDeclarations = Record<never, never>,
  const A extends ArgumentDeclarations = Record<never, never>,
>(options: DeviceOptions<T, U, A>): Device<T> {
  const { kind, create } = options
  if (typeof kind !== 'string' || !/^[a-z][a-z0-9-]*$/.test(kind)) {
    throw new TypeError(`the kind of a device is a word such as http-server, not ${JSON.stringify(kind)}`)
  }
  if (typeof create !== 'function')
    throw new TypeError(`create of the device ${kind} is a function, not ${typeof create}`)
  const uses: DeviceDeclarations = options.uses ?? {}
  for (const [name, used] of Object.entries(uses)) checkDevice(`the device ${kind} uses as ${name}`, used)
  return markDevice({
    kind,
    uses,
    arguments: options.arguments ?? {},
    create: create as unknown as Device<T>['create'],
  })
}

export function markDevice<D extends Device<unknown>>(made: D): D {
  return Object.assign(made, { [MARK]: true })
}

/** @throws TypeError that says what should have been one */
export function checkDevice(what: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || !(MARK in value)) {
    throw new TypeError(`what ${what} is not a device: expected one of devices.stack(), device({ ... }), ...`)
  }
}

/** All devices that these consist of, each once, with what it uses before it. */
export function devicesInOrder(declared: DeviceDeclarations): Device<unknown>[] {
  const ordered = new Set<Device<unknown>>()
  const visit = (each: Device<unknown>) => {
    if (ordered.has(each)) return
    for (const used of Object.values(each.uses)) visit(used)
    ordered.add(each)
  }
  for (const each of Object.values(declared)) visit(each)
  return [...ordered]
}
