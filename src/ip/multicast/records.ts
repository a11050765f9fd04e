import type { IpAddress } from '../../address/index.ts'

/** What a report says of a group: the same numbers in RFC 3810, section 5.2.12, and RFC 9776, section 4.2.12. */
export const GroupRecordType = {
  ModeIsInclude: 1,
  ModeIsExclude: 2,
  ChangeToInclude: 3,
  ChangeToExclude: 4,
  AllowNewSources: 5,
  BlockOldSources: 6,
} as const
export type GroupRecordType = (typeof GroupRecordType)[keyof typeof GroupRecordType]

/** Packs records into reports. */
export interface RecordWriter {
  /** Adds a record, or several where its sources do not fit into one report. */
  add(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[]): void
}
