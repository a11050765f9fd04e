/**
 * What a listener of either family keeps about one group: who listens, what the interface listens to for all of them, and
 * what of that is still to be told to the routers. Sections 4.2 and 6 of RFC 3810; RFC 9776, sections 3.2 and 5, says the
 * same for IPv4.
 */
import type { IpAddress } from '../../address/index.ts'
import { Timer, type TimerHandler } from '../../clock/index.ts'
import type { AddressSet } from './address-set.ts'
import { GroupRecordType, type RecordWriter } from './records.ts'
import { FilterMode, isListening, mergeFilters, NOT_LISTENING, type SourceFilter } from './source-filter.ts'

/** What somebody who listens to a group wants of it. */
export interface Listening {
  readonly filter: SourceFilter
}

/** A source that began or ceased to be listened to, in as many reports to come. */
interface SourceChange {
  readonly source: IpAddress
  reportsLeft: number
}

export class MulticastGroup {
  readonly address: IpAddress
  /** Groups whose last words are the same, in the listener's table. */
  following: MulticastGroup | null = null
  readonly listeners: Listening[] = []
  /** Of the interface. */
  filter: SourceFilter = NOT_LISTENING

  /** Answers queries about this group; in version 1 it runs for all reports of the group. */
  readonly timer: Timer
  /** Sources that queries asked for; null while nothing or all of them is asked for. */
  #asked: AddressSet | null = null

  /** Changed since the last report of changes. */
  isChanged = false
  #modeReportsLeft = 0
  #sourceChanges: SourceChange[] = []

  /** Older versions, RFC 2710, section 5, and RFC 2236, section 6: reports that nobody asked for still to be sent, and whether ours was the last. */
  reportsLeftV1 = 0
  isLastReporter = false

  constructor(address: IpAddress, onTimer: (group: MulticastGroup) => void) {
    this.address = address
    const handler: TimerHandler = { onTimer: () => onTimer(this) }
    this.timer = new Timer(handler)
  }

  get isListening(): boolean {
    return isListening(this.filter)
  }

  /** Section 6.1: whether there is a change that has not been reported often enough. */
  get hasPendingReports(): boolean {
    return this.#modeReportsLeft > 0 || this.#sourceChanges.length > 0
  }

  /** @returns what the interface is to listen to now */
  merge(): SourceFilter {
    return mergeFilters(this.listeners.map((listener) => listener.filter))
  }

  /** Section 6.1: takes over a new state of the interface and notes what is to be reported, `robustness` times. */
  change(filter: SourceFilter, robustness: number): void {
    const before = this.filter
    this.filter = filter
    this.isChanged = true
    if (before.mode !== filter.mode) {
      this.#modeReportsLeft = robustness
      return
    }
    this.#noteSources(before.sources.difference(filter.sources), robustness)
    this.#noteSources(filter.sources.difference(before.sources), robustness)
  }

  /** As if the group had been joined just now: routers may not have heard of it. */
  reportAnew(robustness: number): void {
    this.isChanged = true
    if (this.filter.mode === FilterMode.Exclude) this.#modeReportsLeft = robustness
    else this.#noteSources(this.filter.sources, robustness)
  }

  /** Forgets all that was to be reported. */
  cancelReports(): void {
    this.isChanged = false
    this.#modeReportsLeft = 0
    this.#sourceChanges = []
    this.#asked = null
    this.reportsLeftV1 = 0
    this.isLastReporter = false
  }

  /** Section 6.1: what a report of changes has to say of this group now. */
  addChanges(writer: RecordWriter): void {
    this.isChanged = false
    const { mode, sources } = this.filter
    if (this.#modeReportsLeft > 0) {
      this.#modeReportsLeft--
      const type = mode === FilterMode.Include ? GroupRecordType.ChangeToInclude : GroupRecordType.ChangeToExclude
      writer.add(type, this.address, sources.addresses)
    } else {
      const isWanted = (source: IpAddress) => sources.hasAddress(source) === (mode === FilterMode.Include)
      const changed = this.#sourceChanges.map((change) => change.source)
      const allowed = changed.filter(isWanted)
      const blocked = changed.filter((source) => !isWanted(source))
      if (allowed.length > 0) writer.add(GroupRecordType.AllowNewSources, this.address, allowed)
      if (blocked.length > 0) writer.add(GroupRecordType.BlockOldSources, this.address, blocked)
    }
    // A record of the mode tells of all sources, so it counts for them, too.
    for (const change of this.#sourceChanges) change.reportsLeft--
    this.#sourceChanges = this.#sourceChanges.filter((change) => change.reportsLeft > 0)
  }

  /**
   * Section 6.2, rules 3 to 5: a query about this group.
   * @param isPending whether an answer to an earlier one is still to come
   * @param sources null if it asks for all of them
   * @param limit most sources that are kept
   * @returns false if there were too many to keep; all of them will be told
   */
  ask(isPending: boolean, sources: AddressSet | null, limit: number): boolean {
    if (sources === null || (isPending && this.#asked === null)) {
      this.#asked = null
      return true
    }
    const asked = isPending ? sources.union(this.#asked!) : sources
    const fits = asked.size <= limit
    this.#asked = fits ? asked : null
    return fits
  }

  /** Section 6.2, at the end: the answer to queries about this group; none if there is nothing to tell. */
  addAnswer(writer: RecordWriter): void {
    const asked = this.#asked
    this.#asked = null
    if (asked === null) {
      this.addCurrentState(writer)
      return
    }
    const { mode, sources } = this.filter
    const wanted = mode === FilterMode.Include ? asked.intersection(sources) : asked.difference(sources)
    if (wanted.size > 0) writer.add(GroupRecordType.ModeIsInclude, this.address, wanted.addresses)
  }

  addCurrentState(writer: RecordWriter): void {
    if (!this.isListening) return
    const { mode, sources } = this.filter
    const type = mode === FilterMode.Include ? GroupRecordType.ModeIsInclude : GroupRecordType.ModeIsExclude
    writer.add(type, this.address, sources.addresses)
  }

  #noteSources(sources: AddressSet, reportsLeft: number): void {
    for (const source of sources.addresses) {
      const known = this.#sourceChanges.find((change) => change.source.equals(source))
      if (known === undefined) this.#sourceChanges.push({ source, reportsLeft })
      else known.reportsLeft = reportsLeft
    }
  }
}
