/** Packs records into reports of version 3, RFC 9776, section 4.2, and sends messages of all versions. */
import type { IpAddress } from '../address/index.ts'
import { finish } from '../checksum/index.ts'
import { GroupRecordType, IpProtocol, type RecordWriter } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import type { IgmpCounters } from './igmp-counters.ts'
import * as wire from './igmp-wire.ts'
import type { Ipv4 } from './ipv4.ts'
import { MAX_HEADER_LENGTH } from './wire.ts'

/** 224.0.0.22, RFC 9776, section 4.2.14: all routers that know version 3. */
export const ALL_IGMPV3_ROUTERS = (224 << 24) | 22

/** Reports are no longer than this even where the link takes more, so that they fit a small packet. */
const LONGEST_PACKET = 1500

export class IgmpReports implements RecordWriter {
  readonly #ip: Ipv4
  readonly #counters: IgmpCounters
  /** The report being filled; the rest is meaningful while there is one. */
  #packet: PacketBuffer | null = null
  #records = 0

  constructor(ip: Ipv4, counters: IgmpCounters) {
    this.#ip = ip
    this.#counters = counters
  }

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
      // 4.2.16: a list of what is excluded cannot be split (each record would undo the one before); the rest is left out.
      if (type === GroupRecordType.ModeIsExclude || type === GroupRecordType.ChangeToExclude) return
      if (next < sources.length) this.#sendReport()
    } while (next < sources.length)
  }

  /** Sends what has been added. */
  end(): void {
    if (this.#records > 0) this.#sendReport()
  }

  /** A report or leave message of an older version. @returns whether it was sent */
  sendMessage(type: number, group: number, destination: number): boolean {
    const { memory } = this.#ip
    const packet = memory.allocate(wire.LEAST_LENGTH)
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    wire.writeMessage(memory.bytes, packet.start, type, group)
    packet.end = packet.start + wire.LEAST_LENGTH
    this.#send(packet, destination)
    return true
  }

  #capacity(): number {
    return Math.min(this.#ip.mtu, LONGEST_PACKET) - MAX_HEADER_LENGTH
  }

  /** Bytes left for records; a report that is not begun has room for its header, too. */
  #room(): number {
    const used = this.#packet === null ? wire.REPORT_HEADER_LENGTH : this.#packet.length
    return this.#capacity() - used
  }

  #open(): boolean {
    if (this.#packet !== null) return true
    const { memory } = this.#ip
    const packet = memory.allocate(this.#capacity())
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    wire.writeReportHeader(memory.bytes, packet.start)
    packet.end = packet.start + wire.REPORT_HEADER_LENGTH
    this.#packet = packet
    this.#records = 0
    return true
  }

  #write(type: GroupRecordType, group: IpAddress, sources: readonly IpAddress[], from: number, count: number): void {
    const packet = this.#packet!
    const { bytes } = this.#ip.memory
    wire.writeRecordHeader(bytes, packet.end, type, count, group.word3)
    packet.end += wire.RECORD_HEADER_LENGTH
    for (let i = 0; i < count; i++, packet.end += wire.ADDRESS_LENGTH) {
      wire.writeAddress(bytes, packet.end, sources[from + i].word3)
    }
    this.#records++
  }

  #sendReport(): void {
    const packet = this.#packet!
    wire.writeRecordCount(this.#ip.memory.bytes, packet.start, this.#records)
    this.#packet = null
    this.#records = 0
    this.#counters.reportsSent++
    this.#send(packet, ALL_IGMPV3_ROUTERS)
  }

  #send(packet: PacketBuffer, destination: number): void {
    const { memory } = this.#ip
    wire.writeChecksum(memory.bytes, packet.start, finish(memory.checksum.sum(packet.start, packet.length, 0)))
    packet.checksum = ChecksumState.Verified
    this.#ip.sendWithRouterAlert(packet, destination, IpProtocol.Igmp)
  }
}
