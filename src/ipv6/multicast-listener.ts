/**
 * Multicast listener discovery, the host's part: tells the routers of the link which groups, and which sources of them, are
 * listened to. Version 2 (RFC 3810); version 1 (RFC 2710) for as long as a router of that version asks (RFC 3810, 8.2.1).
 */
import type { IpAddress } from '../address/index.ts'
import { MILLISECOND, type Microseconds, SECOND, Timer, type TimerHandler } from '../clock/index.ts'
import { integerInRange, SystemError } from '../errors/index.ts'
import {
  AddressSet,
  areEqual,
  FilterMode,
  type GroupMembership,
  type Listening,
  MulticastGroup,
  passes,
  type SourceFilter,
} from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { Scope } from './address-scope.ts'
import { ALL_ROUTERS, isLinkLocalWord } from './addresses.ts'
import type { ControlHandler, Ipv6Link } from './link.ts'
import { type MulticastListenerCounters, newMulticastListenerCounters } from './multicast-listener-counters.ts'
import { ReportWriter } from './multicast-listener-reports.ts'
import * as wire from './multicast-listener-wire.ts'
import { MessageType } from './multicast-listener-wire.ts'

/** RFC 3810, section 9.1: the default, and as in Linux the least that a querier can ask for. */
const ROBUSTNESS = 2
/** Section 9.2, until a querier says otherwise. */
const QUERY_INTERVAL: Microseconds = 125 * SECOND
/** Section 9.11. */
const UNSOLICITED_REPORT_INTERVAL: Microseconds = SECOND
/** RFC 2710, section 7.10. */
const UNSOLICITED_REPORT_INTERVAL_V1: Microseconds = 10 * SECOND
/** Queries that want an answer at once get it within a tick of Linux, so that a flood of them has few answers. */
const LEAST_RESPONSE_TIME: Microseconds = 10 * MILLISECOND

/** Sources that a query asks for and that are kept until it is answered. */
const MAXIMUM_ASKED_SOURCES = 256

export interface MulticastListenerOptions {
  /** Groups at a time; 8 to 65,536, default 1,024. */
  maximumGroups?: number
  /** Sources in one filter; 1 to 4,096, default 64 as in Linux (mld_max_msf). */
  maximumSources?: number
  log?: Log
}

/** What one socket wants of one group. */
export class MulticastMembership implements Listening, GroupMembership {
  readonly group: IpAddress
  readonly #listener: MulticastListener
  #filter: SourceFilter

  /** Through `MulticastListener.join`. */
  constructor(listener: MulticastListener, group: IpAddress, filter: SourceFilter) {
    this.#listener = listener
    this.group = group
    this.#filter = filter
  }

  get filter(): SourceFilter {
    return this.#filter
  }

  /** Whether a packet of the group from this source is for the socket; words as in `IpAddress`. */
  accepts(word0: number, word1: number, word2: number, word3: number): boolean {
    return passes(this.#filter, word0, word1, word2, word3)
  }

  /**
   * Listens to other sources from now on: RFC 3810, section 3, IPv6MulticastListen.
   * @throws SystemError ENOBUFS if there are too many
   */
  setFilter(mode: FilterMode, sources: Iterable<IpAddress>): void {
    this.#filter = this.#listener.checkFilter(mode, sources, this.group)
    this.#listener.update(this.group)
  }

  /** No longer listens; harmless when it has left already. */
  leave(): void {
    this.#listener.remove(this)
  }
}

export class MulticastListener implements ControlHandler, TimerHandler {
  readonly counters: MulticastListenerCounters = newMulticastListenerCounters()

  readonly #link: Ipv6Link
  readonly #source: () => IpAddress
  readonly #log: Log
  readonly #maximumGroups: number
  readonly #maximumSources: number
  readonly #writer: ReportWriter
  /** By the last word of the address, `following` behind it. */
  readonly #groups = new Map<number, MulticastGroup>()
  #groupCount = 0

  /** Section 6.2: the answer to a general query. */
  readonly #answerTimer = new Timer(this)
  /** Section 6.1: changes just made, and those to be said again. */
  readonly #changeTimer = new Timer(this)
  readonly #repetitionTimer = new Timer(this)
  /** Section 8.2.1, Older Version Querier Present: armed while version 1 is spoken. */
  readonly #olderQuerierTimer = new Timer(this)

  #robustness = ROBUSTNESS
  #queryInterval: Microseconds = QUERY_INTERVAL

  /**
   * Registers itself for the messages of multicast listener discovery.
   * @param source gives a link-local address of ours that is no longer tentative, or the unspecified one while there is none
   *   (RFC 3590)
   * @throws RangeError for an option out of range
   */
  constructor(link: Ipv6Link, source: () => IpAddress, options: MulticastListenerOptions = {}) {
    this.#maximumGroups = integerInRange('maximumGroups', options.maximumGroups ?? 1024, 8, 65_536)
    this.#maximumSources = integerInRange('maximumSources', options.maximumSources ?? 64, 1, 4096)
    this.#link = link
    this.#source = source
    this.#log = options.log ?? SILENT
    this.#writer = new ReportWriter(link, this.counters)
    for (const type of Object.values(MessageType)) link.addControlHandler(type, this)
  }

  /** The version that the routers of the link understand. */
  get version(): 1 | 2 {
    return this.#olderQuerierTimer.armed ? 1 : 2
  }

  /** Groups in the table: those listened to, and those of which the routers have still to hear that they are not. */
  get groupCount(): number {
    return this.#groupCount
  }

  /**
   * Listens to a group for one socket.
   * @param mode and `sources`: which sources; all of them by default
   * @throws SystemError EINVAL for what is not an IPv6 multicast address, ENOBUFS for too many groups or sources
   */
  join(
    group: IpAddress,
    mode: FilterMode = FilterMode.Exclude,
    sources: Iterable<IpAddress> = [],
  ): MulticastMembership {
    const syscall = 'addMembership'
    if (group.family !== 6 || !group.isMulticast) throw new SystemError('EINVAL', syscall, { address: `${group}` })
    const filter = this.checkFilter(mode, sources, group)
    let entry = this.#find(group.word0, group.word1, group.word2, group.word3)
    if (entry === null) {
      if (this.#groupCount >= this.#maximumGroups) {
        const hint = `${this.#maximumGroups} groups are joined already`
        throw new SystemError('ENOBUFS', syscall, { address: `${group}`, hint })
      }
      entry = this.#add(group)
    }
    const membership = new MulticastMembership(this, group, filter)
    entry.listeners.push(membership)
    this.update(group)
    return membership
  }

  /** Whether anybody listens to packets to this group from this source; words as in `IpAddress`. Allocates nothing. */
  accepts(
    group0: number,
    group1: number,
    group2: number,
    group3: number,
    source0: number,
    source1: number,
    source2: number,
    source3: number,
  ): boolean {
    const group = this.#find(group0, group1, group2, group3)
    return group !== null && passes(group.filter, source0, source1, source2, source3)
  }

  /** Whether anybody listens to this group, be it to some sources only. */
  isJoined(group: IpAddress): boolean {
    return this.#find(group.word0, group.word1, group.word2, group.word3)?.isListening === true
  }

  /**
   * The interface has a link-local address now, or another one. Routers ignore reports from the unspecified address (RFC
   * 3810, 5.2.13), so all groups are reported again.
   */
  sourceChanged(): void {
    for (const group of this.#everyGroup()) {
      if (!isReported(group) || !group.isListening) continue
      if (this.version === 1) this.#startReportsV1(group)
      else group.reportAnew(this.#robustness)
    }
    if (this.version === 2) this.#scheduleChanges()
  }

  /** Stops all timers and forgets all groups; nothing is sent. */
  close(): void {
    this.#cancelReports()
    this.#link.clock.disarm(this.#olderQuerierTimer)
    this.#groups.clear()
    this.#groupCount = 0
  }

  // For memberships.

  /** @throws SystemError ENOBUFS */
  checkFilter(mode: FilterMode, sources: Iterable<IpAddress>, group: IpAddress): SourceFilter {
    const set = AddressSet.of(sources)
    if (set.size > this.#maximumSources) {
      const hint = `a filter has at most ${this.#maximumSources} sources`
      throw new SystemError('ENOBUFS', 'setSourceFilter', { address: `${group}`, hint })
    }
    return { mode, sources: set }
  }

  remove(membership: MulticastMembership): void {
    const { group } = membership
    const listeners = this.#find(group.word0, group.word1, group.word2, group.word3)?.listeners
    const index = listeners?.indexOf(membership) ?? -1
    if (listeners === undefined || index < 0) return
    listeners.splice(index, 1)
    this.update(group)
  }

  /** A filter of this group has changed. */
  update(address: IpAddress): void {
    const group = this.#find(address.word0, address.word1, address.word2, address.word3)
    if (group === null) return
    const filter = group.merge()
    if (areEqual(filter, group.filter)) {
      this.#removeIfDone(group)
      return
    }
    if (!isReported(group)) {
      group.filter = filter
      this.#removeIfDone(group)
    } else if (this.version === 1) {
      this.#changeV1(group, filter)
    } else {
      group.change(filter, this.#robustness)
      this.#scheduleChanges()
    }
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

  onTimer(timer: Timer): void {
    if (timer === this.#olderQuerierTimer) {
      // Section 8.2.1: with a change of version all answers and repetitions are off.
      this.#cancelReports()
      this.#log.debug('no router speaks version 1 of multicast listener discovery any more')
      return
    }
    this.#writer.begin(this.#source())
    if (timer === this.#answerTimer) for (const group of this.#everyGroup()) this.#addCurrentState(group)
    else this.#addChanges(timer === this.#changeTimer)
    this.#writer.end()
    this.#link.flush()
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
      // Sections 5.1.8 and 5.1.9; 0 says nothing.
      this.#robustness = Math.max(wire.robustnessVariable(bytes, start), ROBUSTNESS)
      this.#queryInterval = wire.queryInterval(bytes, start) || QUERY_INTERVAL
    }
    responseTime = Math.max(responseTime, LEAST_RESPONSE_TIME)
    const group = isGeneral ? null : this.#find(address.word0, address.word1, address.word2, address.word3)
    if (!isGeneral && (group === null || !isReported(group))) return
    if (this.version === 1) this.#answerV1(group, responseTime)
    else if (group === null) this.#answerGeneral(responseTime)
    else this.#answerSpecific(group, responseTime, querySources(bytes, start))
  }

  /** Section 6.2, rules 1 and 2. */
  #answerGeneral(responseTime: Microseconds): void {
    const due = this.#dueWithin(responseTime)
    if (!this.#isDueBefore(this.#answerTimer, due)) this.#link.clock.arm(this.#answerTimer, due)
  }

  /** Section 6.2, rules 1 and 3 to 5. */
  #answerSpecific(group: MulticastGroup, responseTime: Microseconds, sources: AddressSet | null): void {
    const due = this.#dueWithin(responseTime)
    if (this.#isDueBefore(this.#answerTimer, due)) return
    if (!group.ask(group.timer.armed, sources, MAXIMUM_ASKED_SOURCES)) this.counters.sourcesDropped++
    if (!this.#isDueBefore(group.timer, due)) this.#link.clock.arm(group.timer, due)
  }

  /** RFC 2710, section 4. */
  #answerV1(asked: MulticastGroup | null, responseTime: Microseconds): void {
    const { clock } = this.#link
    const groups = asked === null ? this.#everyGroup() : [asked]
    for (const group of groups) {
      if (!isReported(group) || !group.isListening) continue
      // A report that is due sooner than the router wants one will do.
      const remaining = group.timer.armed ? group.timer.expiry - clock.now() : Number.POSITIVE_INFINITY
      if (responseTime < remaining) clock.arm(group.timer, this.#dueWithin(responseTime))
    }
  }

  #receiveReport(bytes: Uint8Array, start: number, type: number): void {
    this.counters.reportsReceived++
    // RFC 3810, 6.1: listeners of version 2 do not hold back a report because of another's.
    if (type !== MessageType.ReportV1 || this.version !== 1) return
    const { word0, word1, word2, word3 } = wire.multicastAddress(bytes, start)
    const group = this.#find(word0, word1, word2, word3)
    if (group === null) return
    // RFC 2710, section 4: the router knows now that somebody listens, and asks again when that one says that it is done.
    group.isLastReporter = false
    if (!group.timer.armed) return
    this.#link.clock.disarm(group.timer)
    group.reportsLeftV1 = 0
    this.counters.suppressed++
  }

  #speakVersion1(responseTime: Microseconds): void {
    const { clock } = this.#link
    if (this.version === 2) {
      this.#cancelReports()
      this.#log.debug('a router speaks version 1 of multicast listener discovery')
    }
    // Section 9.12. A query of version 1 says nothing of its interval: the last known one counts, as in Linux.
    clock.arm(this.#olderQuerierTimer, clock.now() + this.#robustness * this.#queryInterval + responseTime)
  }

  #changeV1(group: MulticastGroup, filter: SourceFilter): void {
    const wasListening = group.isListening
    group.filter = filter
    if (group.isListening === wasListening) return
    if (group.isListening) {
      this.#startReportsV1(group)
      return
    }
    this.#link.clock.disarm(group.timer)
    // RFC 2710, section 4: not needed where another host has reported since.
    if (group.isLastReporter && this.#sendV1(MessageType.DoneV1, group.address, ALL_ROUTERS)) {
      this.counters.doneSent++
      this.#link.flush()
    }
    this.#removeIfDone(group)
  }

  /** RFC 2710, section 4: at once and again, because the first may be lost. */
  #startReportsV1(group: MulticastGroup): void {
    group.reportsLeftV1 = this.#robustness
    this.#link.clock.arm(group.timer, this.#link.clock.now())
  }

  /** A group's own timer: the answer to a query about it, or in version 1 any report. */
  readonly #onGroupTimer = (group: MulticastGroup): void => {
    if (this.version === 1) {
      if (this.#sendV1(MessageType.ReportV1, group.address, group.address)) this.counters.reportsSent++
      group.isLastReporter = true
      if (group.reportsLeftV1 > 0 && --group.reportsLeftV1 > 0) {
        this.#link.clock.arm(group.timer, this.#dueWithin(UNSOLICITED_REPORT_INTERVAL_V1))
      }
    } else {
      this.#writer.begin(this.#source())
      group.addAnswer(this.#writer)
      this.#writer.end()
    }
    this.#link.flush()
  }

  #sendV1(type: number, group: IpAddress, destination: IpAddress): boolean {
    const { memory } = this.#link
    const packet = memory.allocate(wire.MESSAGE_V1_LENGTH)
    if (packet === null) {
      this.counters.noMemory++
      return false
    }
    wire.writeMessageV1(memory.bytes, packet.start, type, group)
    packet.end = packet.start + wire.MESSAGE_V1_LENGTH
    this.#link.sendControl(packet, this.#source(), destination, 1, null, true)
    return true
  }

  /** Changes made at one instant go out together. */
  #scheduleChanges(): void {
    const { clock } = this.#link
    if (!this.#changeTimer.armed) clock.arm(this.#changeTimer, clock.now())
  }

  /** Section 6.1. @param newOnly what changed just now; otherwise all that is to be said again */
  #addChanges(newOnly: boolean): void {
    let isPending = false
    for (const group of this.#everyGroup()) {
      if (newOnly ? group.isChanged : group.hasPendingReports) group.addChanges(this.#writer)
      if (group.hasPendingReports) isPending = true
      else this.#removeIfDone(group)
    }
    if (isPending && !this.#repetitionTimer.armed) {
      this.#link.clock.arm(this.#repetitionTimer, this.#dueWithin(UNSOLICITED_REPORT_INTERVAL))
    }
  }

  #addCurrentState(group: MulticastGroup): void {
    if (isReported(group)) group.addCurrentState(this.#writer)
  }

  /** Section 8.2.1: with a change of version all answers and repetitions are off. */
  #cancelReports(): void {
    const { clock } = this.#link
    clock.disarm(this.#answerTimer)
    clock.disarm(this.#changeTimer)
    clock.disarm(this.#repetitionTimer)
    for (const group of this.#everyGroup()) {
      clock.disarm(group.timer)
      group.cancelReports()
      this.#removeIfDone(group)
    }
  }

  #dueWithin(interval: Microseconds): Microseconds {
    return this.#link.clock.now() + Math.floor(this.#link.random.fraction() * interval)
  }

  #isDueBefore(timer: Timer, time: Microseconds): boolean {
    return timer.armed && timer.expiry <= time
  }

  #find(word0: number, word1: number, word2: number, word3: number): MulticastGroup | null {
    let group = this.#groups.get(word3) ?? null
    while (group !== null) {
      const { address } = group
      if (address.word2 === word2 && address.word1 === word1 && address.word0 === word0) return group
      group = group.following
    }
    return null
  }

  #add(address: IpAddress): MulticastGroup {
    const group = new MulticastGroup(address, this.#onGroupTimer)
    group.following = this.#groups.get(address.word3) ?? null
    this.#groups.set(address.word3, group)
    this.#groupCount++
    return group
  }

  #removeIfDone(group: MulticastGroup): void {
    if (group.listeners.length > 0 || group.isListening || group.isChanged || group.hasPendingReports) return
    this.#link.clock.disarm(group.timer)
    const key = group.address.word3
    const first = this.#groups.get(key)
    if (first === group) {
      if (group.following === null) this.#groups.delete(key)
      else this.#groups.set(key, group.following)
    } else {
      let before = first
      while (before !== undefined && before.following !== group) before = before.following ?? undefined
      if (before === undefined) return
      before.following = group.following
    }
    this.#groupCount--
  }

  /** A copy, because groups are removed on the way. */
  #everyGroup(): MulticastGroup[] {
    const groups: MulticastGroup[] = []
    for (const first of this.#groups.values()) {
      for (let group: MulticastGroup | null = first; group !== null; group = group.following) groups.push(group)
    }
    return groups
  }
}

/** RFC 3810, section 6: nothing is ever said of ff02::1, nor of groups that do not leave the interface. */
function isReported({ address }: MulticastGroup): boolean {
  const scope = (address.word0 >>> 16) & 0x0f
  if (scope <= Scope.InterfaceLocal) return false
  return !(address.word0 === (0xff02_0000 | 0) && address.word1 === 0 && address.word2 === 0 && address.word3 === 1)
}

/** Null for a query that names none and so asks for all. */
function querySources(bytes: Uint8Array, start: number): AddressSet | null {
  const count = wire.sourceCount(bytes, start)
  if (count === 0) return null
  const sources: IpAddress[] = []
  for (let i = 0; i < count; i++) sources.push(wire.querySource(bytes, start, i))
  return AddressSet.of(sources)
}
