import type { IpAddress, MacAddress } from '../address/index.ts'
import { addressSum6, finish, pseudoHeaderSum } from '../checksum/index.ts'
import type { Random } from '../clock/index.ts'
import { type Ethernet, EtherType } from '../ethernet/index.ts'
import { cut, type FragmentSink, IpProtocol, type LocalQueue } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import type { Ipv6Counters } from './counters.ts'
import { FRAGMENT_HEADER_LENGTH, writeFragmentHeader } from './fragmentation.ts'
import type { Ipv6Path } from './ipv6-path.ts'
import { groupMac, type Paths } from './paths.ts'
import * as wire from './wire.ts'

/** Hop-by-hop header with router alert for MLD (RFC 2711, section 2.1: value 0) and padding to 8 bytes, as RFC 3810 sends it. */
const ROUTER_ALERT_HEADER = Uint8Array.of(IpProtocol.Icmpv6, 0, 5, 2, 0, 0, 1, 0)
/** In an ICMPv6 message, RFC 4443, section 2.1. */
const ICMP_CHECKSUM = 2

/** The way out: headers, flow labels, fragments, the next hop. */
export class Output implements FragmentSink {
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #ethernet: Ethernet
  readonly #random: Random
  readonly #paths: Paths
  readonly #counters: Ipv6Counters
  readonly #localQueue: LocalQueue
  /** Of the packet that is being cut into fragments. */
  #path: Ipv6Path | null = null
  #hopLimit = 0
  #trafficClass = 0
  #flowLabel = 0
  #protocol = 0
  #identification = 0

  constructor(ethernet: Ethernet, random: Random, paths: Paths, counters: Ipv6Counters, localQueue: LocalQueue) {
    this.#memory = ethernet.memory
    this.#bytes = ethernet.memory.bytes
    this.#ethernet = ethernet
    this.#random = random
    this.#paths = paths
    this.#counters = counters
    this.#localQueue = localQueue
  }

  send(packet: PacketBuffer, path: Ipv6Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const length = packet.end - packet.start
    if (length > wire.MAX_PAYLOAD) {
      this.#counters.sendTooBig++
      packet.release()
      return
    }
    const hops = hopLimit === 0 ? path.defaultHopLimit : hopLimit
    // RFC 6437, section 3: a flow is what has the same five-tuple.
    const hasPorts = (protocol === IpProtocol.Tcp || protocol === IpProtocol.Udp) && length >= 4
    const ports = hasPorts ? wire.word32(this.#bytes, packet.start) : 0
    const flowLabel = this.#paths.flowLabel(path, protocol, ports)
    if (length + wire.HEADER_LENGTH > path.mtu && packet.segmentation !== Segmentation.TcpV6) {
      this.#path = path
      this.#hopLimit = hops
      this.#trafficClass = trafficClass
      this.#flowLabel = flowLabel
      this.#sendFragments(packet, path, protocol)
      return
    }
    this.#sendWhole(packet, path, protocol, hops, trafficClass, flowLabel)
  }

  #sendFragments(packet: PacketBuffer, path: Ipv6Path, protocol: number): void {
    const most = (path.mtu - wire.HEADER_LENGTH - FRAGMENT_HEADER_LENGTH) & ~7
    this.#protocol = protocol
    // RFC 7739, section 5.3: chosen at random, as Linux does; 32 bits are enough that none comes back too soon.
    this.#identification = this.#random.int32()
    if (cut(packet, most, this)) this.#counters.packetsFragmented++
    else this.#counters.noMemory++
  }

  sendFragment(fragment: PacketBuffer, offset: number, more: boolean): void {
    const path = this.#path as Ipv6Path
    const { Fragment } = wire.NextHeader
    const at = fragment.push(FRAGMENT_HEADER_LENGTH)
    writeFragmentHeader(this.#bytes, at, this.#protocol, offset, more, this.#identification)
    this.#counters.fragmentsSent++
    this.#sendWhole(fragment, path, Fragment, this.#hopLimit, this.#trafficClass, this.#flowLabel)
  }

  #pushHeader(
    packet: PacketBuffer,
    path: Ipv6Path,
    nextHeader: number,
    hopLimit: number,
    trafficClass: number,
    flowLabel: number,
  ): void {
    const length = packet.end - packet.start
    const at = packet.push(wire.HEADER_LENGTH)
    packet.network = at
    const bytes = this.#bytes
    const { source, destination } = path
    wire.writeFirstWords(bytes, at, trafficClass, flowLabel, length, nextHeader, hopLimit)
    wire.writeAddress(bytes, at + wire.SOURCE, source.word0, source.word1, source.word2, source.word3)
    wire.writeAddress(
      bytes,
      at + wire.DESTINATION,
      destination.word0,
      destination.word1,
      destination.word2,
      destination.word3,
    )
  }

  /** See `Ip.loopBack`. */
  loopBack(packet: PacketBuffer, path: Ipv6Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const copy = this.#memory.copy(packet)
    if (copy === null) {
      this.#counters.noMemory++
      return
    }
    this.#pushHeader(copy, path, protocol, hopLimit, trafficClass, 0)
    this.#localQueue.send(copy)
  }

  #sendWhole(
    packet: PacketBuffer,
    path: Ipv6Path,
    nextHeader: number,
    hopLimit: number,
    trafficClass: number,
    flowLabel: number,
  ): void {
    this.#pushHeader(packet, path, nextHeader, hopLimit, trafficClass, flowLabel)
    let nextHop = path.nextHop
    if (nextHop === null) {
      this.#localQueue.send(packet)
      return
    }
    this.#counters.sent++
    if (nextHop.ready) {
      this.#ethernet.send(packet, nextHop.macHigh, nextHop.macLow, EtherType.Ipv6)
      return
    }
    const { resolver } = this.#paths
    if (resolver === null) {
      this.#counters.noResolver++
      packet.release()
      return
    }
    if (nextHop.isDead) nextHop = path.nextHop = resolver.neighbor(path.nextHopAddress)
    if (nextHop.ready) this.#ethernet.send(packet, nextHop.macHigh, nextHop.macLow, EtherType.Ipv6)
    else resolver.send(packet, nextHop)
  }

  /** See `Ipv6Link.sendControl`. */
  sendControl(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    linkLayer: MacAddress | null,
    routerAlert: boolean,
  ): void {
    const bytes = this.#bytes
    const message = packet.start
    const length = packet.end - message
    const addresses = addressSum6(
      source.word0,
      source.word1,
      source.word2,
      source.word3,
      destination.word0,
      destination.word1,
      destination.word2,
      destination.word3,
    )
    const sum = pseudoHeaderSum(addresses, IpProtocol.Icmpv6, length)
    wire.writeWord16(bytes, message + ICMP_CHECKSUM, finish(this.#memory.checksum.sum(message, length, sum)))
    packet.checksum = ChecksumState.Verified
    packet.transport = message
    let nextHeader: number = IpProtocol.Icmpv6
    if (routerAlert) {
      nextHeader = wire.NextHeader.HopByHopOptions
      bytes.set(ROUTER_ALERT_HEADER, packet.push(ROUTER_ALERT_HEADER.length))
    }
    const behind = packet.end - packet.start
    const at = packet.push(wire.HEADER_LENGTH)
    packet.network = at
    wire.writeFirstWords(bytes, at, 0, 0, behind, nextHeader, hopLimit)
    wire.writeAddress(bytes, at + wire.SOURCE, source.word0, source.word1, source.word2, source.word3)
    const { word0, word1, word2, word3 } = destination
    wire.writeAddress(bytes, at + wire.DESTINATION, word0, word1, word2, word3)
    this.#counters.sent++
    const mac = linkLayer ?? (destination.isMulticast ? groupMac(destination) : null)
    if (mac !== null) {
      this.sendFrame(packet, mac.high, mac.low)
      return
    }
    const { resolver } = this.#paths
    if (resolver === null) {
      this.#counters.noResolver++
      packet.release()
      return
    }
    const nextHop = resolver.neighbor(destination)
    if (nextHop.ready) this.sendFrame(packet, nextHop.macHigh, nextHop.macLow)
    else resolver.send(packet, nextHop)
  }

  sendFrame(packet: PacketBuffer, macHigh: number, macLow: number): void {
    this.#ethernet.send(packet, macHigh, macLow, EtherType.Ipv6)
  }
}
