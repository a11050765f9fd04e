import { IPV4_MAPPED_WORD, type IpAddress } from '../address/index.ts'
import type { Microseconds } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type CongestionControlName, congestionControlName } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import { LARGEST_SEGMENT, LEAST_SEGMENT } from './settings.ts'

/** Whoever accepts: called at the end of a burst, with an established connection that has no user yet. */
export interface Acceptor {
  accept(connection: Connection): void
}

/** How `Tcp.listen` listens. */
export interface ListenerOptions {
  /** Other listeners that ask for the same may share address and port: Linux SO_REUSEPORT. Default false. */
  reusePort?: boolean
  /**
   * How many connections may be open before their handshake is complete (RFC 7413), 0 to 65,535; Linux TCP_FASTOPEN.
   * Default 0: no fast open.
   */
  fastOpen?: number
  /** As the setting, for connections of this listener: 88 to 65,495; the lower one counts. As Linux TCP_MAXSEG. */
  maximumSegmentSize?: number
  /** As the setting, for connections of this listener; Linux TCP_CONGESTION. Default the setting. */
  congestionControl?: CongestionControlName
}

/**
 * LISTEN, RFC 9293, 3.10.1, with two bounded queues: connections whose handshake is not complete, and connections that
 * nobody has accepted yet.
 */
export class Listener {
  /** Null: all addresses of all families. The unspecified one of a family: all of that. */
  readonly address: IpAddress | null
  readonly port: number
  /** Bound of each queue. */
  readonly backlog: number
  readonly acceptor: Acceptor
  readonly reusePort: boolean
  /** Bound of what may be open before its handshake is complete; 0: no fast open. */
  readonly fastOpen: number
  readonly maximumSegmentSize: number
  /** Null: as the setting says. */
  readonly congestionControl: CongestionControlName | null
  /** How many there are. */
  fastOpenPending = 0
  /** When others were reset: RFC 7413, 5.1. At most as many as the bound. */
  readonly fastOpenResets: Microseconds[] = []
  closed = false
  /** Connections in SYN-RECEIVED. */
  readonly halfOpen = new Set<Connection>()
  /** Established, or fast opened; waiting for the end of the burst, or for `resume`. */
  readonly pending: Connection[] = []
  /** While paused, connections wait in `pending`. */
  paused = false

  constructor(
    address: IpAddress | null,
    port: number,
    backlog: number,
    acceptor: Acceptor,
    options: ListenerOptions = {},
  ) {
    this.address = address
    this.port = port
    this.backlog = backlog
    this.acceptor = acceptor
    this.reusePort = options.reusePort ?? false
    this.fastOpen = options.fastOpen ?? 0
    const most = options.maximumSegmentSize ?? LARGEST_SEGMENT
    this.maximumSegmentSize = integerInRange('maximumSegmentSize', most, LEAST_SEGMENT, LARGEST_SEGMENT)
    const { congestionControl } = options
    this.congestionControl = congestionControl === undefined ? null : congestionControlName(congestionControl)
  }

  get isFull(): boolean {
    return this.pending.length >= this.backlog
  }

  /** Hands waiting connections to the acceptor. */
  deliver(): void {
    while (!this.paused && this.pending.length > 0) {
      const connection = this.pending.shift()!
      connection.listener = null
      this.acceptor.accept(connection)
      // One that has waited has something to tell.
      connection.context.touch(connection)
    }
  }

  /** Ends a pause. */
  resume(): void {
    this.paused = false
    const first = this.pending[0]
    this.deliver()
    first?.context.settle(first)
  }
}

/** The listeners of one address and port: one, or several that all asked for `reusePort`. */
export class ListenerGroup {
  /** Null: all addresses of all families. The unspecified one of a family: all of that. */
  readonly address: IpAddress | null
  readonly port: number
  readonly members: Listener[]
  /** Until then an ACK for nobody may bring a SYN cookie back. */
  cookiesUntil: Microseconds = 0

  constructor(first: Listener) {
    this.address = first.address
    this.port = first.port
    this.members = [first]
  }

  get reusePort(): boolean {
    return this.members[0].reusePort
  }

  /** The member whose share this is; the same for the same hash as long as the members are the same. */
  choose(hash: number): Listener {
    // As Linux (reciprocal_scale): no division, and all bits of the hash count.
    return this.members[Math.floor(((hash >>> 0) * this.members.length) / 2 ** 32)]
  }
}

/** Listeners by port, then by address: a specific address wins over all of a family, and that over all. */
export class ListenerTable {
  readonly #byPort = new Map<number, ListenerGroup[]>()

  get isEmpty(): boolean {
    return this.#byPort.size === 0
  }

  /** Who gets a SYN for this port and the address given as words. */
  find(port: number, word0: number, word1: number, word2: number, word3: number): ListenerGroup | null {
    const groups = this.#byPort.get(port)
    if (groups === undefined) return null
    const family = word2 === IPV4_MAPPED_WORD && word1 === 0 && word0 === 0 ? 4 : 6
    let wildcard: ListenerGroup | null = null
    for (let i = 0; i < groups.length; i++) {
      const address = groups[i].address
      if (address === null) wildcard ??= groups[i]
      else if (address.isUnspecified) {
        if (address.family === family) wildcard = groups[i]
      } else if (
        address.word3 === word3 &&
        address.word2 === word2 &&
        address.word1 === word1 &&
        address.word0 === word0
      ) {
        return groups[i]
      }
    }
    return wildcard
  }

  /**
   * Whether a listener on this port and address would collide with one that is there, as bind(2) without SO_REUSEADDR.
   * @param reusePort whether it would share them with others that asked for the same
   */
  isTaken(port: number, address: IpAddress | null, reusePort: boolean): boolean {
    const groups = this.#byPort.get(port)
    if (groups === undefined) return false
    return groups.some((group) => !(reusePort && group.reusePort) && overlaps(group.address, address))
  }

  add(listener: Listener): void {
    const groups = this.#byPort.get(listener.port)
    if (groups === undefined) {
      this.#byPort.set(listener.port, [new ListenerGroup(listener)])
      return
    }
    const group = groups.find((each) => isSame(each.address, listener.address))
    if (group === undefined) groups.push(new ListenerGroup(listener))
    else group.members.push(listener)
  }

  /** @returns what is left of its group, or null */
  delete(listener: Listener): ListenerGroup | null {
    const groups = this.#byPort.get(listener.port)
    const group = groups?.find((each) => each.members.includes(listener))
    if (groups === undefined || group === undefined) return null
    // As Linux: the last takes its place, so that the shares of the others stay as they are.
    const last = group.members.pop()!
    if (last !== listener) group.members[group.members.indexOf(listener)] = last
    if (group.members.length > 0) return group
    if (groups.length === 1) this.#byPort.delete(listener.port)
    else groups.splice(groups.indexOf(group), 1)
    return null
  }

  *[Symbol.iterator](): Iterator<Listener> {
    for (const groups of this.#byPort.values()) for (const group of groups) yield* group.members
  }
}

function isSame(a: IpAddress | null, b: IpAddress | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function overlaps(a: IpAddress | null, b: IpAddress | null): boolean {
  if (a === null || b === null || a.equals(b)) return true
  return a.family === b.family && (a.isUnspecified || b.isUnspecified)
}
