import type { MacAddress } from '../address/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { delivery } from './delivery.ts'
import {
  type FrameReceiver,
  type LinkLayer,
  type Netif,
  type NetifCounters,
  type NetifFeatures,
  newNetifCounters,
} from './netif.ts'
import { LARGE_FRAME, RECEIVE_RING, ReceiveRing, SMALL_FRAME } from './receive-ring.ts'
import { KernelOffload, Offload, type TapBinding, tapBinding } from './tap-binding.ts'
import { tapError, tapGoneError } from './tap-error.ts'
import { openTap, readAddress, type TapDevice, type TapOptions, type TapSettings } from './tap-opening.ts'
import { TransmitRing } from './transmit-ring.ts'

const ETHERNET_HEADER = 14
/** RFC 791, section 3.1. */
const IPV4_HEADER = 20
const ENOTCONN = 107

/**
 * A Linux tap device. Frames are read in bursts straight into packet memory and written straight from it, with the
 * virtio header that carries checksum and segmentation offload.
 *
 * The device has two ends: the kernel's, with the address that `ip link` shows, and ours, with the address `mac`.
 */
export class Tap implements Netif, AsyncDisposable {
  /** The interface's name; for a socket, `fd` and its number. */
  readonly name: string
  /**
   * The address of our end: locally administered; unless given, made from the interface's name and the kernel's
   * address, so that it stays the same for a persistent interface and differs between taps that a bridge may join.
   */
  readonly mac: MacAddress
  /** `none` for a tun (`openTun`). */
  readonly linkLayer: LinkLayer
  readonly memory: PacketMemory
  readonly hasLink: (() => boolean) | undefined
  readonly features: NetifFeatures
  readonly gathers: boolean
  readonly counters: NetifCounters = newNetifCounters()

  readonly #binding: TapBinding
  readonly #device: number
  readonly #receiveRing: ReceiveRing
  readonly #transmitRing: TransmitRing
  #mtu: number
  #receiver: FrameReceiver | null = null
  #closed = false

  /**
   * Opens a tap. It receives from `attach` on.
   * @throws SystemError EPERM, EACCES, EBUSY, EINVAL, ENOENT, ... with a hint; ENOMEM when packet memory has too few
   *   free slots; RangeError for an `mtu` out of range; TypeError for a `mac` that is a multicast address
   */
  static async open(options: TapOptions = {}): Promise<Tap> {
    const binding = tapBinding()
    const { device, settings } = openTap(binding, options)
    try {
      return new Tap(binding, device, settings)
    } catch (error) {
      binding.close(device.number)
      throw error
    }
  }

  /** For `open`, and for what opens a device otherwise. */
  constructor(binding: TapBinding, device: TapDevice, settings: TapSettings) {
    this.#binding = binding
    this.#device = device.number
    this.name = settings.name
    this.mac = settings.mac
    this.linkLayer = settings.linkLayer ?? 'ethernet'
    this.memory = settings.memory
    this.hasLink = settings.hasLink
    this.#mtu = settings.mtu
    this.features = {
      checksumOffload: (device.offloads & Offload.Checksum) !== 0,
      tcp4Segmentation: (device.offloads & Offload.Tcp4) !== 0,
      tcp6Segmentation: (device.offloads & Offload.Tcp6) !== 0,
    }
    this.gathers = this.features.tcp4Segmentation || this.features.tcp6Segmentation
    const { memory, counters, features } = this
    const leastFrame = this.linkLayer === 'none' ? IPV4_HEADER : ETHERNET_HEADER
    const receive = new ReceiveRing(memory, counters, leastFrame, settings.receiveRing ?? RECEIVE_RING)
    const filling = receive.anyPacket
    const transmit = new TransmitRing(binding, device.number, { memory, counters, features, filling })
    this.#receiveRing = receive
    this.#transmitRing = transmit

    const result = binding.start(
      device.number,
      memory.bytes,
      receive.words,
      transmit.words,
      SMALL_FRAME,
      LARGE_FRAME,
      (count) => {
        const receiver = this.#receiver
        if (receiver === null) return
        delivery.isUnderWay = true
        try {
          receive.deliver(count, receiver)
        } finally {
          delivery.isUnderWay = false
        }
      },
      () => transmit.writable(),
      (errno) => this.#gone(errno),
    )
    if (result < 0) {
      receive.close()
      throw tapError(result, 'uv_poll', this.name)
    }
  }

  get mtu(): number {
    return this.#mtu
  }

  /** The address of the kernel's end. @throws SystemError */
  get kernelMac(): MacAddress {
    return readAddress(this.#binding, this.#device, this.name)
  }

  /** Whether the kernel's end is up. @throws SystemError ENODEV when it is in another network namespace */
  get isUp(): boolean {
    return this.#check(this.#binding.isUp(this.#device), 'ioctl SIOCGIFFLAGS') === 1
  }

  /** What the kernel's driver would do for a tap, whatever of it is in use. @throws SystemError ENOTTY for a socket */
  get kernelOffloads(): { header: boolean; checksum: boolean; tcp4: boolean; tcp6: boolean; udp: boolean } {
    const bits = this.#check(this.#binding.kernelOffloads(this.#device), 'ioctl TUNSETOFFLOAD')
    return {
      header: (bits & KernelOffload.Header) !== 0,
      checksum: (bits & KernelOffload.Checksum) !== 0,
      tcp4: (bits & KernelOffload.Tcp4) !== 0,
      tcp6: (bits & KernelOffload.Tcp6) !== 0,
      udp: (bits & KernelOffload.Udp) !== 0,
    }
  }

  /** Sets the address of the kernel's end; any process that has the tap open may. @throws SystemError */
  setKernelMac(mac: MacAddress): void {
    const bytes = new Uint8Array(6)
    mac.writeTo(bytes, 0)
    this.#check(this.#binding.setAddress(this.#device, bytes), 'ioctl SIOCSIFHWADDR')
  }

  /**
   * Sets the MTU of both ends; 68 to 65,521. A stack that has been composed over this tap keeps the one that it began with.
   * @throws SystemError EPERM, EINVAL, ENODEV
   */
  setMtu(mtu: number): void {
    this.#check(this.#binding.setMtu(this.#device, mtu), 'ioctl SIOCSIFMTU')
    this.#mtu = mtu
  }

  /** Sets the kernel's end up or down. @throws SystemError EPERM, ENODEV */
  setUp(up: boolean): void {
    this.#check(this.#binding.setUp(this.#device, up), 'ioctl SIOCSIFFLAGS')
  }

  /** A tap that receives keeps the process alive (the default), ... */
  ref(): this {
    this.#binding.setReferenced(this.#device, true)
    return this
  }

  /** ... or does not. */
  unref(): this {
    this.#binding.setReferenced(this.#device, false)
    return this
  }

  attach(receiver: FrameReceiver): void {
    const first = this.#receiver === null
    this.#receiver = receiver
    if (first && !this.#closed) this.#check(this.#binding.receive(this.#device), 'uv_poll_start')
  }

  transmit(packet: PacketBuffer): void {
    this.#transmitRing.transmit(packet)
  }

  flush(): void {
    this.#transmitRing.flush()
  }

  async close(): Promise<void> {
    this.#shut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #gone(errno: number): void {
    const receiver = this.#receiver
    this.#shut()
    // The other end of a socket has closed it in order.
    const orderly = errno === -ENOTCONN
    receiver?.closed(orderly ? null : tapGoneError(errno, this.name))
  }

  #shut(): void {
    if (this.#closed) return
    this.#closed = true
    this.#binding.close(this.#device)
    this.#transmitRing.close()
    this.#receiveRing.close()
  }

  #check(result: number, syscall: string): number {
    if (result < 0) throw tapError(result, syscall, this.name)
    return result
  }
}
