/**
 * Internet group management, the host's part: tells the routers of the link which groups, and which sources of them, are
 * listened to. Version 3 (RFC 9776, which replaces RFC 3376); version 2 (RFC 2236) or 1 (RFC 1112) for as long as a router
 * of that version asks (RFC 9776, section 7.2).
 */
import type { IpAddress } from '../address/index.ts'
import {
  type Clock,
  MILLISECOND,
  type Microseconds,
  type Random,
  SECOND,
  Timer,
  type TimerHandler,
} from '../clock/index.ts'
import { integerInRange, SystemError } from '../errors/index.ts'
import {
  AddressSet,
  areEqual,
  FilterMode,
  type GroupMembership,
  IpProtocol,
  type IpProtocolHandler,
  type Listening,
  MulticastGroup,
  passes,
  type SourceFilter,
} from '../ip/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import { type IgmpCounters, newIgmpCounters } from './igmp-counters.ts'
import { IgmpReports } from './igmp-reports.ts'
import * as wire from './igmp-wire.ts'
import { MessageType } from './igmp-wire.ts'
import type { Ipv4 } from './ipv4.ts'

/** RFC 9776, section 8.1: the default, and as in Linux the least that a querier can ask for. */
const ROBUSTNESS = 2
/** Section 8.2, until a querier says otherwise. */
const QUERY_INTERVAL: Microseconds = 125 * SECOND
/** Section 8.11. */
const UNSOLICITED_REPORT_INTERVAL: Microseconds = SECOND
/** RFC 2236, section 8.10. */
const UNSOLICITED_REPORT_INTERVAL_V2: Microseconds = 10 * SECOND
/** RFC 1112, appendix I; RFC 2236, section 4: what a query of version 1 stands for. */
const RESPONSE_TIME_V1: Microseconds = 10 * SECOND
/** Queries that want an answer at once get it within a tick of Linux, and answers have so much between them: a flood has few. */
const LEAST_RESPONSE_TIME: Microseconds = 10 * MILLISECOND
/** Sources that a query asks for and that are kept until it is answered. */
const MAXIMUM_ASKED_SOURCES = 256

const ALL_HOSTS = (224 << 24) | 1
const ALL_ROUTERS = (224 << 24) | 2

export interface IgmpOptions {
  clock: Clock
  random: Random
  /** Groups at a time; 8 to 65,536, default 1,024. */
  maximumGroups?: number
  /** Sources in one filter; 1 to 4,096, default 64. */
  maximumSources?: number
  log?: Log
}

class Membership implements Listening, GroupMembership {
  readonly group: IpAddress
  readonly #igmp: Igmp
  #filter: SourceFilter

  constructor(igmp: Igmp, group: IpAddress, filter: SourceFilter) {
    this.#igmp = igmp
    this.group = group
    this.#filter = filter
  }

  get filter(): SourceFilter {
    return this.#filter
  }

  accepts(word0: number, word1: number, word2: number, word3: number): boolean {
    return passes(this.#filter, word0, word1, word2, word3)
  }

  setFilter(mode: FilterMode, sources: Iterable<IpAddress>): void {
    this.#filter = this.#igmp.checkFilter(mode, sources, this.group)
    this.#igmp.update(this.group)
  }

  leave(): void {
    this.#igmp.remove(this)
  }
}

export class Igmp implements IpProtocolHandler, TimerHandler {
  readonly counters: IgmpCounters = newIgmpCounters()

  readonly #ip: Ipv4
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #maximumGroups: number
  readonly #maximumSources: number
  readonly #reports: IgmpReports
  readonly #groups = new Map<number, MulticastGroup>()

  /** Section 5.2: the answer to a general query. */
  readonly #answerTimer = new Timer(this)
  /** Section 5.1: changes just made, and those to be said again. */
  readonly #changeTimer = new Timer(this)
  readonly #repetitionTimer = new Timer(this)
  /** Section 7.2.1, Older Version Querier Present: armed while that version is spoken. */
  readonly #querierV1Timer = new Timer(this)
  readonly #querierV2Timer = new Timer(this)

  #robustness = ROBUSTNESS
  #queryInterval: Microseconds = QUERY_INTERVAL
  #answeredAt: Microseconds = 0

  /** Takes the packets of its protocol from `ip`. @throws RangeError for an option out of range */
  constructor(ip: Ipv4, options: IgmpOptions) {
    this.#maximumGroups = integerInRange('maximumGroups', options.maximumGroups ?? 1024, 8, 65_536)
    this.#maximumSources = integerInRange('maximumSources', options.maximumSources ?? 64, 1, 4096)
    this.#ip = ip
    this.#clock = options.clock
    this.#random = options.random
    this.#log = options.log ?? SILENT
    this.#reports = new IgmpReports(ip, this.counters)
    ip.addProtocol(IpProtocol.Igmp, this)
    ip.onAddress((type) => {
      if (type === 'added') this.#reportAnew()
    })
  }

  /** The version that the routers of the link understand. */
  get version(): 1 | 2 | 3 {
    return this.#querierV1Timer.armed ? 1 : this.#querierV2Timer.armed ? 2 : 3
  }

  /** Groups in the table: those listened to, and those of which the routers have still to hear that they are not. */
  get groupCount(): number {
    return this.#groups.size
  }

  /**
   * Listens to a group for one socket.
   * @param mode and `sources`: which sources; all of them by default
   * @throws SystemError EINVAL for what is not an IPv4 multicast address, ENOBUFS for too many groups or sources
   */
  join(group: IpAddress, mode: FilterMode = FilterMode.Exclude, sources: Iterable<IpAddress> = []): GroupMembership {
    const syscall = 'addMembership'
    if (group.family !== 4 || !group.isMulticast) throw new SystemError('EINVAL', syscall, { address: `${group}` })
    const filter = this.checkFilter(mode, sources, group)
    let entry = this.#groups.get(group.word3)
    if (entry === undefined) {
      if (this.#groups.size >= this.#maximumGroups) {
        const hint = `${this.#maximumGroups} groups are joined already`
        throw new SystemError('ENOBUFS', syscall, { address: `${group}`, hint })
      }
      entry = new MulticastGroup(group, this.#onGroupTimer)
      this.#groups.set(group.word3, entry)
    }
    const membership = new Membership(this, group, filter)
    entry.listeners.push(membership)
    this.update(group)
    return membership
  }

  /** Stops all timers and forgets all groups; nothing is sent. */
  close(): void {
    this.#cancelReports()
    this.#clock.disarm(this.#querierV1Timer)
    this.#clock.disarm(this.#querierV2Timer)
    this.#groups.clear()
  }

  // For memberships.

  /** @throws SystemError ENOBUFS, EINVAL */
  checkFilter(mode: FilterMode, sources: Iterable<IpAddress>, group: IpAddress): SourceFilter {
    const set = AddressSet.of(sources)
    const details = { address: `${group}` }
    for (const { family } of set.addresses) {
      if (family !== 4) throw new SystemError('EINVAL', 'setSourceFilter', { ...details, hint: 'sources are of IPv4' })
    }
    if (set.size > this.#maximumSources) {
      const hint = `a filter has at most ${this.#maximumSources} sources`
      throw new SystemError('ENOBUFS', 'setSourceFilter', { ...details, hint })
    }
    return { mode, sources: set }
  }

  remove(membership: Membership): void {
    const listeners = this.#groups.get(membership.group.word3)?.listeners
    const index = listeners?.indexOf(membership) ?? -1
    if (listeners === undefined || index < 0) return
    listeners.splice(index, 1)
    this.update(membership.group)
  }

  /** A filter of this group has changed. */
  update(address: IpAddress): void {
    const group = this.#groups.get(address.word3)
    if (group === undefined) return
    const filter = group.merge()
    if (areEqual(filter, group.filter)) {
      this.#removeIfDone(group)
      return
    }
    const wasListening = group.isListening
    if (!isReported(group)) {
      group.filter = filter
      this.#removeIfDone(group)
    } else if (this.version < 3) {
      this.#changeOlder(group, filter)
    } else {
      group.change(filter, this.#robustness)
      this.#scheduleChanges()
    }
    if (wasListening !== group.isListening) this.#ip.setGroup(address.word3, group.isListening)
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
        this.#receiveReport(wire.group(memory.bytes, start))
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

  onTimer(timer: Timer): void {
    if (timer === this.#querierV1Timer || timer === this.#querierV2Timer) {
      // Section 7.2.1: with a change of version all answers and repetitions are off.
      this.#cancelReports()
      this.#log.debug('no router speaks an older version of IGMP any more', { version: this.version })
      return
    }
    if (timer === this.#answerTimer) {
      this.#answeredAt = this.#clock.now()
      for (const group of this.#everyGroup()) this.#addCurrentState(group)
    } else this.#addChanges(timer === this.#changeTimer)
    this.#reports.end()
    this.#ip.flush()
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
      // Sections 4.1.6 and 4.1.7; 0 says nothing.
      this.#robustness = Math.max(wire.robustnessVariable(bytes, start), ROBUSTNESS)
      this.#queryInterval = wire.queryInterval(bytes, start) || QUERY_INTERVAL
    }
    responseTime = Math.max(responseTime, LEAST_RESPONSE_TIME)
    const group = isGeneral ? null : (this.#groups.get(address) ?? null)
    if (!isGeneral && (group === null || !isReported(group))) return
    if (this.version < 3) this.#answerOlder(group, responseTime)
    else if (group === null) this.#answerGeneral(responseTime)
    else this.#answerSpecific(group, responseTime, querySources(bytes, start))
  }

  /** Section 5.2, rules 1 and 2. */
  #answerGeneral(responseTime: Microseconds): void {
    const due = this.#answerDueWithin(responseTime)
    if (!isDueBefore(this.#answerTimer, due)) this.#clock.arm(this.#answerTimer, due)
  }

  /** Section 5.2, rules 1 and 3 to 5. */
  #answerSpecific(group: MulticastGroup, responseTime: Microseconds, sources: AddressSet | null): void {
    const due = this.#answerDueWithin(responseTime)
    if (isDueBefore(this.#answerTimer, due)) return
    if (!group.ask(group.timer.armed, sources, MAXIMUM_ASKED_SOURCES)) this.counters.sourcesDropped++
    if (!isDueBefore(group.timer, due)) this.#clock.arm(group.timer, due)
  }

  /** RFC 2236, section 3. */
  #answerOlder(asked: MulticastGroup | null, responseTime: Microseconds): void {
    const groups = asked === null ? this.#everyGroup() : [asked]
    for (const group of groups) {
      if (!isReported(group) || !group.isListening) continue
      // A report that is due sooner than the router wants one will do.
      const remaining = group.timer.armed ? group.timer.expiry - this.#clock.now() : Number.POSITIVE_INFINITY
      if (responseTime < remaining) this.#clock.arm(group.timer, this.#dueWithin(responseTime))
    }
  }

  #receiveReport(address: number): void {
    // Section 5.1: members of version 3 do not hold back a report because of another's.
    const group = this.version === 3 ? undefined : this.#groups.get(address)
    if (group === undefined) return
    // RFC 2236, section 3: the router knows now that somebody listens, and asks again when that one leaves.
    group.isLastReporter = false
    if (!group.timer.armed) return
    this.#clock.disarm(group.timer)
    group.reportsLeftV1 = 0
    this.counters.suppressed++
  }

  #speakOlder(version: 1 | 2, responseTime: Microseconds): void {
    const before = this.version
    if (version < before) {
      this.#cancelReports()
      this.#log.debug('a router speaks an older version of IGMP', { version })
    }
    // Section 8.12. Older queries say nothing of their interval: the last known one counts, as in Linux.
    const until = this.#clock.now() + this.#robustness * this.#queryInterval + responseTime
    this.#clock.arm(version === 1 ? this.#querierV1Timer : this.#querierV2Timer, until)
  }

  #changeOlder(group: MulticastGroup, filter: SourceFilter): void {
    const wasListening = group.isListening
    group.filter = filter
    if (group.isListening === wasListening) return
    if (group.isListening) {
      this.#startReportsOlder(group)
      return
    }
    this.#clock.disarm(group.timer)
    // RFC 2236, section 3: not needed where another host has reported since. Version 1 has no such message.
    if (this.version === 2 && group.isLastReporter) {
      if (this.#reports.sendMessage(MessageType.LeaveV2, group.address.word3, ALL_ROUTERS)) this.counters.leavesSent++
      this.#ip.flush()
    }
    this.#removeIfDone(group)
  }

  /** RFC 2236, section 3: at once and again, because the first may be lost. */
  #startReportsOlder(group: MulticastGroup): void {
    group.reportsLeftV1 = this.#robustness
    this.#clock.arm(group.timer, this.#clock.now())
  }

  /** A group's own timer: the answer to a query about it, or in older versions any report. */
  readonly #onGroupTimer = (group: MulticastGroup): void => {
    const { version } = this
    if (version < 3) {
      const type = version === 1 ? MessageType.ReportV1 : MessageType.ReportV2
      const { word3 } = group.address
      if (this.#reports.sendMessage(type, word3, word3)) this.counters.reportsSent++
      group.isLastReporter = true
      if (group.reportsLeftV1 > 0 && --group.reportsLeftV1 > 0) {
        this.#clock.arm(group.timer, this.#dueWithin(UNSOLICITED_REPORT_INTERVAL_V2))
      }
    } else {
      this.#answeredAt = this.#clock.now()
      group.addAnswer(this.#reports)
      this.#reports.end()
    }
    this.#ip.flush()
  }

  /** An address of ours is new: routers and switches may not have taken what came from 0.0.0.0. */
  #reportAnew(): void {
    for (const group of this.#everyGroup()) {
      if (!isReported(group) || !group.isListening) continue
      if (this.version < 3) this.#startReportsOlder(group)
      else {
        group.reportAnew(this.#robustness)
        this.#scheduleChanges()
      }
    }
  }

  /** Changes made at one instant go out together. */
  #scheduleChanges(): void {
    if (!this.#changeTimer.armed) this.#clock.arm(this.#changeTimer, this.#clock.now())
  }

  /** Section 5.1. @param newOnly what changed just now; otherwise all that is to be said again */
  #addChanges(newOnly: boolean): void {
    let isPending = false
    for (const group of this.#everyGroup()) {
      if (newOnly ? group.isChanged : group.hasPendingReports) group.addChanges(this.#reports)
      if (group.hasPendingReports) isPending = true
      else this.#removeIfDone(group)
    }
    if (isPending && !this.#repetitionTimer.armed) {
      this.#clock.arm(this.#repetitionTimer, this.#dueWithin(UNSOLICITED_REPORT_INTERVAL))
    }
  }

  #addCurrentState(group: MulticastGroup): void {
    if (isReported(group)) group.addCurrentState(this.#reports)
  }

  #cancelReports(): void {
    this.#clock.disarm(this.#answerTimer)
    this.#clock.disarm(this.#changeTimer)
    this.#clock.disarm(this.#repetitionTimer)
    for (const group of this.#everyGroup()) {
      this.#clock.disarm(group.timer)
      group.cancelReports()
      this.#removeIfDone(group)
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
    this.#groups.delete(group.address.word3)
  }

  /** A copy, because groups are removed on the way. */
  #everyGroup(): MulticastGroup[] {
    return [...this.#groups.values()]
  }
}

/** RFC 9776, section 5: nothing is ever said of 224.0.0.1. */
function isReported({ address }: MulticastGroup): boolean {
  return address.word3 !== ALL_HOSTS
}

function isDueBefore(timer: Timer, time: Microseconds): boolean {
  return timer.armed && timer.expiry <= time
}

/** Null for a query that names none and so asks for all. */
function querySources(bytes: Uint8Array, start: number): AddressSet | null {
  const count = wire.sourceCount(bytes, start)
  if (count === 0) return null
  const sources: IpAddress[] = []
  for (let i = 0; i < count; i++) sources.push(wire.querySource(bytes, start, i))
  return AddressSet.of(sources)
}
