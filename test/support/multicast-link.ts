/** A link on which a host listens to groups, in the hands of a test. */
import { expect } from 'vitest'
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { FilterMode, type Membership } from '../../src/ip/index.ts'
import type { ControlHandler, Ipv6Link } from '../../src/ipv6/link.ts'
import { MulticastListener, type MulticastListenerOptions } from '../../src/ipv6/multicast-listener.ts'
import * as wire from '../../src/ipv6/multicast-listener-wire.ts'
import { MessageType } from '../../src/ipv6/multicast-listener-wire.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'

export const GROUP = IpAddress.parse('ff15::1234')

export const OWN = IpAddress.parse('fe80::2')

export const ROUTER = IpAddress.parse('fe80::1')

export const TYPES = ['', 'IS_IN', 'IS_EX', 'TO_IN', 'TO_EX', 'ALLOW', 'BLOCK']

/** A report, or the end of one's interest. */
export interface Sent {
  at: number
  /** `TO_EX ff15::1 {2001:db8::a}` for each record, or `report ff15::1`, `done ff15::1` of version 1. */
  says: string[]
  from: string
  to: string
  length: number
  hex: string
}

export interface QueryFields {
  group?: IpAddress
  sources?: IpAddress[]
  /** Milliseconds, or a code. */
  maximumResponse?: number
  robustness?: number
  interval?: number
  version?: 1 | 2
  from?: IpAddress
  hopLimit?: number
  routerAlert?: boolean
  length?: number
}

/** The link of one listener: what it says, and questions of a router. */
export class Link implements Ipv6Link {
  readonly memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly mac = MacAddress.parse('02:00:00:00:00:02')
  mtu = 1500
  source = OWN
  readonly sent: Sent[] = []
  readonly handlers = new Map<number, ControlHandler>()
  readonly listener: MulticastListener
  unflushed = 0

  constructor(options: MulticastListenerOptions = {}, seed = 1) {
    this.random = new SeededRandom(seed)
    this.listener = new MulticastListener(this, () => this.source, options)
  }
  addControlHandler(type: number, handler: ControlHandler): void {
    this.handlers.set(type, handler)
  }
  sendControl(
    packet: PacketBuffer,
    from: IpAddress,
    to: IpAddress,
    hopLimit: number,
    mac: MacAddress | null,
    routerAlert?: boolean,
  ): void {
    expect([hopLimit, mac, routerAlert]).toEqual([1, null, true])
    expect(packet.length + 48).toBeLessThanOrEqual(this.mtu)
    const says = describeMessage(this.memory.bytes, packet.start, packet.end)
    const hex = Buffer.from(this.memory.bytes.subarray(packet.start, packet.end)).toString('hex')
    this.sent.push({ at: this.clock.now(), says, from: `${from}`, to: `${to}`, length: packet.length, hex })
    this.unflushed++
    packet.release()
  }
  sendFrame(): void {}
  unreachable(): void {}
  flush(): void {
    this.unflushed = 0
  }
  /** Lets time pass and gives what was said, each message as one text. */
  said(duration = 0): string[] {
    this.clock.advance(duration)
    expect(this.unflushed).toBe(0)
    expect(this.memory.inUse).toBe(0)
    return this.sent.splice(0).map(({ says }) => says.join(', '))
  }
  query(fields: QueryFields = {}): void {
    const { group = IpAddress.ANY_V6, sources = [], version = 2, maximumResponse = 1000 } = fields
    const length = version === 1 ? 24 : 28 + 16 * sources.length
    this.receive(MessageType.Query, fields.length ?? length, fields, (bytes, at) => {
      bytes[at + 4] = maximumResponse >> 8
      bytes[at + 5] = maximumResponse
      wire.writeAddress(bytes, at + 8, group)
      bytes[at + 24] = fields.robustness ?? 2
      bytes[at + 25] = fields.interval ?? 125
      bytes[at + 26] = sources.length >> 8
      bytes[at + 27] = sources.length
      sources.forEach((source, i) => {
        wire.writeAddress(bytes, at + 28 + 16 * i, source)
      })
    })
  }
  reportOfAnother(group: IpAddress, from = ROUTER): void {
    this.receive(MessageType.ReportV1, 24, { from }, (bytes, at) => wire.writeAddress(bytes, at + 8, group))
  }
  receive(
    type: number,
    length: number,
    { from = ROUTER, hopLimit = 1, routerAlert = true }: QueryFields,
    write: (bytes: Uint8Array, at: number) => void = () => {},
  ): void {
    const packet = this.memory.allocate(4096)!
    packet.end = packet.start + length
    this.memory.bytes.fill(0, packet.start, packet.start + 4096)
    this.memory.bytes[packet.start] = type
    write(this.memory.bytes, packet.start)
    packet.source0 = from.word0
    packet.source1 = from.word1
    packet.source2 = from.word2
    packet.source3 = from.word3
    packet.hopLimit = hopLimit
    this.handlers.get(type)!.receiveControl(packet, type, routerAlert)
    packet.release()
  }
}

export function describeMessage(bytes: Uint8Array, start: number, end: number): string[] {
  const type = bytes[start]
  if (type !== MessageType.ReportV2) {
    expect(end - start).toBe(24)
    return [`${type === MessageType.ReportV1 ? 'report' : 'done'} ${wire.multicastAddress(bytes, start)}`]
  }
  expect([...bytes.subarray(start + 1, start + 6)]).toEqual([0, 0, 0, 0, 0])
  const records: string[] = []
  let at = start + 8
  for (let left = (bytes[start + 6] << 8) | bytes[start + 7]; left > 0; left--) {
    expect(bytes[at + 1]).toBe(0)
    const count = (bytes[at + 2] << 8) | bytes[at + 3]
    const sources = Array.from({ length: count }, (_, i) => `${wire.readAddress(bytes, at + 20 + 16 * i)}`)
    records.push(`${TYPES[bytes[at]]} ${wire.readAddress(bytes, at + 4)} {${sources.join(' ')}}`)
    at += 20 + 16 * count
  }
  expect(at).toBe(end)
  return records
}

/** A link on which a group is listened to, and everything has been said about that. */
export function settled(
  mode: FilterMode = FilterMode.Exclude,
  ...sources: IpAddress[]
): { link: Link; member: Membership } {
  const link = new Link()
  const member = link.listener.join(GROUP, mode, sources)
  link.said(10 * SECOND)
  return { link, member }
}
