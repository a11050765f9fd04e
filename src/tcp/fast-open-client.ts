/**
 * The side that connects of TCP Fast Open: RFC 7413, 4.1.3 and 4.2.1. Remembers for each server its cookie and MSS, and
 * stays away from fast open where packets that carry data with a SYN disappear.
 */
import { MINUTE, type Microseconds } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import type { Connection } from './connection.ts'
import { FastOpen } from './fast-open.ts'
import type { Segment } from './segment.ts'
import { isAfter } from './sequence-number.ts'
import type { TcpContext } from './tcp-context.ts'

/** Linux: consecutive timeouts, the handshake's or later ones, after which the way is taken for a black hole. */
const BLACKHOLE_TIMEOUTS = 2
/** Linux tcp_fastopen_active_should_disable: the pause doubles up to so many times. */
const LONGEST_PAUSE = 6
/** After losses in a row a server is spared for so long, doubled with each; as Linux had it (tcp_fastopen_cookie_check). */
const LOSS_PAUSE: Microseconds = MINUTE
const LARGEST_LOSSES = 10

interface Server {
  readonly cookie: Uint8Array
  readonly segmentSize: number
  /** SYNs with data in a row of which nothing was heard. */
  losses: number
  lostAt: Microseconds
}

const NO_COOKIE = new Uint8Array(0)

export class FastOpenClient {
  readonly #context: TcpContext
  /** By both addresses; the one that was heard of last stands last. */
  readonly #servers = new Map<string, Server>()
  /** How often in a row the way has looked like a black hole, and when it last did. */
  #pauses = 0
  #pausedAt: Microseconds = 0

  constructor(context: TcpContext) {
    this.#context = context
  }

  /** Servers whose cookies are known. */
  get size(): number {
    return this.#servers.size
  }

  /** Before the SYN of `connection`: with a cookie it waits for data; without one it asks. Null while fast open pauses. */
  begin(connection: Connection): FastOpen | null {
    const now = this.#context.time()
    if (this.#isPaused(now)) return null
    const server = this.#servers.get(keyOf(connection.path))
    if (server === undefined) return new FastOpen(false, NO_COOKIE, 0)
    // RFC 7413, 4.1.3.1: negative responses are remembered, too.
    if (server.losses > 1 && now < server.lostAt + LOSS_PAUSE * 2 ** server.losses) return null
    const fastOpen = new FastOpen(false, server.cookie, server.segmentSize)
    fastOpen.isDeferred = true
    return fastOpen
  }

  #isPaused(now: Microseconds): boolean {
    if (this.#pauses === 0) return false
    const pause = this.#context.settings.fastOpenBlackholePause * 2 ** Math.min(this.#pauses - 1, LONGEST_PAUSE)
    return now < this.#pausedAt + pause
  }

  /** The SYN-ACK has come, and `countSynData` has not run yet. */
  answered(connection: Connection, segment: Segment): void {
    const fastOpen = connection.fastOpen!
    const { options } = segment
    const { counters } = this.#context
    const key = keyOf(connection.path)
    const hadData = fastOpen.sentInSyn > 0
    const isTaken = hadData && isAfter(segment.acknowledgment, connection.sendNext)
    if (hadData) {
      if (isTaken) counters.TCPFastOpenActive++
      else counters.TCPFastOpenActiveFail++
    }
    if (options.fastOpen && options.fastOpenLength > 0) {
      const { fastOpenPosition: from, fastOpenLength: length } = options
      const cookie = connection.context.memory.bytes.slice(from, from + length)
      this.#remember(key, { cookie, segmentSize: connection.peerSegmentSize, losses: 0, lostAt: 0 })
      return
    }
    const server = this.#servers.get(key)
    if (server === undefined) return
    if (isTaken) {
      this.#remember(key, { ...server, segmentSize: connection.peerSegmentSize, losses: 0 })
    } else if (hadData && connection.retransmissions > 0) {
      // Only the SYN without data has come through, it seems.
      server.losses = Math.min(server.losses + 1, LARGEST_LOSSES)
      server.lostAt = this.#context.time()
    }
  }

  #remember(key: string, server: Server): void {
    const servers = this.#servers
    servers.delete(key)
    const most = this.#context.settings.fastOpenServers
    if (most === 0) return
    if (servers.size >= most) servers.delete(servers.keys().next().value!)
    servers.set(key, server)
  }

  /**
   * The connection's timer has expired, during or after the handshake.
   * @param timeouts in a row before this one
   * @param isLast whether it is given up
   */
  timedOut(connection: Connection, timeouts: number, isLast: boolean): void {
    const fastOpen = connection.fastOpen!
    if (fastOpen.isPassive || (fastOpen.sentInSyn === 0 && !fastOpen.wasTaken)) return
    if (timeouts !== BLACKHOLE_TIMEOUTS && !(isLast && timeouts < BLACKHOLE_TIMEOUTS)) return
    this.#context.counters.TCPFastOpenBlackhole++
    this.#pauses++
    this.#pausedAt = this.#context.time()
  }

  /** A connection whose SYN carried data has ended. @param isClean both sides have closed */
  ended(fastOpen: FastOpen, isClean: boolean): void {
    if (!fastOpen.isPassive && fastOpen.wasTaken && isClean) this.#pauses = 0
  }
}

/** A cookie belongs to two addresses: RFC 7413, 4.1.3. */
function keyOf(path: Path): string {
  return `${path.source} ${path.destination}`
}
