/** Messages of multicast listener discovery as they are sent: reports, RFC 3810, section 5.2, and those of version 1. */
import { IpAddress } from '../address/index.ts'
import type { GroupRecordType, ReportFormat } from '../ip/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import type { Ipv6Link } from './link.ts'
import type { MulticastListenerCounters } from './multicast-listener-counters.ts'
import * as wire from './multicast-listener-wire.ts'
import { HEADER_LENGTH } from './wire.ts'

/** ff02::16, RFC 3810, section 5.2.14: all routers that know version 2. */
export const ALL_MLDV2_ROUTERS = IpAddress.fromWords(0xff02_0000, 0, 0, 0x16)

/** The hop-by-hop header with the router alert option. */
const ROUTER_ALERT_LENGTH = 8

export class ListenerMessages implements ReportFormat {
  readonly memory: PacketMemory
  readonly ipHeaderLength = HEADER_LENGTH + ROUTER_ALERT_LENGTH
  readonly headerLength = wire.REPORT_HEADER_LENGTH
  readonly recordHeaderLength = wire.RECORD_HEADER_LENGTH
  readonly addressLength = wire.ADDRESS_LENGTH
  readonly #link: Ipv6Link
  readonly #source: () => IpAddress
  readonly #counters: MulticastListenerCounters

  /** @param source a link-local address of ours, or the unspecified one (5.2.13) */
  constructor(link: Ipv6Link, source: () => IpAddress, counters: MulticastListenerCounters) {
    this.memory = link.memory
    this.#link = link
    this.#source = source
    this.#counters = counters
  }

  get mtu(): number {
    return this.#link.mtu
  }

  /** A report or done message of version 1. @returns whether it was sent */
  sendMessageV1(type: number, group: IpAddress, destination: IpAddress): boolean {
    const packet = this.memory.allocate(wire.MESSAGE_V1_LENGTH)
    if (packet === null) {
      this.#counters.noMemory++
      return false
    }
    wire.writeMessageV1(this.memory.bytes, packet.start, type, group)
    packet.end = packet.start + wire.MESSAGE_V1_LENGTH
    this.#link.sendControl(packet, this.#source(), destination, 1, null, true)
    return true
  }

  writeReportHeader(bytes: Uint8Array, position: number): void {
    wire.writeReportHeader(bytes, position)
  }

  writeRecordCount(bytes: Uint8Array, position: number, count: number): void {
    wire.writeRecordCount(bytes, position, count)
  }

  writeRecordHeader(bytes: Uint8Array, position: number, type: GroupRecordType, sources: number, group: IpAddress) {
    wire.writeRecordHeader(bytes, position, type, sources, group)
  }

  writeAddress(bytes: Uint8Array, position: number, address: IpAddress): void {
    wire.writeAddress(bytes, position, address)
  }

  sendReport(packet: PacketBuffer): void {
    this.#link.sendControl(packet, this.#source(), ALL_MLDV2_ROUTERS, 1, null, true)
  }
}
