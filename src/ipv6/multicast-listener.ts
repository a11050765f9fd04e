/**
 * Multicast listener discovery, the host's part: tells the routers of the link which groups, and which sources of them, are
 * listened to. Version 2 (RFC 3810); version 1 (RFC 2710) for as long as a router of that version asks (RFC 3810, 8.2.1).
 * When what is told is `GroupReporting`, which serves IPv4, too.
 */
import type { IpAddress } from '../address/index.ts'
import { type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import {
  AddressSet,
  FilterMode,
  GroupReporting,
  type GroupReportingOptions,
  type Membership,
  type ReportingProtocol,
  ReportPacker,
} from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { Scope } from './address-scope.ts'
import { ALL_ROUTERS, isLinkLocalWord } from './addresses.ts'
import type { ControlHandler, Ipv6Link } from './link.ts'
import { type MulticastListenerCounters, newMulticastListenerCounters } from './multicast-listener-counters.ts'
import { ListenerMessages } from './multicast-listener-messages.ts'
import * as wire from './multicast-listener-wire.ts'
import { MessageType } from './multicast-listener-wire.ts'

export interface MulticastListenerOptions extends Omit<GroupReportingOptions, 'clock' | 'random'> {
  log?: Log
}

export class MulticastListener implements ControlHandler, ReportingProtocol, TimerHandler {
  readonly family = 6
  readonly counters: MulticastListenerCounters = newMulticastListenerCounters()
  readonly reports: ReportPacker

  readonly #link: Ipv6Link
  readonly #log: Log
  readonly #messages: ListenerMessages
  readonly #reporting: GroupReporting
  /** Section 8.2.1, Older Version Querier Present: armed while version 1 is spoken. */
  readonly #olderQuerierTimer = new Timer(this)

  /**
   * Registers itself for the messages of multicast listener discovery.
   * @param source gives a link-local address of ours that is no longer tentative, or the unspecified one while there is none
   *   (RFC 3590)
   * @throws RangeError for an option out of range
   */
  constructor(link: Ipv6Link, source: () => IpAddress, options: MulticastListenerOptions = {}) {
    this.#link = link
    this.#log = options.log ?? SILENT
    this.#messages = new ListenerMessages(link, source, this.counters)
    this.reports = new ReportPacker(this.#messages, this.counters)
    this.#reporting = new GroupReporting(this, { ...options, clock: link.clock, random: link.random })
    for (const type of Object.values(MessageType)) link.addControlHandler(type, this)
  }

  /** The version that the routers of the link understand. */
  get version(): 1 | 2 {
    return this.#olderQuerierTimer.armed ? 1 : 2
  }

  /** Groups in the table: those listened to, and those of which the routers have still to hear that they are not. */
  get groupCount(): number {
    return this.#reporting.groupCount
  }

  /**
   * Listens to a group for one socket.
   * @param mode and `sources`: which sources; all of them by default
   * @throws SystemError EINVAL for what is not an IPv6 multicast address, ENOBUFS for too many groups or sources
   */
  join(group: IpAddress, mode: FilterMode = FilterMode.Exclude, sources: Iterable<IpAddress> = []): Membership {
    return this.#reporting.join(group, mode, sources)
  }

  /** Whether anybody listens to packets to this group from this source. */
  accepts(group: IpAddress, source: IpAddress): boolean {
    return this.#reporting.accepts(group, source)
  }

  wants(packet: PacketBuffer): boolean {
    return this.#reporting.wants(packet)
  }

  /** Whether anybody listens to this group, be it to some sources only. */
  isJoined(group: IpAddress): boolean {
    return this.#reporting.isJoined(group)
  }

  /**
   * The interface has a link-local address now, or another one. Routers ignore reports from the unspecified address (RFC
   * 3810, 5.2.13), so all groups are reported again.
   */
  sourceChanged(): void {
    this.#reporting.reportAnew()
  }

  /** Stops all timers and forgets all groups; nothing is sent. */
  close(): void {
    this.#reporting.close()
    this.#link.clock.disarm(this.#olderQuerierTimer)
  }

  receiveControl(packet: PacketBuffer, type: number, routerAlert: boolean): void {
    const bytes = packet.memory.bytes
    if (packet.length < wire.MESSAGE_V1_LENGTH && type !== MessageType.ReportV2) {
      this.counters.malformed++
      return
    }
    // RFC 3810, 6.2, and RFC 2710, section 4. Routers forward none of these messages, so nobody off the link can send one.
    const isQuery = type === MessageType.Query
    if (!isLinkLocalWord(packet.source0) || packet.hopLimit !== 1 || (isQuery && !routerAlert)) {
      this.counters.notFromLink++
      return
    }
    if (isQuery) this.#receiveQuery(bytes, packet.start, packet.end)
    else this.#receiveReport(bytes, packet.start, type)
  }

  /** The last router of version 1 has gone. */
  onTimer(): void {
    this.#reporting.cancelReports()
    this.#log.debug('no router speaks version 1 of multicast listener discovery any more')
  }

  #receiveQuery(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    const address = wire.multicastAddress(bytes, start)
    const isGeneral = address.isUnspecified
    // RFC 3810, 8.1: other lengths are of no version.
    const isV1 = length === wire.QUERY_V1_LENGTH
    const isWhole = isV1 || (length >= wire.QUERY_V2_LENGTH && wire.hasAllSources(bytes, start, end))
    if (!isWhole || (!isGeneral && !address.isMulticast)) {
      this.counters.malformed++
      return
    }
    this.counters.queriesReceived++
    let responseTime: Microseconds
    if (isV1) {
      responseTime = wire.maximumResponseDelayV1(bytes, start)
      this.#speakVersion1(responseTime)
    } else {
      responseTime = wire.maximumResponseDelayV2(bytes, start)
      this.#reporting.heardQuerier(wire.robustnessVariable(bytes, start), wire.queryInterval(bytes, start))
    }
    const group = isGeneral ? null : address
    this.#reporting.receiveQuery(group, responseTime, isV1 ? null : querySources(bytes, start))
  }

  #receiveReport(bytes: Uint8Array, start: number, type: number): void {
    this.counters.reportsReceived++
    // RFC 3810, 6.1: listeners of version 2 do not hold back a report because of another's.
    if (type !== MessageType.ReportV1 || !this.isOlder) return
    this.#reporting.receiveOlderReport(wire.multicastAddress(bytes, start))
  }

  #speakVersion1(responseTime: Microseconds): void {
    if (!this.isOlder) {
      this.#reporting.cancelReports()
      this.#log.debug('a router speaks version 1 of multicast listener discovery')
    }
    this.#link.clock.arm(this.#olderQuerierTimer, this.#reporting.olderVersionUntil(responseTime))
  }

  // For `GroupReporting`.

  get isOlder(): boolean {
    return this.version === 1
  }

  /** RFC 3810, section 6: nothing is ever said of ff02::1, nor of groups that do not leave the interface. */
  isReported({ word0, word1, word2, word3 }: IpAddress): boolean {
    if (((word0 >>> 16) & 0x0f) <= Scope.InterfaceLocal) return false
    return !(word0 === (0xff02_0000 | 0) && word1 === 0 && word2 === 0 && word3 === 1)
  }

  sendOlderReport(group: IpAddress): void {
    if (this.#messages.sendMessageV1(MessageType.ReportV1, group, group)) this.counters.reportsSent++
  }

  sendOlderLeave(group: IpAddress): void {
    if (this.#messages.sendMessageV1(MessageType.DoneV1, group, ALL_ROUTERS)) this.counters.doneSent++
  }

  flush(): void {
    this.#link.flush()
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
