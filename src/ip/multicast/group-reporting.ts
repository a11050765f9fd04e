/**
 * When and what a listener of either family tells the routers of the link: RFC 3810, sections 4 to 6, and RFC 9776, sections 3
 * to 5, are the same but for their messages; so are the older versions, RFC 2710, section 4, and RFC 2236, section 3. The
 * sections named below are those of RFC 3810.
 */
import type { IpAddress, IpFamily } from '../../address/index.ts'
import {
  type Clock,
  MILLISECOND,
  type Microseconds,
  type Random,
  SECOND,
  Timer,
  type TimerHandler,
} from '../../clock/index.ts'
import { integerInRange, SystemError } from '../../errors/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { GroupSources } from '../ip.ts'
import { AddressSet } from './address-set.ts'
import { GroupTable } from './group-table.ts'
import { Membership } from './membership.ts'
import type { MulticastGroup } from './multicast-group.ts'
import type { RecordWriter } from './records.ts'
import { areEqual, type FilterMode, passes, type SourceFilter } from './source-filter.ts'

/** Section 9.1: the default, and as in Linux the least that a querier can ask for. */
const ROBUSTNESS = 2
/** Section 9.2, until a querier says otherwise. */
const QUERY_INTERVAL: Microseconds = 125 * SECOND
/** Section 9.11. */
const UNSOLICITED_REPORT_INTERVAL: Microseconds = SECOND
/** RFC 2710, section 7.10; RFC 2236, section 8.10. */
const OLDER_UNSOLICITED_REPORT_INTERVAL: Microseconds = 10 * SECOND
/** Queries that want an answer at once get it within a tick of Linux, and answers have so much between them: a flood has few. */
const LEAST_RESPONSE_TIME: Microseconds = 10 * MILLISECOND
/** Sources that a query asks for and that are kept until it is answered. */
const MAXIMUM_ASKED_SOURCES = 256

/** What is different in IGMP and in multicast listener discovery. */
export interface ReportingProtocol {
  readonly family: IpFamily
  readonly counters: { suppressed: number; sourcesDropped: number }
  /** Whether the routers of the link understand only an older version, one that knows nothing of sources. */
  readonly isOlder: boolean
  /** Takes records until `end` sends them. */
  readonly reports: RecordWriter & { end(): void }
  /** Whether anything is ever said of this group. */
  isReported(group: IpAddress): boolean
  /** In an older version: we listen, or no longer do. */
  sendOlderReport(group: IpAddress): void
  sendOlderLeave(group: IpAddress): void
  /** The interface listens to this group from now on, or no longer does. */
  listeningChanged?(group: IpAddress, isListening: boolean): void
  /** Hands what was sent to the device. */
  flush(): void
}

/** What `new GroupReporting` takes. */
export interface GroupReportingOptions {
  clock: Clock
  random: Random
  /** Groups at a time; 8 to 65,536, default 1,024. */
  maximumGroups?: number
  /** Sources in one filter; 1 to 4,096, default 64 as in Linux (mld_max_msf). */
  maximumSources?: number
}

/** Which groups a host reports to routers, and when: what IGMPv3 (RFC 3376) and MLDv2 (RFC 3810) have in common. */
export class GroupReporting implements TimerHandler, GroupSources {
  readonly #protocol: ReportingProtocol
  readonly #clock: Clock
  readonly #random: Random
  readonly #maximumGroups: number
  readonly #maximumSources: number
  readonly #groups = new GroupTable()

  /** Section 6.2: the answer to a general query. */
  readonly #answerTimer = new Timer(this)
  /** Section 6.1: changes just made, and those to be said again. */
  readonly #changeTimer = new Timer(this)
  readonly #repetitionTimer = new Timer(this)

  #robustness = ROBUSTNESS
  #queryInterval: Microseconds = QUERY_INTERVAL
  #answeredAt: Microseconds = 0

  /** @throws RangeError for an option out of range */
  constructor(protocol: ReportingProtocol, options: GroupReportingOptions) {
    this.#maximumGroups = integerInRange('maximumGroups', options.maximumGroups ?? 1024, 8, 65_536)
    this.#maximumSources = integerInRange('maximumSources', options.maximumSources ?? 64, 1, 4096)
    this.#protocol = protocol
    this.#clock = options.clock
    this.#random = options.random
  }

  /** Groups in the table: those listened to, and those of which the routers have still to hear that they are not. */
  get groupCount(): number {
    return this.#groups.size
  }

  /** @throws SystemError EINVAL for what is no group of the family, ENOBUFS for too many groups or sources */
  join(group: IpAddress, mode: FilterMode, sources: Iterable<IpAddress>): Membership {
    const syscall = 'addMembership'
    if (group.family !== this.#protocol.family || !group.isMulticast) {
      throw new SystemError('EINVAL', syscall, { address: `${group}` })
    }
    const filter = this.checkFilter(mode, sources, group)
    let entry = this.#groups.get(group)
    if (entry === null) {
      if (this.#groups.size >= this.#maximumGroups) {
        const hint = `${this.#maximumGroups} groups are joined already`
        throw new SystemError('ENOBUFS', syscall, { address: `${group}`, hint })
      }
      entry = this.#groups.add(group, this.#onGroupTimer)
    }
    const membership = new Membership(this, group, filter)
    entry.listeners.push(membership)
    this.update(group)
    return membership
  }

  /** Whether anybody listens to packets to this group from this source. */
  accepts(group: IpAddress, source: IpAddress): boolean {
    const filter = this.#groups.get(group)?.filter
    return filter !== undefined && passes(filter, source.word0, source.word1, source.word2, source.word3)
  }

  /** What is said of nowhere, 224.0.0.1 and what reaches no router, is heard from everybody. */
  wants(packet: PacketBuffer): boolean {
    const { destination0, destination1, destination2, destination3, source0, source1, source2, source3 } = packet
    const group = this.#groups.find(destination0, destination1, destination2, destination3)
    if (group === null || !group.isListening || !this.#protocol.isReported(group.address)) return true
    return passes(group.filter, source0, source1, source2, source3)
  }

  /** Whether anybody listens to this group, be it to some sources only. */
  isJoined(group: IpAddress): boolean {
    return this.#groups.get(group)?.isListening === true
  }

  /** We have another source address: routers may not have taken reports from the one before. */
  reportAnew(): void {
    for (const group of this.#groups.all()) {
      if (!this.#protocol.isReported(group.address) || !group.isListening) continue
      if (this.#protocol.isOlder) this.#startOlderReports(group)
      else {
        group.reportAnew(this.#robustness)
        this.#scheduleChanges()
      }
    }
  }

  /** Stops all timers and forgets all groups; nothing is sent. */
  close(): void {
    this.cancelReports()
    this.#groups.clear()
  }

  // For the protocol.

  /** What a querier of the newest version says of itself, sections 5.1.8 and 5.1.9. @param queryInterval 0 says nothing */
  heardQuerier(robustness: number, queryInterval: Microseconds): void {
    this.#robustness = Math.max(robustness, ROBUSTNESS)
    this.#queryInterval = queryInterval || QUERY_INTERVAL
  }

  /**
   * Section 9.12: how long an older version is spoken after a query of it, which says nothing of its interval: the last known
   * one counts, as in Linux.
   */
  olderVersionUntil(responseTime: Microseconds): Microseconds {
    return this.#clock.now() + this.#robustness * this.#queryInterval + responseTime
  }

  /**
   * A query, section 6.2.
   * @param address the group asked about, null for all of them
   * @param sources null for all of them
   */
  receiveQuery(address: IpAddress | null, asksWithin: Microseconds, sources: AddressSet | null): void {
    const responseTime = Math.max(asksWithin, LEAST_RESPONSE_TIME)
    const group = address === null ? null : this.#groups.get(address)
    if (address !== null && (group === null || !this.#protocol.isReported(address))) return
    if (this.#protocol.isOlder) this.#answerOlder(group, responseTime)
    else if (group === null) this.#answerGeneral(responseTime)
    else this.#answerSpecific(group, responseTime, sources)
  }

  /** In an older version: another host has said that it listens to this group. */
  receiveOlderReport(address: IpAddress): void {
    const group = this.#groups.get(address)
    if (group === null) return
    // RFC 2710, section 4: the router knows now that somebody listens, and asks again when that one says that it is done.
    group.isLastReporter = false
    if (!group.timer.armed) return
    this.#clock.disarm(group.timer)
    group.reportsLeftV1 = 0
    this.#protocol.counters.suppressed++
  }

  /** Section 8.2.1: with a change of version all answers and repetitions are off. */
  cancelReports(): void {
    this.#clock.disarm(this.#answerTimer)
    this.#clock.disarm(this.#changeTimer)
    this.#clock.disarm(this.#repetitionTimer)
    for (const group of this.#groups.all()) {
      this.#clock.disarm(group.timer)
      group.cancelReports()
      this.#removeIfDone(group)
    }
  }

  // For memberships.

  /** @throws SystemError ENOBUFS, EINVAL */
  checkFilter(mode: FilterMode, sources: Iterable<IpAddress>, group: IpAddress): SourceFilter {
    const set = AddressSet.of(sources)
    const details = { address: `${group}` }
    const { family } = this.#protocol
    if (set.addresses.some((source) => source.family !== family)) {
      throw new SystemError('EINVAL', 'setSourceFilter', { ...details, hint: `sources are of IPv${family}` })
    }
    if (set.size > this.#maximumSources) {
      const hint = `a filter has at most ${this.#maximumSources} sources`
      throw new SystemError('ENOBUFS', 'setSourceFilter', { ...details, hint })
    }
    return { mode, sources: set }
  }

  remove(membership: Membership): void {
    const listeners = this.#groups.get(membership.group)?.listeners
    const index = listeners?.indexOf(membership) ?? -1
    if (listeners === undefined || index < 0) return
    listeners.splice(index, 1)
    this.update(membership.group)
  }

  /** A filter of this group has changed. */
  update(address: IpAddress): void {
    const group = this.#groups.get(address)
    if (group === null) return
    const filter = group.merge()
    if (areEqual(filter, group.filter)) {
      this.#removeIfDone(group)
      return
    }
    const wasListening = group.isListening
    if (!this.#protocol.isReported(address)) {
      group.filter = filter
      this.#removeIfDone(group)
    } else if (this.#protocol.isOlder) {
      this.#changeOlder(group, filter)
    } else {
      group.change(filter, this.#robustness)
      this.#scheduleChanges()
    }
    if (wasListening !== group.isListening) this.#protocol.listeningChanged?.(address, group.isListening)
  }

  onTimer(timer: Timer): void {
    const { reports } = this.#protocol
    if (timer === this.#answerTimer) {
      this.#answeredAt = this.#clock.now()
      for (const group of this.#groups.all()) {
        if (this.#protocol.isReported(group.address)) group.addCurrentState(reports)
      }
    } else this.#addChanges(timer === this.#changeTimer)
    reports.end()
    this.#protocol.flush()
  }

  /** Section 6.2, rules 1 and 2. */
  #answerGeneral(responseTime: Microseconds): void {
    const due = this.#answerDueWithin(responseTime)
    if (!isDueBefore(this.#answerTimer, due)) this.#clock.arm(this.#answerTimer, due)
  }

  /** Section 6.2, rules 1 and 3 to 5. */
  #answerSpecific(group: MulticastGroup, responseTime: Microseconds, sources: AddressSet | null): void {
    const due = this.#answerDueWithin(responseTime)
    if (isDueBefore(this.#answerTimer, due)) return
    if (!group.ask(group.timer.armed, sources, MAXIMUM_ASKED_SOURCES)) this.#protocol.counters.sourcesDropped++
    if (!isDueBefore(group.timer, due)) this.#clock.arm(group.timer, due)
  }

  /** RFC 2710, section 4; RFC 2236, section 3. */
  #answerOlder(asked: MulticastGroup | null, responseTime: Microseconds): void {
    for (const group of asked === null ? this.#groups.all() : [asked]) {
      if (!this.#protocol.isReported(group.address) || !group.isListening) continue
      // A report that is due sooner than the router wants one will do.
      const remaining = group.timer.armed ? group.timer.expiry - this.#clock.now() : Number.POSITIVE_INFINITY
      if (responseTime < remaining) this.#clock.arm(group.timer, this.#dueWithin(responseTime))
    }
  }

  #changeOlder(group: MulticastGroup, filter: SourceFilter): void {
    const wasListening = group.isListening
    group.filter = filter
    if (group.isListening === wasListening) return
    if (group.isListening) {
      this.#startOlderReports(group)
      return
    }
    this.#clock.disarm(group.timer)
    // RFC 2710, section 4: not needed where another host has reported since.
    if (group.isLastReporter) {
      this.#protocol.sendOlderLeave(group.address)
      this.#protocol.flush()
    }
    this.#removeIfDone(group)
  }

  /** RFC 2710, section 4: at once and again, because the first may be lost. */
  #startOlderReports(group: MulticastGroup): void {
    group.reportsLeftV1 = this.#robustness
    this.#clock.arm(group.timer, this.#clock.now())
  }

  /** A group's own timer: the answer to a query about it, or in older versions any report. */
  readonly #onGroupTimer = (group: MulticastGroup): void => {
    if (this.#protocol.isOlder) {
      this.#protocol.sendOlderReport(group.address)
      group.isLastReporter = true
      if (group.reportsLeftV1 > 0 && --group.reportsLeftV1 > 0) {
        this.#clock.arm(group.timer, this.#dueWithin(OLDER_UNSOLICITED_REPORT_INTERVAL))
      }
    } else {
      this.#answeredAt = this.#clock.now()
      group.addAnswer(this.#protocol.reports)
      this.#protocol.reports.end()
    }
    this.#protocol.flush()
  }

  /** Changes made at one instant go out together. */
  #scheduleChanges(): void {
    if (!this.#changeTimer.armed) this.#clock.arm(this.#changeTimer, this.#clock.now())
  }

  /** Section 6.1. @param newOnly what changed just now; otherwise all that is to be said again */
  #addChanges(newOnly: boolean): void {
    let isPending = false
    for (const group of this.#groups.all()) {
      if (newOnly ? group.isChanged : group.hasPendingReports) group.addChanges(this.#protocol.reports)
      if (group.hasPendingReports) isPending = true
      else this.#removeIfDone(group)
    }
    if (isPending && !this.#repetitionTimer.armed) {
      this.#clock.arm(this.#repetitionTimer, this.#dueWithin(UNSOLICITED_REPORT_INTERVAL))
    }
  }

  #answerDueWithin(responseTime: Microseconds): Microseconds {
    return Math.max(this.#dueWithin(responseTime), this.#answeredAt + LEAST_RESPONSE_TIME)
  }

  #dueWithin(interval: Microseconds): Microseconds {
    return this.#clock.now() + Math.floor(this.#random.fraction() * interval)
  }

  #removeIfDone(group: MulticastGroup): void {
    if (group.listeners.length > 0 || group.isListening || group.isChanged || group.hasPendingReports) return
    this.#clock.disarm(group.timer)
    this.#groups.remove(group)
  }
}

function isDueBefore(timer: Timer, time: Microseconds): boolean {
  return timer.armed && timer.expiry <= time
}
