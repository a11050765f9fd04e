import type { MacAddress } from '../address/index.ts'
import { type FrameReceiver, type Netif, SoftwareOffload } from '../netif/index.ts'
import { type PacketBuffer, type PacketMemory, withLargeCounts } from '../packet/index.ts'
import {
  destinationHigh,
  destinationLow,
  EtherType,
  HEADER_LENGTH,
  isGroupAddress,
  LEAST_ETHER_TYPE,
  sourceHigh,
  type,
  VLAN_TAG_LENGTH,
  vlanIdentifier,
  writeHeader,
} from './wire.ts'

/** A protocol that rides directly on Ethernet. */
export interface EthernetHandler {
  /** One frame for us: `link` is set, [start, end) is the payload with any padding. Borrowed for the call. */
  receive(packet: PacketBuffer): void
  /** After the last frame of a burst. */
  endOfBurst(): void
}

/** Frames that `hold` keeps back at most: as few that, each cut into some forty segments, they fit into the queue of a tap. */
const MOST_HELD = 16

/** Frames received and not delivered, by reason; each frame counts once at most. */
export interface EthernetCounters {
  /** Frames handed to a protocol. */
  delivered: number
  /** Shorter than their header says. */
  truncated: number
  /** Unicast frames for another station. */
  otherDestination: number
  /** The source is a group address, which IEEE 802 forbids. */
  groupSource: number
  /** Tagged for a VLAN (identifier not 0), or tagged more than once. */
  otherVlan: number
  /** IEEE 802.3 length instead of an EtherType (LLC: spanning tree, IS-IS, ...). */
  notEthernet2: number
  /** No protocol for this EtherType. */
  unknownEtherType: number
  /** Frames passed to the interface. */
  transmitted: number
  /** Frames of other protocols than IP, for an interface that carries IP alone. They are dropped. */
  withoutLinkLayer: number
}

/**
 * Ethernet II (RFC 894) over one interface: takes frames to our own address and to groups, tells protocols apart by
 * EtherType, and prepends headers. Priority-tagged frames (IEEE 802.1Q, VLAN 0) are taken as untagged. Frames are not
 * padded to the minimum of 60 bytes: as in Linux, that is the business of the hardware, and a tap has none.
 *
 * Over an interface without a link layer (a tun) there is no header at all: the version of an IP packet says whose it is, and what is
 * no IP packet does not leave. Whoever wants to know a neighbour's address asks `hasLinkLayer` first: there is none to know.
 */
export class Ethernet implements FrameReceiver {
  readonly netif: Netif
  /** Largest payload of a frame in bytes: the interface's MTU when this was made. */
  readonly mtu: number
  readonly memory: PacketMemory
  readonly counters: EthernetCounters = withLargeCounts({
    delivered: 0,
    truncated: 0,
    otherDestination: 0,
    groupSource: 0,
    otherVlan: 0,
    notEthernet2: 0,
    unknownEtherType: 0,
    transmitted: 0,
    withoutLinkLayer: 0,
  })

  /** What frames go out through: the interface, with software in front of what it cannot do itself. */
  readonly #output: Netif
  readonly #bytes: Uint8Array
  #mac: MacAddress
  #macHigh: number
  #macLow: number
  readonly #etherTypes: number[] = []
  readonly #handlers: EthernetHandler[] = []
  readonly #closeHandlers: ((error: Error | null) => void)[] = []
  /** Frames since the last flush. */
  #unflushed = 0
  #isHeld = false

  /** Whether the payload of packets that stand for several segments may be gathered: `PacketBuffer.gathered`. */
  readonly gathers: boolean
  /** Whether frames have an Ethernet header, and neighbours an address on the link. */
  readonly hasLinkLayer: boolean

  /** Frames are being received: what is sent meanwhile is handed out at the end of the burst. */
  inBurst = false

  /** Starts receiving at once; frames for protocols that are not yet added are counted and dropped. */
  constructor(netif: Netif) {
    this.netif = netif
    this.#output = SoftwareOffload.over(netif)
    this.gathers = this.#output.gathers === true
    this.#mac = netif.mac
    this.mtu = netif.mtu
    this.hasLinkLayer = netif.linkLayer !== 'none'
    this.memory = netif.memory
    this.#bytes = netif.memory.bytes
    this.#macHigh = netif.mac.high
    this.#macLow = netif.mac.low
    netif.attach(this)
  }

  /** Our own address: the interface's, until it is changed. */
  get mac(): MacAddress {
    return this.#mac
  }

  /**
   * Sends from this address, and takes what is sent to it, from now on. Whoever tells neighbours of it has to do so next.
   * @throws RangeError for a group address
   */
  changeMac(mac: MacAddress): void {
    if (mac.isMulticast) throw new RangeError(`a station's address is no group address: ${mac}`)
    this.#mac = mac
    this.#macHigh = mac.high
    this.#macLow = mac.low
  }

  /** Frames of this EtherType go to `handler`, and `endOfBurst` too, in the order of adding. */
  addProtocol(etherType: number, handler: EthernetHandler): void {
    this.#etherTypes.push(etherType)
    this.#handlers.push(handler)
  }

  /** Runs when the interface is gone for good. */
  onClosed(handler: (error: Error | null) => void): void {
    this.#closeHandlers.push(handler)
  }

  frame(packet: PacketBuffer): void {
    this.inBurst = true
    if (!this.hasLinkLayer) {
      this.#packet(packet)
      return
    }
    const bytes = this.#bytes
    const link = packet.start
    packet.link = link
    if (packet.end - link < HEADER_LENGTH) {
      this.counters.truncated++
      return
    }
    const high = destinationHigh(bytes, link)
    const group = isGroupAddress(high)
    if (!group && (high !== this.#macHigh || destinationLow(bytes, link) !== this.#macLow)) {
      this.counters.otherDestination++
      return
    }
    if (isGroupAddress(sourceHigh(bytes, link))) {
      this.counters.groupSource++
      return
    }
    let etherType = type(bytes, link)
    let payload = link + HEADER_LENGTH
    if (etherType === EtherType.CustomerVlan || etherType === EtherType.ServiceVlan) {
      payload += VLAN_TAG_LENGTH
      if (packet.end < payload) {
        this.counters.truncated++
        return
      }
      etherType = type(bytes, link + VLAN_TAG_LENGTH)
      // IEEE 802.1Q, table 9-2: identifier 0 carries only a priority, the frame belongs to no VLAN.
      if (
        vlanIdentifier(bytes, link) !== 0 ||
        etherType === EtherType.CustomerVlan ||
        etherType === EtherType.ServiceVlan
      ) {
        this.counters.otherVlan++
        return
      }
    }
    if (etherType < LEAST_ETHER_TYPE) {
      this.counters.notEthernet2++
      return
    }
    packet.start = payload
    this.#deliver(packet, etherType, group)
  }

  /** A frame without an Ethernet header. RFC 791, section 3.1, and RFC 8200, section 3: packets begin with their version. */
  #packet(packet: PacketBuffer): void {
    packet.link = packet.start
    const version = packet.end > packet.start ? this.#bytes[packet.start] >>> 4 : 0
    this.#deliver(packet, version === 4 ? EtherType.Ipv4 : version === 6 ? EtherType.Ipv6 : 0, false)
  }

  #deliver(packet: PacketBuffer, etherType: number, group: boolean): void {
    const types = this.#etherTypes
    for (let i = 0; i < types.length; i++) {
      if (types[i] === etherType) {
        packet.linkMulticast = group
        this.counters.delivered++
        this.#handlers[i].receive(packet)
        return
      }
    }
    this.counters.unknownEtherType++
  }

  endOfBurst(): void {
    const handlers = this.#handlers
    for (let i = 0; i < handlers.length; i++) handlers[i].endOfBurst()
    this.inBurst = false
    this.flush()
  }

  closed(error: Error | null): void {
    for (const handler of this.#closeHandlers) handler(error)
  }

  /**
   * Prepends the header to [start, end), queues the frame and takes over the caller's reference. `flush` hands it out.
   * Whatever the interface can do, a Partial checksum is completed and a TCP packet with `segmentation` is cut apart.
   * @param destinationHigh first 16 bits of the destination, as in `MacAddress`
   * @param destinationLow last 32 bits
   */
  send(packet: PacketBuffer, destinationHigh: number, destinationLow: number, etherType: number): void {
    if (!this.hasLinkLayer) {
      this.#sendPacket(packet, etherType)
      return
    }
    const link = packet.push(HEADER_LENGTH)
    packet.link = link
    writeHeader(this.#bytes, link, destinationHigh, destinationLow, this.#macHigh, this.#macLow, etherType)
    this.counters.transmitted++
    this.#unflushed++
    this.#output.transmit(packet)
  }

  #sendPacket(packet: PacketBuffer, etherType: number): void {
    if (etherType !== EtherType.Ipv4 && etherType !== EtherType.Ipv6) {
      this.counters.withoutLinkLayer++
      packet.release()
      return
    }
    packet.link = packet.start
    this.counters.transmitted++
    this.#unflushed++
    this.#output.transmit(packet)
  }

  /** Hands all queued frames to the device, unless they are few and are held. */
  flush(): void {
    if (this.#unflushed === 0 || (this.#isHeld && this.#unflushed < MOST_HELD)) return
    this.#unflushed = 0
    this.#output.flush()
  }

  /**
   * From now on `flush` waits until some frames have gathered, or for `release`: for who goes through many connections in a row,
   * each of which would have its peer woken for a frame.
   */
  hold(): void {
    this.#isHeld = true
  }

  /** Ends `hold`, and hands out what it held. */
  release(): void {
    this.#isHeld = false
    this.flush()
  }
}
