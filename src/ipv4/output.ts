import { type Arp, NeighborState } from '../arp/index.ts'
import type { Random } from '../clock/index.ts'
import { type Ethernet, EtherType } from '../ethernet/index.ts'
import { cut, type FragmentSink, IpProtocol, type LocalQueue } from '../ip/index.ts'
import { type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import type { Ipv4Counters } from './counters.ts'
import { Identifications } from './identification.ts'
import type { Ipv4Path } from './ipv4-path.ts'
import type { LocalAddresses } from './local-addresses.ts'
import { multicastMac } from './paths.ts'
import * as wire from './wire.ts'

/** The total length field has 16 bits. */
const MAX_PACKET = 65_535
/** Precedence 6, RFC 791: RFC 9776, section 4. */
const INTERNETWORK_CONTROL = 0xc0

/** The way out: headers, identifications, fragments, the next hop. */
export class Output implements FragmentSink {
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #ethernet: Ethernet
  readonly #arp: Arp
  readonly #local: LocalAddresses
  readonly #counters: Ipv4Counters
  readonly #localQueue: LocalQueue
  readonly #identifications: Identifications
  /** Of the packet that is being cut into fragments. */
  #path: Ipv4Path | null = null
  #identification = 0
  #hopLimit = 0
  #trafficClass = 0
  #protocol = 0

  constructor(
    ethernet: Ethernet,
    arp: Arp,
    random: Random,
    local: LocalAddresses,
    counters: Ipv4Counters,
    localQueue: LocalQueue,
  ) {
    this.#memory = ethernet.memory
    this.#bytes = ethernet.memory.bytes
    this.#ethernet = ethernet
    this.#arp = arp
    this.#local = local
    this.#counters = counters
    this.#localQueue = localQueue
    this.#identifications = new Identifications(random)
  }

  send(packet: PacketBuffer, path: Ipv4Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const total = packet.end - packet.start + wire.HEADER_LENGTH
    const hops = hopLimit === 0 ? path.defaultHopLimit : hopLimit
    if (total > MAX_PACKET) {
      this.#counters.sendTooBig++
      packet.release()
      return
    }
    if (total > path.mtu && packet.segmentation !== Segmentation.TcpV4) {
      this.#sendFragments(packet, path, protocol, hops, trafficClass)
      return
    }
    const count = path.identification
    // A large packet takes one for each segment that it is cut into.
    const taken = packet.segmentation === Segmentation.None ? 1 : Math.ceil(total / packet.segmentSize)
    path.identification = (count + taken) & 0xffff
    // As Linux: whatever fits the path is not to be fragmented on it (RFC 1191), except ICMP.
    const mayBeCut = protocol === IpProtocol.Icmp || path.mayBeCut
    // RFC 6864, 4.1: the identification of a packet that is never fragmented may be anything.
    const isCounted = !mayBeCut || taken > 1
    const identification = isCounted ? count : this.#identifications.permute(path.destinationAddress, count)
    this.#sendWhole(packet, path, protocol, hops, trafficClass, identification, mayBeCut ? 0 : wire.DONT_FRAGMENT)
  }

  /**
   * What does not fit the path goes in fragments, which may be cut further: so Linux treats UDP with path MTU discovery
   * (IP_PMTUDISC_WANT, its default), and ICMP. TCP fits its segments to the path instead, and sends this one again.
   */
  #sendFragments(packet: PacketBuffer, path: Ipv4Path, protocol: number, hopLimit: number, trafficClass: number): void {
    if (protocol === IpProtocol.Tcp) {
      this.#counters.sendTooBig++
      packet.release()
      return
    }
    this.#path = path
    this.#protocol = protocol
    this.#hopLimit = hopLimit
    this.#trafficClass = trafficClass
    this.#identification = this.#identifications.permute(path.destinationAddress, path.identification)
    path.identification = (path.identification + 1) & 0xffff
    if (cut(packet, (path.mtu - wire.HEADER_LENGTH) & ~7, this)) this.#counters.packetsFragmented++
    else this.#counters.noMemory++
  }

  sendFragment(fragment: PacketBuffer, offset: number, more: boolean): void {
    this.#counters.fragmentsSent++
    this.#sendWhole(
      fragment,
      this.#path as Ipv4Path,
      this.#protocol,
      this.#hopLimit,
      this.#trafficClass,
      this.#identification,
      (more ? wire.MORE_FRAGMENTS : 0) | (offset >>> 3),
    )
  }

  #sendWhole(
    packet: PacketBuffer,
    path: Ipv4Path,
    protocol: number,
    hopLimit: number,
    trafficClass: number,
    identification: number,
    flagsAndOffset: number,
  ): void {
    this.#pushHeader(packet, path, protocol, hopLimit, trafficClass, identification, flagsAndOffset)
    let neighbor = path.neighbor
    if (neighbor === null) {
      this.#localQueue.send(packet)
      return
    }
    this.#counters.sent++
    if (neighbor.ready) {
      this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
      return
    }
    if (neighbor.state === NeighborState.Dead) neighbor = path.neighbor = this.#arp.neighbor(path.nextHop)
    if (neighbor.ready) this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
    else this.#arp.send(packet, neighbor)
  }

  #pushHeader(
    packet: PacketBuffer,
    path: Ipv4Path,
    protocol: number,
    hopLimit: number,
    trafficClass: number,
    identification: number,
    flagsAndOffset: number,
  ): void {
    const total = packet.end - packet.start + wire.HEADER_LENGTH
    packet.network = packet.push(wire.HEADER_LENGTH)
    wire.writeHeader(
      this.#bytes,
      packet.network,
      path.headerSum,
      trafficClass,
      total,
      identification,
      flagsAndOffset,
      hopLimit,
      protocol,
      path.sourceAddress,
      path.destinationAddress,
    )
  }

  /** See `Ip.loopBack`. */
  loopBack(packet: PacketBuffer, path: Ipv4Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const copy = this.#memory.copy(packet)
    if (copy === null) {
      this.#counters.noMemory++
      return
    }
    this.#pushHeader(copy, path, protocol, hopLimit, trafficClass, 0, wire.DONT_FRAGMENT)
    this.#localQueue.send(copy)
  }

  /** See `Ipv4.sendWithRouterAlert`. */
  sendWithRouterAlert(packet: PacketBuffer, group: number, protocol: number): void {
    const source = this.#local.prefixes[0]?.address.word3 ?? 0
    const at = packet.push(wire.HEADER_LENGTH + wire.ROUTER_ALERT_LENGTH)
    packet.network = at
    const total = packet.end - at
    const sum = wire.baseSum(source, group)
    const { DONT_FRAGMENT } = wire
    wire.writeHeader(this.#bytes, at, sum, INTERNETWORK_CONTROL, total, 0, DONT_FRAGMENT, 1, protocol, source, group)
    wire.writeRouterAlert(this.#bytes, at)
    this.#counters.sent++
    const mac = multicastMac(group)
    this.#ethernet.send(packet, mac.high, mac.low, EtherType.Ipv4)
  }

  /** See `Ipv4.sendFrame`. */
  sendFrame(packet: PacketBuffer, nextHop: number): void {
    this.#counters.sent++
    const neighbor = this.#arp.neighbor(nextHop)
    if (neighbor.ready) this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
    else this.#arp.send(packet, neighbor)
  }
}
