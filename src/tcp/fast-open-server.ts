/** The side that listens of TCP Fast Open: RFC 7413, 4.1.2 and 4.2.2, and 5.1 against the exhaustion of resources. */
import { MINUTE, type Microseconds, type Random } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import { FastOpen } from './fast-open.ts'
import { CookieAge, FastOpenCookies } from './fast-open-cookies.ts'
import type { Listener } from './listener.ts'
import { receiveData } from './receive-data.ts'
import type { Segment } from './segment.ts'
import { advance } from './sequence-number.ts'
import type { TcpContext } from './tcp-context.ts'
import { Flag } from './wire.ts'

/** How long a connection that was reset before its handshake was complete still counts; Linux, as RFC 7413, 5.1 asks. */
const RESET_LIFETIME: Microseconds = MINUTE

export class FastOpenServer {
  readonly #context: TcpContext
  readonly #cookies: FastOpenCookies

  constructor(context: TcpContext, random: Random) {
    this.#context = context
    this.#cookies = new FastOpenCookies(random, context.settings.fastOpenKeyLifetime)
  }

  /**
   * A SYN for a listener that takes data with it. Sets what the SYN-ACK will carry, and takes the data if the cookie is good.
   * @param connection in SYN-RECEIVED, with the numbers and options of the SYN
   * @returns whether the connection is the application's from now on
   */
  synArrives(connection: Connection, listener: Listener, segment: Segment, packet: PacketBuffer): boolean {
    const { options } = segment
    if (!options.fastOpen) return false
    const { counters } = this.#context
    const now = this.#context.time()
    const isRequest = options.fastOpenLength === 0
    if (isRequest) counters.TCPFastOpenCookieReqd++
    if (!hasRoom(listener, now)) {
      // RFC 7413, 5.1: as if fast open were off, until there are fewer.
      counters.TCPFastOpenListenOverflow++
      return false
    }
    const age = isRequest
      ? CookieAge.None
      : this.#cookies.check(packet, packet.memory.view, options.fastOpenPosition, options.fastOpenLength, now)
    const cookie = age === CookieAge.Current ? null : this.#cookies.make(packet, now)
    connection.fastOpen = new FastOpen(true, cookie, 0)
    if (age === CookieAge.None) {
      if (!isRequest) counters.TCPFastOpenPassiveFail++
      return false
    }
    counters.TCPFastOpenPassive++
    if (age === CookieAge.Previous) counters.TCPFastOpenPassiveAltKey++
    connection.fastOpen.isOpen = true
    connection.fastOpen.listener = listener
    listener.fastOpenPending++
    connection.receiveEdge = advance(connection.receiveNext, Math.min(connection.receiveLimit, 65_535))
    if (segment.length > 0) {
      // The SYN took one number. The SYN-ACK acknowledges what is taken.
      segment.sequence = connection.receiveNext
      segment.flags &= ~(Flag.Syn | Flag.Fin)
      const before = connection.receiveNext
      receiveData(connection, segment, packet)
      connection.fastOpen.wasTaken = connection.receiveNext !== before
      connection.receivedUnacknowledged = 0
      connection.acknowledgeNow = false
    }
    connection.establishedEvent = true
    return true
  }
}

/** Whether one more may be open before its handshake is complete. */
function hasRoom(listener: Listener, now: Microseconds): boolean {
  const resets = listener.fastOpenResets
  while (resets.length > 0 && now - resets[0] >= RESET_LIFETIME) resets.shift()
  return listener.fastOpenPending + resets.length < listener.fastOpen
}
