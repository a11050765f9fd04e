/** Packs records into reports: RFC 3810, sections 5.2 and 5.2.15; RFC 9776, sections 4.2 and 4.2.16, says the same for IPv4. */
import type { IpAddress } from '../../address/index.ts'
import type { PacketBuffer, PacketMemory } from '../../packet/index.ts'
import { GroupRecordType, type RecordWriter } from './records.ts'

/** A report of either family. Positions are positions in packet memory. */
export interface ReportFormat {
  readonly memory: PacketMemory
  /** Bytes, IP header and all, that a report may have. */
  readonly mtu: number
  /** Bytes of what stands before the message. */
  readonly ipHeaderLength: number
  readonly headerLength: number
  readonly recordHeaderLength: number
  readonly addressLength: number
  writeReportHeader(bytes: Uint8Array, position: number): void
  writeRecordCount(bytes: Uint8Array, position: number, count: number): void
  writeRecordHeader(bytes: Uint8Array, position: number, type: GroupRecordType, sources: number, group: IpAddress): void
  writeAddress(bytes: Uint8Array, position: number, address: IpAddress): void
  /** Takes over the reference. */
  sendReport(packet: PacketBuffer): void
}

export interface ReportCounters {
  reportsSent: number
  noMemory: number
}

/** Reports are no longer than this even where the link takes more, so that they fit a small packet. */
const LONGEST_PACKET = 1500

/** Puts group records into as few reports as fit the MTU. */
export class ReportPacker implements RecordWriter {
  readonly #format: ReportFormat
  readonly #counters: ReportCounters
  /** The report being filled; the rest is meaningful while there is one. */
  #packet: PacketBuffer | null = null
  #records = 0

  constructor(format: ReportFormat, counters: ReportCounters) {
    this.#format = format
    this.#counters = counters
  }

  add(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[]): void {
    const { recordHeaderLength, addressLength } = this.#format
    const whole = recordHeaderLength + sources.length * addressLength
    if (this.#records > 0 && whole > this.#room()) this.#sendReport()
    let next = 0
    do {
      if (!this.#open()) return
      const fit = Math.floor((this.#room() - recordHeaderLength) / addressLength)
      const count = Math.min(fit, sources.length - next)
      this.#write(type, group, sources, next, count)
      next += count
      // A list of what is excluded cannot be split (each record would undo the one before); the rest is left out.
      if (type === GroupRecordType.ModeIsExclude || type === GroupRecordType.ChangeToExclude) return
      if (next < sources.length) this.#sendReport()
    } while (next < sources.length)
  }

  /** Sends what has been added. */
  end(): void {
    if (this.#records > 0) this.#sendReport()
  }

  #capacity(): number {
    return Math.min(this.#format.mtu, LONGEST_PACKET) - this.#format.ipHeaderLength
  }

  /** Bytes left for records; a report that is not begun has room for its header, too. */
  #room(): number {
    const used = this.#packet === null ? this.#format.headerLength : this.#packet.length
    return this.#capacity() - used
  }

  #open(): boolean {
    if (this.#packet !== null) return true
    const { memory, headerLength } = this.#format
    const packet = memory.allocate(this.#capacity())
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    this.#format.writeReportHeader(memory.bytes, packet.start)
    packet.end = packet.start + headerLength
    this.#packet = packet
    this.#records = 0
    return true
  }

  #write(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[], from: number, count: number): void {
    const packet = this.#packet!
    const { bytes } = this.#format.memory
    this.#format.writeRecordHeader(bytes, packet.end, type, count, group)
    packet.end += this.#format.recordHeaderLength
    for (let i = 0; i < count; i++, packet.end += this.#format.addressLength) {
      this.#format.writeAddress(bytes, packet.end, sources[from + i])
    }
    this.#records++
  }

  #sendReport(): void {
    const packet = this.#packet!
    this.#format.writeRecordCount(this.#format.memory.bytes, packet.start, this.#records)
    this.#packet = null
    this.#records = 0
    this.#counters.reportsSent++
    this.#format.sendReport(packet)
  }
}
