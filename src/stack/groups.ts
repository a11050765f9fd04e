/** Filters of multicast groups, checked the same way by every stack. */
import { checkAddress } from './options.ts'
import type { GroupFilter } from './stack.ts'

/** @throws TypeError naming what is wrong */
export function checkGroupFilter(filter: GroupFilter): Required<GroupFilter> {
  const { sources = [], mode = sources.length > 0 ? 'include' : 'exclude' } = filter
  if (mode !== 'include' && mode !== 'exclude') {
    throw new TypeError(`mode is include or exclude, not ${JSON.stringify(mode)}`)
  }
  if (!Array.isArray(sources)) throw new TypeError('sources is an array of IP addresses')
  for (const source of sources) checkAddress('sources', source)
  return { mode, sources }
}
