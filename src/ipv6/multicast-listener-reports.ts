/** Packs records into reports of version 2, RFC 3810, sections 5.2 and 5.2.15. */
import { IpAddress } from '../address/index.ts'
import { GroupRecordType, type RecordWriter } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { Ipv6Link } from './link.ts'
import type { MulticastListenerCounters } from './multicast-listener-counters.ts'
import * as wire from './multicast-listener-wire.ts'
import { HEADER_LENGTH } from './wire.ts'

/** ff02::16, RFC 3810, section 5.2.14: all routers that know version 2. */
export const ALL_MLDV2_ROUTERS = IpAddress.fromWords(0xff02_0000, 0, 0, 0x16)

/** The hop-by-hop header with the router alert option. */
const ROUTER_ALERT_LENGTH = 8

/** Reports are no longer than this even where the link takes more, so that they fit a small packet. */
const LONGEST_PACKET = 1500

export class ReportWriter implements RecordWriter {
  readonly #link: Ipv6Link
  readonly #counters: MulticastListenerCounters
  /** The report being filled; the rest is meaningful while there is one. */
  #packet: PacketBuffer | null = null
  #records = 0
  #source = IpAddress.ANY_V6

  constructor(link: Ipv6Link, counters: MulticastListenerCounters) {
    this.#link = link
    this.#counters = counters
  }

  /** @param source of the reports that follow: a link-local address of ours, or the unspecified one (5.2.13) */
  begin(source: IpAddress): void {
    this.#source = source
  }

  /** Adds a record, or several where its sources do not fit into one report. */
  add(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[]): void {
    const whole = wire.RECORD_HEADER_LENGTH + sources.length * wire.ADDRESS_LENGTH
    if (this.#records > 0 && whole > this.#room()) this.#sendReport()
    let next = 0
    do {
      if (!this.#open()) return
      const fit = Math.floor((this.#room() - wire.RECORD_HEADER_LENGTH) / wire.ADDRESS_LENGTH)
      const count = Math.min(fit, sources.length - next)
      this.#write(type, group, sources, next, count)
      next += count
      // 5.2.15: a list of what is excluded cannot be split (each record would undo the one before); the rest is left out.
      if (type === GroupRecordType.ModeIsExclude || type === GroupRecordType.ChangeToExclude) return
      if (next < sources.length) this.#sendReport()
    } while (next < sources.length)
  }

  /** Sends what has been added. */
  end(): void {
    if (this.#records > 0) this.#sendReport()
  }

  #capacity(): number {
    return Math.min(this.#link.mtu, LONGEST_PACKET) - HEADER_LENGTH - ROUTER_ALERT_LENGTH
  }

  /** Bytes left for records; a report that is not begun has room for its header, too. */
  #room(): number {
    const used = this.#packet === null ? wire.REPORT_HEADER_LENGTH : this.#packet.length
    return this.#capacity() - used
  }

  #open(): boolean {
    if (this.#packet !== null) return true
    const packet = this.#link.memory.allocate(this.#capacity())
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    wire.writeReportHeader(this.#link.memory.bytes, packet.start)
    packet.end = packet.start + wire.REPORT_HEADER_LENGTH
    this.#packet = packet
    this.#records = 0
    return true
  }

  #write(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[], from: number, count: number): void {
    const packet = this.#packet!
    const bytes = this.#link.memory.bytes
    wire.writeRecordHeader(bytes, packet.end, type, count, group)
    packet.end += wire.RECORD_HEADER_LENGTH
    for (let i = 0; i < count; i++, packet.end += wire.ADDRESS_LENGTH) {
      wire.writeAddress(bytes, packet.end, sources[from + i])
    }
    this.#records++
  }

  #sendReport(): void {
    const packet = this.#packet!
    wire.writeRecordCount(this.#link.memory.bytes, packet.start, this.#records)
    this.#packet = null
    this.#records = 0
    this.#counters.reportsSent++
    this.#link.sendControl(packet, this.#source, ALL_MLDV2_ROUTERS, 1, null, true)
  }
}
