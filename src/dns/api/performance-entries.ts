/**
 * The entries of type `dns` that a `PerformanceObserver` is shown of each question. Only Node's own code can make some, by what
 * it keeps on its request objects while somebody observes: those objects are borrowed.
 */
import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import { Hosts } from '../hosts.ts'

/** A request object of Node's: as much of it as is needed. */
interface Request {
  oncomplete(error: null, ...results: unknown[]): void
}

const nothing = () => {}

/** Those of Node, whatever becomes of the module's members. */
const { lookup, lookupService } = dns
const { resolve4 } = dns.Resolver.prototype

/** What stands for a question that nobody asks. */
function borrowedQuery(): Request {
  return Reflect.apply(resolve4 as never, { _handle: { queryA: () => 0 } }, ['observed', nothing]) as Request
}

/** Where Node keeps what an entry will say; null: nobody observes. */
function contextOf(request: Request): symbol | null {
  return Object.getOwnPropertySymbols(request).find((each) => each.description?.startsWith('kPerfHooksDns')) ?? null
}

/** What ends an entry: Node's code, and where it looks for what the beginning left. */
interface Ending {
  readonly oncomplete: Request['oncomplete']
  readonly context: symbol
}

/** Of a request that Node goes on with, and tells nobody of: only its code is wanted. */
function endingOf(request: Request): Ending | null {
  const { oncomplete } = request
  const context = contextOf(request)
  request.oncomplete = nothing
  return context === null ? null : { oncomplete, context }
}

type Kind = 'result' | 'addresses' | 'service'
const endings: Partial<Record<Kind, Ending>> = {}

/** What Node does of each kind, by what its details end with; null: it cannot be had. */
const REQUESTS: Record<Kind, () => Request | null> = {
  result: borrowedQuery,
  // An address in disguise: nobody is asked for it.
  addresses: () => lookup('127.1', { family: 4 }, nothing) as unknown as Request,
  service: () => (isInHostsFile(LOOPBACK) ? (lookupService(LOOPBACK, 0, nothing) as unknown as Request) : null),
}

const LOOPBACK = '127.0.0.1'

/** Whether the operating system knows its name without asking a name server. */
function isInHostsFile(address: string): boolean {
  try {
    return Hosts.parse(readFileSync('/etc/hosts', 'utf8')).names(address).length > 0
  } catch {
    return false
  }
}

function ending(kind: Kind): Ending | null {
  const known = endings[kind]
  if (known !== undefined) return known
  const request = REQUESTS[kind]()
  const made = request === null ? null : endingOf(request)
  if (made !== null) endings[kind] = made
  return made
}

/** Ends an entry with what the question gave. */
export type EndEntry = (...results: unknown[]) => void

/**
 * Begins an entry: its name and what is known at the beginning.
 * @returns null if nobody observes
 */
export function beginEntry(kind: Kind, name: string, detail: object): EndEntry | null {
  const query = borrowedQuery()
  const observed = contextOf(query)
  if (observed === null) return null
  const end = ending(kind)
  if (end === null) return null
  const { startTime } = (query as never as Record<symbol, { startTime: number }>)[observed]
  return (...results) => {
    const request = { callback: nothing, family: 4, [end.context]: { type: 'dns', name, detail, startTime } }
    Reflect.apply(end.oncomplete, request, [null, ...results])
  }
}
