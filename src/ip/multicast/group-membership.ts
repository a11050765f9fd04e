import type { IpAddress } from '../../address/index.ts'
import type { FilterMode } from './source-filter.ts'

/** What one socket wants of one group. */
export interface GroupMembership {
  readonly group: IpAddress
  /** Whether a packet of the group from this source is for the socket; words as in `IpAddress`. */
  accepts(word0: number, word1: number, word2: number, word3: number): boolean
  /** Listens to other sources from now on. @throws SystemError ENOBUFS if there are too many */
  setFilter(mode: FilterMode, sources: Iterable<IpAddress>): void
  /** No longer listens; harmless when it has left already. */
  leave(): void
}
