/** Messages of IGMP as they are sent: reports of version 3, RFC 9776, section 4.2, and the messages of older versions. */
import type { IpAddress } from '../address/index.ts'
import { finish } from '../checksum/index.ts'
import { type GroupRecordType, IpProtocol, type ReportFormat } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import type { IgmpCounters } from './igmp-counters.ts'
import * as wire from './igmp-wire.ts'
import type { Ipv4 } from './ipv4.ts'
import { MAX_HEADER_LENGTH } from './wire.ts'

/** 224.0.0.22, RFC 9776, section 4.2.14: all routers that know version 3. */
export const ALL_IGMPV3_ROUTERS = (224 << 24) | 22

export class IgmpMessages implements ReportFormat {
  readonly memory: PacketMemory
  readonly ipHeaderLength = MAX_HEADER_LENGTH
  readonly headerLength = wire.REPORT_HEADER_LENGTH
  readonly recordHeaderLength = wire.RECORD_HEADER_LENGTH
  readonly addressLength = wire.ADDRESS_LENGTH
  readonly #ip: Ipv4
  readonly #counters: IgmpCounters

  constructor(ip: Ipv4, counters: IgmpCounters) {
    this.memory = ip.memory
    this.#ip = ip
    this.#counters = counters
  }

  get mtu(): number {
    return this.#ip.mtu
  }

  /** A report or leave message of an older version. @returns whether it was sent */
  sendMessage(type: number, group: number, destination: number): boolean {
    const packet = this.memory.allocate(wire.LEAST_LENGTH)
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    wire.writeMessage(this.memory.bytes, packet.start, type, group)
    packet.end = packet.start + wire.LEAST_LENGTH
    this.#send(packet, destination)
    return true
  }

  writeReportHeader(bytes: Uint8Array, position: number): void {
    wire.writeReportHeader(bytes, position)
  }

  writeRecordCount(bytes: Uint8Array, position: number, count: number): void {
    wire.writeRecordCount(bytes, position, count)
  }

  writeRecordHeader(bytes: Uint8Array, position: number, type: GroupRecordType, sources: number, group: IpAddress) {
    wire.writeRecordHeader(bytes, position, type, sources, group.word3)
  }

  writeAddress(bytes: Uint8Array, position: number, address: IpAddress): void {
    wire.writeAddress(bytes, position, address.word3)
  }

  sendReport(packet: PacketBuffer): void {
    this.#send(packet, ALL_IGMPV3_ROUTERS)
  }

  #send(packet: PacketBuffer, destination: number): void {
    const { bytes, checksum } = this.memory
    wire.writeChecksum(bytes, packet.start, finish(checksum.sum(packet.start, packet.length, 0)))
    packet.checksum = ChecksumState.Verified
    this.#ip.sendWithRouterAlert(packet, destination, IpProtocol.Igmp)
  }
}
