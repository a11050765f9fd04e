/**
 * What both ways of opening a connection have in common: numbers to begin with, a place in the table, the first segment.
 * RFC 9293, 3.10.1, RFC 6528.
 */
import { MILLISECOND, type Microseconds, type Random } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { Connection } from './connection.ts'
import type { ConnectionTable } from './connection-table.ts'
import { InitialSequenceNumbers } from './initial-sequence-number.ts'
import { LARGEST_WINDOW_SCALE } from './options.ts'
import { sendSyn } from './send-segment.ts'
import { advance, type SequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TimeWait, TimeWaitList } from './time-wait.ts'

/** How long a SYN waits for the data that is to go with it: an application that has it writes it at once. */
const FAST_OPEN_DEFERRAL: Microseconds = 10 * MILLISECOND

export class Opening {
  /** Of all connections of the stack: what we offer in a SYN. */
  readonly receiveWindowScale: number
  readonly #context: TcpContext
  readonly #table: ConnectionTable<Connection | TimeWait>
  readonly #timeWaits: TimeWaitList
  readonly #initialSequenceNumbers: InitialSequenceNumbers
  /**
   * Whose first SYN has not been sent: more of them at once than the queue of packets to ourselves holds. Each lost one would cost
   * a second, and those lost again two. No more than there may be connections.
   */
  readonly #waiting = new Set<Connection>()

  constructor(
    context: TcpContext,
    table: ConnectionTable<Connection | TimeWait>,
    timeWaits: TimeWaitList,
    random: Random,
  ) {
    this.#context = context
    this.#table = table
    this.#timeWaits = timeWaits
    this.#initialSequenceNumbers = new InitialSequenceNumbers(random)
    this.receiveWindowScale = windowScaleFor(context.settings.maximumReceiveBuffer)
  }

  /** Connections, half-open ones included, without TIME-WAIT. */
  get connections(): number {
    return this.#table.size - this.#timeWaits.size
  }

  /** There are as many connections as there may be. */
  get isFull(): boolean {
    return this.connections >= this.#context.settings.maximumConnections
  }

  /** A connection with no numbers and no place yet. */
  make(path: Path, localPort: number, remotePort: number): Connection {
    const context = this.#context
    const connection = new Connection(context, path, localPort, remotePort)
    connection.timestampOffset = this.#initialSequenceNumbers.timestampOffset(path)
    if (context.settings.windowScaling) connection.receiveWindowScale = this.receiveWindowScale
    connection.updateSegmentSize()
    return connection
  }

  /** Sends the first SYN or SYN-ACK. @param previous the TIME-WAIT record whose place the connection takes */
  start(connection: Connection, previous: TimeWait | null): void {
    const now = this.#context.time()
    if (previous === null) {
      this.enter(connection, this.#initialSequenceNumbers.next(connection.path, connection.outgoingPorts, now), now)
    } else {
      // RFC 1122, 4.2.2.13: larger than anything that the old connection sent; as Linux.
      setInitialSequence(connection, advance(previous.sendNext, 65_537), now)
      this.#timeWaits.delete(previous)
      this.#table.replace(previous, connection)
    }
    if (connection.fastOpen?.isDeferred) {
      connection.retransmitAt = now + FAST_OPEN_DEFERRAL
      connection.schedule(connection.retransmitAt)
      return
    }
    const { path } = connection
    // An answer has its place in the queue from which the SYN was taken.
    if (!connection.isAnswering && (this.#waiting.size > 0 || !path.ip.hasRoom(path))) {
      this.#waiting.add(connection)
      return
    }
    sendSyn(connection)
    this.awaitAnswer(connection, now)
  }

  /** At the end of a burst: SYNs to ourselves that had to wait, in their order. */
  sendWaiting(): void {
    for (const connection of this.#waiting) {
      const { path } = connection
      if (!path.ip.hasRoom(path)) return
      this.#waiting.delete(connection)
      // It has been closed meanwhile.
      if (connection.state !== State.SynSent) continue
      const now = this.#context.time()
      connection.timedAt = connection.lastSentAt = now
      sendSyn(connection)
      this.awaitAnswer(connection, now)
    }
  }

  /** The SYN or SYN-ACK goes out again if nothing comes: RFC 6298, 5.1. */
  awaitAnswer(connection: Connection, now: Microseconds): void {
    connection.retransmitAt = now + connection.timeout.current
    connection.schedule(connection.retransmitAt)
  }

  /** Puts the connection into the table, with `initial` as its first number. */
  enter(connection: Connection, initial: SequenceNumber, now: Microseconds): void {
    setInitialSequence(connection, initial, now)
    this.#table.add(connection)
  }

  endTimeWait(record: TimeWait): void {
    this.#timeWaits.delete(record)
    this.#table.delete(record)
  }

  /** The timestamp that an answer to this packet carries now. */
  timestampBack(packet: PacketBuffer, now: Microseconds): number {
    return (Math.floor(now / 1000) + this.#initialSequenceNumbers.timestampOffsetBack(packet)) | 0
  }
}

function setInitialSequence(connection: Connection, initial: SequenceNumber, now: Microseconds): void {
  connection.initialSendSequence = connection.unacknowledged = initial
  connection.sendNext = connection.sendBase = advance(initial, 1)
  connection.shortSequence = initial
  connection.timedAt = connection.progressAt = connection.lastSentAt = connection.lastReceivedAt = now
}

/** The smallest shift with which the largest window that we may ever offer fits: RFC 7323, 2.3. */
function windowScaleFor(largestWindow: number): number {
  let scale = 0
  while (scale < LARGEST_WINDOW_SCALE && 65_535 << scale < largestWindow) scale++
  return scale
}
