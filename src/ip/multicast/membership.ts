import type { IpAddress } from '../../address/index.ts'
import type { GroupMembership } from './group-membership.ts'
import type { GroupReporting } from './group-reporting.ts'
import type { Listening } from './multicast-group.ts'
import { type FilterMode, passes, type SourceFilter } from './source-filter.ts'

/** Through `GroupReporting.join`. */
export class Membership implements Listening, GroupMembership {
  readonly group: IpAddress
  readonly #reporting: GroupReporting
  #filter: SourceFilter

  constructor(reporting: GroupReporting, group: IpAddress, filter: SourceFilter) {
    this.#reporting = reporting
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
    this.#filter = this.#reporting.checkFilter(mode, sources, this.group)
    this.#reporting.update(this.group)
  }

  leave(): void {
    this.#reporting.remove(this)
  }
}
