import type { MacAddress } from '../address/index.ts'
import { FrameRecorder, type PcapngWriter } from '../capture/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import { type FrameReceiver, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import { SoftwareOffload } from './software-offload.ts'
import { Link, type LinkEnd, type LinkOptions } from './virtual-network-link.ts'
import { RealFrames } from './virtual-network-real-frames.ts'

/** What a port asks of its switch. */
export interface VirtualSwitch {
  /** Takes over the reference. */
  forward(packet: PacketBuffer, ingress: VirtualNetif): void
  forgetAddressesOf(port: VirtualNetif): void
  detach(port: VirtualNetif): void
}

export interface VirtualNetifSettings {
  number: number
  name: string
  mac: MacAddress
  mtu: number
  memory: PacketMemory
  offload: boolean | 'auto'
  toStack: LinkOptions
  fromStack: LinkOptions
}

const ETHERNET_HEADER = 14
/** IEEE 802.1Q and 802.1ad. */
const VLAN_TAG = 0x8100
const SERVICE_TAG = 0x88a8

/** A stack's place on a `VirtualNetwork`: make one with `VirtualNetwork.port`. */
export class VirtualNetif implements Netif, LinkEnd, AsyncDisposable {
  readonly name: string
  readonly mac: MacAddress
  readonly mtu: number
  readonly features: NetifFeatures
  /** As a tap does, so that what is tested here is what runs there: the payload is copied when the frame enters the link. */
  readonly gathers: boolean
  readonly memory: PacketMemory
  readonly counters = newNetifCounters()
  /** The two directions of the link between this stack and the switch. */
  readonly toStack: Link
  readonly fromStack: Link
  /** Its number on the switch. */
  readonly number: number

  readonly #switch: VirtualSwitch
  readonly #clock: Clock
  /** Make real frames of those that leave work to the device, where a link or the stack at its end wants them so. */
  readonly #realToStack: SoftwareOffload
  readonly #realFromStack: SoftwareOffload
  #receiver: FrameReceiver | null = null
  #recorder: FrameRecorder | null = null
  #up = true
  #closed = false

  /** The source address that the switch learned last from here, so that it is looked up once and not per frame. */
  learnedHigh = -1
  learnedLow = 0

  constructor(network: VirtualSwitch, clock: Clock, random: Random, settings: VirtualNetifSettings) {
    this.#switch = network
    this.#clock = clock
    this.number = settings.number
    this.name = settings.name
    this.mac = settings.mac
    this.mtu = settings.mtu
    this.memory = settings.memory
    this.toStack = new Link(clock, random, this, settings.toStack)
    this.fromStack = new Link(clock, random, new SwitchEntrance(network, this), settings.fromStack)
    const impaired = this.toStack.needsRealFrames || this.fromStack.needsRealFrames
    const offload = settings.offload === 'auto' ? !impaired : settings.offload
    this.gathers = offload
    this.features = { checksumOffload: offload, tcp4Segmentation: offload, tcp6Segmentation: offload }
    this.#realToStack = new SoftwareOffload(new RealFrames(this, this.toStack))
    this.#realFromStack = new SoftwareOffload(new RealFrames(this, this.fromStack))
  }

  /** Whether the cable is in. Pulling it drops all frames under way, and all that come until it is in again. */
  get up(): boolean {
    return this.#up
  }

  set up(up: boolean) {
    if (up === this.#up) return
    this.#up = up
    if (!up) this.#dropAll()
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Changes what the link does to frames from now on. Options that are not given take their defaults.
   * @param direction default both
   * @throws RangeError naming the option and its range
   */
  impair(options: LinkOptions, direction: 'toStack' | 'fromStack' | 'both' = 'both'): void {
    if (direction !== 'fromStack') this.toStack.configure(options)
    if (direction !== 'toStack') this.fromStack.configure(options)
  }

  /** Records all that the stack sends and receives here from now on; null ends it. The writer stays open. */
  capture(writer: PcapngWriter | null): void {
    this.#recorder?.close()
    this.#recorder = writer === null ? null : new FrameRecorder(writer, this.#clock, this)
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    if (!this.#up || this.#closed) {
      this.fromStack.counters.down++
      packet.release()
      return
    }
    packet.fill()
    const length = packet.length
    if (length < ETHERNET_HEADER) {
      this.counters.transmitError++
      packet.release()
      return
    }
    if (length > this.mtu + ETHERNET_HEADER && !this.#fits(packet)) {
      this.fromStack.counters.tooLong++
      packet.release()
      return
    }
    this.counters.transmittedFrames++
    this.counters.transmittedBytes += length
    if (this.#recorder !== null) this.#recorder.record(packet, 'outbound')
    // Whoever kept a reference may still look at the packet, and the receiving stack moves its bounds.
    if (packet.references > 1) {
      const copy = packet.memory.copy(packet)
      packet.release()
      if (copy === null) {
        this.fromStack.counters.noMemory++
        return
      }
      packet = copy
    }
    if (this.fromStack.isTransparent) this.#switch.forward(packet, this)
    else if (leavesWork(packet) && this.fromStack.needsRealFrames) this.#realFromStack.transmit(packet)
    else this.fromStack.enter(packet)
  }

  /** The first `transmit` has armed the timer already; nothing waits for this. */
  flush(): void {}

  /** A frame comes from the switch; takes over the reference. */
  enterFromSwitch(packet: PacketBuffer): void {
    if (!this.#up || this.#closed) {
      this.toStack.counters.down++
      packet.release()
    } else if (packet.length > this.mtu + ETHERNET_HEADER && !this.#fits(packet)) {
      this.toStack.counters.tooLong++
      packet.release()
    } else if (leavesWork(packet) && (this.toStack.needsRealFrames || !this.features.checksumOffload)) {
      this.#realToStack.transmit(packet)
    } else this.toStack.enter(packet)
  }

  arrive(packet: PacketBuffer): void {
    const receiver = this.#receiver
    if (receiver === null) {
      this.toStack.counters.down++
      packet.release()
      return
    }
    this.counters.receivedFrames++
    this.counters.receivedBytes += packet.length
    packet.link = packet.start
    packet.linkMulticast = false
    packet.multicast = false
    packet.next = null
    // A checksum that never left the machine is trusted; any other is what it would be from a wire.
    if (packet.checksum !== ChecksumState.Partial) packet.checksum = ChecksumState.Unverified
    if (this.#recorder !== null) this.#recorder.record(packet, 'inbound')
    try {
      receiver.frame(packet)
    } finally {
      packet.release()
    }
  }

  burstArrived(): void {
    this.counters.bursts++
    this.#receiver?.endOfBurst()
  }

  close(): Promise<void> {
    this.#shut()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** As a device that is taken away: the stack is told that no frame will follow. */
  vanish(error: Error): void {
    const receiver = this.#receiver
    if (this.#closed) return
    this.#shut()
    receiver?.closed(error)
  }

  #shut(): void {
    if (this.#closed) return
    this.#closed = true
    this.#dropAll()
    this.#switch.detach(this)
    this.capture(null)
    this.#receiver = null
  }

  /** Whether a frame that is longer than the MTU may pass: tagged, or cut into pieces that are not too long. */
  #fits(packet: PacketBuffer): boolean {
    const { view, bytes } = packet.memory
    let header = ETHERNET_HEADER
    let type = view.getUint16(packet.start + 12)
    // Up to two tags do not count, IEEE 802.3, 3.2.7.
    for (let tags = 0; tags < 2 && (type === VLAN_TAG || type === SERVICE_TAG); tags++) {
      header += 4
      type = view.getUint16(packet.start + header - 2)
    }
    if (packet.segmentation === Segmentation.None) return packet.length <= this.mtu + header
    const tcpHeader = (bytes[packet.checksumStart + 12] >>> 4) * 4
    return packet.checksumStart + tcpHeader - packet.start - header + packet.segmentSize <= this.mtu
  }

  #dropAll(): void {
    this.toStack.clear()
    this.fromStack.clear()
    this.learnedHigh = -1
    this.#switch.forgetAddressesOf(this)
  }
}

/** Whether a frame is not yet what a wire would carry. */
function leavesWork(packet: PacketBuffer): boolean {
  return packet.checksum === ChecksumState.Partial || packet.segmentation !== Segmentation.None
}

/** Where the direction from a stack ends. */
class SwitchEntrance implements LinkEnd {
  readonly #switch: VirtualSwitch
  readonly #port: VirtualNetif

  constructor(network: VirtualSwitch, port: VirtualNetif) {
    this.#switch = network
    this.#port = port
  }

  arrive(packet: PacketBuffer): void {
    this.#switch.forward(packet, this.#port)
  }

  burstArrived(): void {}
}
