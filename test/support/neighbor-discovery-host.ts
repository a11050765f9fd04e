/** A link of nobody but us, on which neighbour discovery runs in virtual time, and messages of others to give to it. */
import { IpAddress, type IpPrefix, MacAddress } from '../../src/address/index.ts'
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { ControlHandler, Ipv6Link } from '../../src/ipv6/index.ts'
import {
  type FormAddress,
  type InterfaceAddress,
  NeighborDiscovery,
  type NeighborDiscoveryHost,
  type NeighborDiscoveryOptions,
} from '../../src/ipv6/neighbor-discovery/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'

export const OUR_MAC = MacAddress.parse('02:00:00:00:00:01')
export const PEER_MAC = MacAddress.parse('02:00:00:00:00:02')
export const OTHER_MAC = MacAddress.parse('02:00:00:00:00:03')
export const PEER = 'fe80::2'
export const OTHER = 'fe80::3'
/** Of the link-local address that `formAddress` makes. */
export const OURS = 'fe80::1'

export const ip = (text: string) => IpAddress.parse(text)

/** ::1 at the first attempt, ::1001 at the second. */
export const formAddress: FormAddress = (prefix: IpPrefix, attempt: number) =>
  IpAddress.fromWords(prefix.address.word0, prefix.address.word1, 0, 1 + attempt * 0x1000)

/** A message as it was sent. */
export interface SentMessage {
  readonly time: number
  readonly type: number
  readonly source: string
  readonly destination: string
  readonly hopLimit: number
  readonly mac: string | null
  readonly bytes: Uint8Array
  /** Of neighbour messages. */
  readonly target: string
  readonly flags: number
  /** Types of its options. */
  readonly options: number[]
}

class TestLink implements Ipv6Link {
  readonly clock = new VirtualClock()
  readonly memory = new PacketMemory({ smallSlots: 512, largeSlots: 4, debug: true })
  readonly random: SeededRandom
  mac = OUR_MAC
  readonly mtu = 1500
  readonly sent: SentMessage[] = []
  /** Packets on their way: `byte@mac`. */
  readonly frames: string[] = []
  readonly unreached: number[] = []
  readonly handlers = new Map<number, ControlHandler>()

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  addControlHandler(type: number, handler: ControlHandler): void {
    this.handlers.set(type, handler)
  }

  sendControl(packet: PacketBuffer, source: IpAddress, to: IpAddress, hopLimit: number, mac: MacAddress | null): void {
    const bytes = this.memory.bytes.slice(packet.start, packet.end)
    const isNeighbor = bytes[0] === 135 || bytes[0] === 136
    this.sent.push({
      time: this.clock.now(),
      type: bytes[0],
      source: `${source}`,
      destination: `${to}`,
      hopLimit,
      mac: mac === null ? null : `${mac}`,
      bytes,
      target: isNeighbor ? `${addressAt(bytes, 8)}` : '',
      flags: bytes[4],
      options: optionTypes(bytes, isNeighbor ? 24 : 8),
    })
    packet.release()
  }

  sendFrame(packet: PacketBuffer, macHigh: number, macLow: number): void {
    this.frames.push(`${this.memory.bytes[packet.start]}@${new MacAddress(macHigh, macLow)}`)
    packet.release()
  }

  unreachable(packet: PacketBuffer): void {
    this.unreached.push(this.memory.bytes[packet.start])
  }

  flush(): void {}
}

export interface From {
  source?: string
  destination?: string
  hopLimit?: number
}

export class NeighborDiscoveryTestHost implements NeighborDiscoveryHost {
  readonly link: TestLink
  readonly discovery: NeighborDiscovery
  readonly groups: string[] = []
  /** `address state` for each change, `duplicate address`. */
  readonly events: string[] = []
  routeChanges = 0
  parameterChanges = 0
  configurationChanges = 0

  constructor(options: Partial<NeighborDiscoveryOptions> = {}, seed = 1) {
    this.link = new TestLink(seed)
    this.discovery = new NeighborDiscovery(this.link, this, { formAddress, ...options })
  }

  /** With a link-local address, and what was sent for it forgotten. */
  static started(options: Partial<NeighborDiscoveryOptions> = {}, seed = 1): NeighborDiscoveryTestHost {
    const host = new NeighborDiscoveryTestHost(options, seed)
    host.discovery.start()
    host.clock.advance(3_000_000)
    host.sent.length = 0
    return host
  }

  get clock(): VirtualClock {
    return this.link.clock
  }

  get sent(): SentMessage[] {
    return this.link.sent
  }

  /** Without solicitations for routers. */
  get neighborMessages(): SentMessage[] {
    return this.link.sent.filter(({ type }) => type !== 133)
  }

  get counters() {
    return this.discovery.counters
  }

  /** What was sent since the last call. */
  take(): SentMessage[] {
    return this.link.sent.splice(0)
  }

  /** A message of somebody else: by default of the peer, to us. */
  receive(message: Uint8Array | number[], { source = PEER, destination = OURS, hopLimit = 255 }: From = {}): void {
    const packet = this.link.memory.allocate(message.length)!
    packet.end = packet.start + message.length
    this.link.memory.bytes.set(message, packet.start)
    const from = ip(source)
    const to = ip(destination)
    packet.source0 = from.word0
    packet.source1 = from.word1
    packet.source2 = from.word2
    packet.source3 = from.word3
    packet.destination0 = to.word0
    packet.destination1 = to.word1
    packet.destination2 = to.word2
    packet.destination3 = to.word3
    packet.hopLimit = hopLimit
    packet.multicast = packet.linkMulticast = to.isMulticast
    this.link.handlers.get(message[0])?.receiveControl(packet, message[0], false)
    packet.release()
  }

  /** Sends a packet of one byte to a neighbour. */
  send(to: string, tag = 0): void {
    const packet = this.link.memory.allocate(1)!
    packet.end = packet.start + 1
    this.link.memory.bytes[packet.start] = tag
    const neighbor = this.discovery.neighbor(ip(to))
    if (neighbor.ready) this.link.sendFrame(packet, neighbor.macHigh, neighbor.macLow)
    else this.discovery.send(packet, neighbor)
  }

  nextHop(to: string): string | null {
    const hop = this.discovery.nextHop(ip(to))
    return hop === null ? null : `${hop}`
  }

  stateOf(address: string): number | undefined {
    return [...this.discovery.neighbors()].find((neighbor) => neighbor.address.equals(ip(address)))?.state
  }

  address(text: string): InterfaceAddress | undefined {
    return this.discovery.addresses.find((own) => own.address.equals(ip(text)))
  }

  addressChanged(address: InterfaceAddress): void {
    this.events.push(`${address.address} ${address.state}`)
  }

  addressIsDuplicate(address: InterfaceAddress): void {
    this.events.push(`duplicate ${address.address}`)
  }

  firstHop(destination: IpAddress): IpAddress | null {
    return this.discovery.nextHop(destination)
  }

  joinGroup(group: IpAddress): void {
    this.groups.push(`${group}`)
  }

  leaveGroup(group: IpAddress): void {
    const index = this.groups.indexOf(`${group}`)
    if (index < 0) throw new Error(`${group} was not joined`)
    this.groups.splice(index, 1)
  }

  routesChanged(): void {
    this.routeChanges++
  }

  parametersChanged(): void {
    this.parameterChanges++
  }

  configurationChanged(): void {
    this.configurationChanges++
  }
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return IpAddress.fromWords(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12))
}

function optionTypes(bytes: Uint8Array, start: number): number[] {
  const types: number[] = []
  for (let at = start; at < bytes.length; at += bytes[at + 1] * 8) types.push(bytes[at])
  return types
}

// Messages and options, as bytes.

export const word = (value: number) => [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
export const addressBytes = (text: string) => {
  const address = ip(text)
  // An IPv4-mapped address is of the other family, but its words are the same.
  return [address.word0, address.word1, address.word2, address.word3].flatMap(word)
}
const macBytes = (mac: MacAddress) => [...Uint8Array.from([mac.high >>> 8, mac.high]), ...word(mac.low)]

export const sourceLinkLayer = (mac: MacAddress) => [1, 1, ...macBytes(mac)]
export const targetLinkLayer = (mac: MacAddress) => [2, 1, ...macBytes(mac)]
export const mtuOption = (mtu: number) => [5, 1, 0, 0, ...word(mtu)]
export const nonceOption = (bytes: number[]) => [14, 1, ...bytes]

/** @param flags L 0x80, A 0x40 */
export function prefixOption(prefix: string, valid: number, preferred: number, flags = 0xc0): number[] {
  const [address, length] = prefix.split('/')
  return [3, 4, Number(length), flags, ...word(valid), ...word(preferred), 0, 0, 0, 0, ...addressBytes(address)]
}

/** @param preference bits: 1 high, 0 medium, 3 low, 2 reserved */
export function routeOption(prefix: string, lifetime: number, preference = 0): number[] {
  const [address, length] = prefix.split('/')
  return [24, 3, Number(length), preference << 3, ...word(lifetime), ...addressBytes(address)]
}

export const dnsServersOption = (lifetime: number, ...servers: string[]) => [
  25,
  1 + servers.length * 2,
  0,
  0,
  ...word(lifetime),
  ...servers.flatMap(addressBytes),
]

export function searchListOption(lifetime: number, ...names: string[]): number[] {
  const encoded = names.flatMap((name) => [
    ...name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]),
    0,
  ])
  const units = 1 + Math.ceil(encoded.length / 8)
  return [31, units, 0, 0, ...word(lifetime), ...encoded, ...new Array((units - 1) * 8 - encoded.length).fill(0)]
}

export interface AdvertisementFields {
  hopLimit?: number
  /** M 0x80, O 0x40. */
  flags?: number
  /** Bits: 1 high, 0 medium, 3 low, 2 reserved. */
  preference?: number
  /** Seconds. */
  lifetime?: number
  /** Milliseconds. */
  reachable?: number
  retrans?: number
}

export function routerAdvertisement(fields: AdvertisementFields = {}, ...options: number[][]): number[] {
  const { hopLimit = 64, flags = 0, preference = 0, lifetime = 1800, reachable = 0, retrans = 0 } = fields
  const head = [134, 0, 0, 0, hopLimit, flags | (preference << 3), lifetime >>> 8, lifetime & 255]
  return [...head, ...word(reachable), ...word(retrans), ...options.flat()]
}

export const neighborSolicitation = (target: string, ...options: number[][]) => [
  ...[135, 0, 0, 0, 0, 0, 0, 0],
  ...addressBytes(target),
  ...options.flat(),
]

/** @param flags R 0x80, S 0x40, O 0x20 */
export const neighborAdvertisement = (target: string, flags: number, ...options: number[][]) => [
  ...[136, 0, 0, 0, flags, 0, 0, 0],
  ...addressBytes(target),
  ...options.flat(),
]

export const redirect = (destination: string, target: string, ...options: number[][]) => [
  ...[137, 0, 0, 0, 0, 0, 0, 0],
  ...addressBytes(target),
  ...addressBytes(destination),
  ...options.flat(),
]
