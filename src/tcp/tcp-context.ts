import type { KeyedHash, Microseconds, Random, Timer } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketMemory } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import type { TcpCounters } from './counters.ts'
import type { FastOpenClient } from './fast-open-client.ts'
import type { OutOfOrderMemory } from './out-of-order-memory.ts'
import type { SentSegmentPool } from './recovery/index.ts'
import type { TcpSettings } from './settings.ts'

/** All that a connection may touch of the stack around it. `Tcp` is it; tests may be another. */
export interface TcpContext {
  readonly memory: PacketMemory
  readonly settings: TcpSettings
  readonly counters: TcpCounters
  readonly log: Log
  /** Keyed, for what a peer chooses. */
  readonly hash: KeyedHash
  readonly random: Random
  readonly sentSegments: SentSegmentPool
  /** The time; within a burst read once. */
  time(): Microseconds
  arm(timer: Timer, expiry: Microseconds): void
  disarm(timer: Timer): void
  /** Puts the connection on the list of those that the end of this burst looks at. */
  touch(connection: Connection): void
  /** Runs what a call from the application or a timer caused, and flushes, unless a burst is under way. */
  settle(connection: Connection): void
  /** Takes the connection out of the table; it is CLOSED. */
  remove(connection: Connection): void
  /** As `remove`, leaving a TIME-WAIT record. */
  enterTimeWait(connection: Connection): void
  /** The handshake of a connection that a listener began is complete. @returns false if nobody can accept it */
  accepted(connection: Connection): boolean
  /** Whether a challenge ACK may be sent now: RFC 5961, section 7. */
  mayChallenge(): boolean
  /** Bytes received and not yet read by all applications together. */
  receiveBytes: number
  /** For data ahead of gaps. */
  readonly outOfOrderMemory: OutOfOrderMemory
  /** Connections that no application holds any more and whose peer has not finished with them. */
  orphans: number
  /** What is known of servers that take data with the SYN. */
  readonly fastOpen: FastOpenClient
  /** The way anew, after routes changed. */
  refreshPath(path: Path): Path | null
}
