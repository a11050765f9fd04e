export { AddressSet } from './address-set.ts'
export type { GroupMembership } from './group-membership.ts'
export { type Listening, MulticastGroup } from './multicast-group.ts'
export { GroupRecordType, type RecordWriter } from './records.ts'
export {
  ANY_SOURCE,
  areEqual,
  FilterMode,
  isListening,
  mergeFilters,
  NOT_LISTENING,
  passes,
  type SourceFilter,
} from './source-filter.ts'
