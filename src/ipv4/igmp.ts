/**
 * Internet group management, the host's part: tells the routers of the link which groups, and which sources of them, are
 * listened to. Version 3 (RFC 9776, which replaces RFC 3376); version 2 (RFC 2236) or 1 (RFC 1112) for as long as a router
 * of that version asks (RFC 9776, section 7.2). When what is told is `GroupReporting`, which serves IPv6, too.
 */
import { IpAddress } from '../address/index.ts'
import { type Clock, type Microseconds, SECOND, Timer, type TimerHandler } from '../clock/index.ts'
import {
  AddressSet,
  FilterMode,
  GroupReporting,
  type GroupReportingOptions,
  IpProtocol,
  type IpProtocolHandler,
  type Membership,
  type ReportingProtocol,
  ReportPacker,
} from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import { type IgmpCounters, newIgmpCounters } from './igmp-counters.ts'
import { IgmpMessages } from './igmp-messages.ts'
import * as wire from './igmp-wire.ts'
import { MessageType } from './igmp-wire.ts'
import type { Ipv4 } from './ipv4.ts'

/** RFC 1112, appendix I; RFC 2236, section 4: what a query of version 1 stands for. */
const RESPONSE_TIME_V1: Microseconds = 10 * SECOND

const ALL_HOSTS = (224 << 24) | 1
const ALL_ROUTERS = (224 << 24) | 2

/** What `new Igmp` takes. */
export interface IgmpOptions extends GroupReportingOptions {
  log?: Log
}

/** IGMPv3 of a host, RFC 3376: tells routers of IPv4 which groups are listened to. */
export class Igmp implements IpProtocolHandler, ReportingProtocol, TimerHandler {
  readonly family = 4
  readonly counters: IgmpCounters = newIgmpCounters()
  readonly reports: ReportPacker

  readonly #ip: Ipv4
  readonly #clock: Clock
  readonly #log: Log
  readonly #messages: IgmpMessages
  readonly #reporting: GroupReporting
  /** RFC 9776, section 7.2.1, Older Version Querier Present: armed while that version is spoken. */
  readonly #querierV1Timer = new Timer(this)
  readonly #querierV2Timer = new Timer(this)

  /** Takes the packets of its protocol from `ip`. @throws RangeError for an option out of range */
  constructor(ip: Ipv4, options: IgmpOptions) {
    this.#ip = ip
    this.#clock = options.clock
    this.#log = options.log ?? SILENT
    this.#messages = new IgmpMessages(ip, this.counters)
    this.reports = new ReportPacker(this.#messages, this.counters)
    this.#reporting = new GroupReporting(this, options)
    ip.addProtocol(IpProtocol.Igmp, this)
    ip.groupSources = this.#reporting
    ip.onAddress((type) => {
      // Routers and switches may not have taken what came from 0.0.0.0.
      if (type === 'added') this.#reporting.reportAnew()
    })
  }

  /** The version that the routers of the link understand. */
  get version(): 1 | 2 | 3 {
    return this.#querierV1Timer.armed ? 1 : this.#querierV2Timer.armed ? 2 : 3
  }

  /** Groups in the table: those listened to, and those of which the routers have still to hear that they are not. */
  get groupCount(): number {
    return this.#reporting.groupCount
  }

  /**
   * Listens to a group for one socket.
   * @param mode and `sources`: which sources; all of them by default
   * @throws SystemError EINVAL for what is not an IPv4 multicast address, ENOBUFS for too many groups or sources
   */
  join(group: IpAddress, mode: FilterMode = FilterMode.Exclude, sources: Iterable<IpAddress> = []): Membership {
    return this.#reporting.join(group, mode, sources)
  }

  /** The interface may be on another link now: routers and switches hear of all groups again. */
  linkChanged(): void {
    this.#reporting.reportAnew()
  }

  /** Stops all timers and forgets all groups; nothing is sent. */
  close(): void {
    this.#reporting.close()
    this.#clock.disarm(this.#querierV1Timer)
    this.#clock.disarm(this.#querierV2Timer)
  }

  receive(packet: PacketBuffer): void {
    const { memory } = this.#ip
    const { start, end } = packet
    if (end - start < wire.LEAST_LENGTH) {
      this.counters.malformed++
      return
    }
    if (packet.checksum === ChecksumState.Unverified && memory.checksum.sum(start, end - start, 0) !== 0xffff) {
      this.counters.checksum++
      return
    }
    switch (wire.type(memory.bytes, start)) {
      case MessageType.Query:
        this.#receiveQuery(memory.bytes, start, end)
        break
      case MessageType.ReportV1:
      case MessageType.ReportV2:
        this.counters.reportsReceived++
        // Section 5.1: members of version 3 do not hold back a report because of another's.
        if (this.isOlder) this.#reporting.receiveOlderReport(IpAddress.v4(wire.group(memory.bytes, start)))
        break
      case MessageType.ReportV3:
      case MessageType.LeaveV2:
        this.counters.reportsReceived++
        break
      default:
        // RFC 9776, section 4: silently ignored.
        this.counters.unknownType++
    }
  }

  receiveError(): void {}

  endOfBurst(): void {}

  /** The last router of an older version has gone. */
  onTimer(): void {
    this.#reporting.cancelReports()
    this.#log.debug('no router speaks an older version of IGMP any more', { version: this.version })
  }

  #receiveQuery(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    const address = wire.group(bytes, start)
    const isGeneral = address === 0
    // Section 7.1: other lengths are of no version.
    const isOlder = length === wire.LEAST_LENGTH
    const isWhole = isOlder || (length >= wire.QUERY_V3_LENGTH && wire.hasAllSources(bytes, start, end))
    if (!isWhole || (!isGeneral && address >>> 28 !== 14)) {
      this.counters.malformed++
      return
    }
    this.counters.queriesReceived++
    let responseTime: Microseconds
    if (isOlder) {
      responseTime = wire.maximumResponseTimeV2(bytes, start)
      const version = responseTime === 0 ? 1 : 2
      if (version === 1) responseTime = RESPONSE_TIME_V1
      this.#speakOlder(version, responseTime)
    } else {
      responseTime = wire.maximumResponseTimeV3(bytes, start)
      this.#reporting.heardQuerier(wire.robustnessVariable(bytes, start), wire.queryInterval(bytes, start))
    }
    const group = isGeneral ? null : IpAddress.v4(address)
    this.#reporting.receiveQuery(group, responseTime, isOlder ? null : querySources(bytes, start))
  }

  #speakOlder(version: 1 | 2, responseTime: Microseconds): void {
    if (version < this.version) {
      this.#reporting.cancelReports()
      this.#log.debug('a router speaks an older version of IGMP', { version })
    }
    const until = this.#reporting.olderVersionUntil(responseTime)
    this.#clock.arm(version === 1 ? this.#querierV1Timer : this.#querierV2Timer, until)
  }

  // For `GroupReporting`.

  get isOlder(): boolean {
    return this.version < 3
  }

  /** RFC 9776, section 5: nothing is ever said of 224.0.0.1. */
  isReported(group: IpAddress): boolean {
    return group.word3 !== ALL_HOSTS
  }

  sendOlderReport({ word3 }: IpAddress): void {
    const type = this.version === 1 ? MessageType.ReportV1 : MessageType.ReportV2
    if (this.#messages.sendMessage(type, word3, word3)) this.counters.reportsSent++
  }

  sendOlderLeave({ word3 }: IpAddress): void {
    // Version 1 has no such message.
    if (this.version === 1) return
    if (this.#messages.sendMessage(MessageType.LeaveV2, word3, ALL_ROUTERS)) this.counters.leavesSent++
  }

  listeningChanged(group: IpAddress, isListening: boolean): void {
    this.#ip.setGroup(group.word3, isListening)
  }

  flush(): void {
    this.#ip.flush()
  }
}

/** Null for a query that names none and so asks for all. */
function querySources(bytes: Uint8Array, start: number): AddressSet | null {
  const count = wire.sourceCount(bytes, start)
  if (count === 0) return null
  const sources: IpAddress[] = []
  for (let i = 0; i < count; i++) sources.push(wire.querySource(bytes, start, i))
  return AddressSet.of(sources)
}
