/** Which sources of a group somebody wants to hear, and what an interface listens to for all of them: RFC 3810, section 4, and RFC 9776, section 3. */
import { AddressSet } from './address-set.ts'

/** RFC 3810, section 3: only those sources, or all but those. */
export const FilterMode = { Include: 'include', Exclude: 'exclude' } as const
export type FilterMode = (typeof FilterMode)[keyof typeof FilterMode]

/** Whose packets to a group are wanted, RFC 3376, section 2. */
export interface SourceFilter {
  readonly mode: FilterMode
  readonly sources: AddressSet
}

/** Section 4.2: including nothing is the same as not listening. */
export const NOT_LISTENING: SourceFilter = { mode: FilterMode.Include, sources: AddressSet.EMPTY }
export const ANY_SOURCE: SourceFilter = { mode: FilterMode.Exclude, sources: AddressSet.EMPTY }

export function isListening({ mode, sources }: SourceFilter): boolean {
  return mode === FilterMode.Exclude || sources.size > 0
}

/** Whether packets from this source pass; words as in `IpAddress`. */
export function passes(filter: SourceFilter, word0: number, word1: number, word2: number, word3: number): boolean {
  return filter.sources.has(word0, word1, word2, word3) === (filter.mode === FilterMode.Include)
}

export function areEqual(a: SourceFilter, b: SourceFilter): boolean {
  return a.mode === b.mode && a.sources.equals(b.sources)
}

/**
 * The state of an interface for a group from what each socket wants, section 4.2: all that any of them wants passes. (More
 * can pass than one of them wants, so each socket's own filter is looked at too.)
 */
export function mergeFilters(filters: Iterable<SourceFilter>): SourceFilter {
  let included = AddressSet.EMPTY
  let excluded: AddressSet | null = null
  for (const { mode, sources } of filters) {
    if (mode === FilterMode.Include) included = included.union(sources)
    else excluded = excluded === null ? sources : excluded.intersection(sources)
  }
  if (excluded === null) return { mode: FilterMode.Include, sources: included }
  return { mode: FilterMode.Exclude, sources: excluded.difference(included) }
}
