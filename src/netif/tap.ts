import { MacAddress } from '../address/index.ts'
import { integerInRange, SystemError } from '../errors/index.ts'
import {
  ChecksumState,
  LARGE_SLOT,
  type PacketBuffer,
  PacketMemory,
  RECEIVE_OFFSET,
  Segmentation,
  SMALL_SLOT,
} from '../packet/index.ts'
import {
  type FrameReceiver,
  type LinkLayer,
  type Netif,
  type NetifCounters,
  type NetifFeatures,
  newNetifCounters,
} from './netif.ts'
import { defaultTapAddress } from './tap-address.ts'
import {
  Carrier,
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  DETAIL_WORDS,
  Detail,
  KernelOffload,
  Offload,
  RECEIVE_CHECKSUM_OFFSET,
  RECEIVE_CHECKSUM_START,
  RECEIVE_FLAGS,
  RECEIVE_IN_LARGE,
  RECEIVE_LARGE,
  RECEIVE_LENGTH,
  RECEIVE_SEGMENT_SIZE,
  RECEIVE_SMALL,
  STEPS,
  type TapBinding,
  TRANSMIT_CHECKSUM_OFFSET,
  TRANSMIT_CHECKSUM_START,
  TRANSMIT_FLAGS,
  TRANSMIT_HEADER_LENGTH,
  TRANSMIT_LENGTH,
  TRANSMIT_POSITION,
  TRANSMIT_SEGMENT_SIZE,
  tapBinding,
} from './tap-binding.ts'
import { badNameError, oneQueueError, tapError, tapGoneError } from './tap-error.ts'
import { deliverDatagrams } from './udp-segments.ts'

export interface TapOptions {
  /**
   * The interface: an existing tap (also a persistent one of another owner who gave it to us), or one to be made. A
   * `%d` in it, or no name at all, lets the kernel choose a number.
   */
  name?: string
  /** Leaves the interface in place when it is closed. Default: as it is; one made here vanishes with us. */
  persist?: boolean
  /** Asks for checksum and segmentation offload; default true. What was granted is in `features`. */
  offload?: boolean
  /** The address that our stack owns; default one made from the interface's name and address, see `Tap.mac`. */
  mac?: MacAddress
  /** Default: one of its own. */
  memory?: PacketMemory
  /**
   * Instead of opening by name: the descriptor of an attached tap, or of a datagram or seqpacket socket that carries
   * one frame a message. It belongs to the `Tap` from then on.
   */
  fd?: number
  /**
   * 68 to 65,521. Set on the kernel's end as well where that is permitted; where it is not, one below that of the
   * kernel's end is kept to on our side only. Default: that of the kernel's end, 1500 for a socket.
   */
  mtu?: number
  /**
   * Attaches to one queue of a device that has or may have several, and makes it as such a device where there is none. Without this,
   * one queue of such a device is taken as well, but a new device has only one.
   */
  oneOfSeveral?: boolean
  /** Frames that one burst brings at most, 1 to 32; default 32. Each takes a slot of each size of packet memory. */
  receiveRing?: number
  /** Sets the kernel's end up, or fails (true); leaves it (false); default: sets it up if permitted. */
  up?: boolean
}

/** A device as the addon opened it. */
export interface TapDevice {
  readonly number: number
  readonly carrier: number
  /** Bytes of virtio header before each frame. */
  readonly headerLength: number
  /** Bits of `Offload`. */
  readonly offloads: number
}

/** Frames that one burst brings at most. */
const RECEIVE_RING = 32
/** Frames that may wait for the device to take them. */
const TRANSMIT_RING = 1024
const TRANSMIT_MASK = TRANSMIT_RING - 1

/** Where `STEPS` says that attaching failed. */
const ATTACH = STEPS.indexOf('ioctl TUNSETIFF')

const ETHERNET_HEADER = 14
/** RFC 791, section 3.1. */
const IPV4_HEADER = 20
/** A device's MTU without a kernel's end to ask: Ethernet's, RFC 894. */
const ETHERNET_MTU = 1500
/** Least MTU, RFC 791 section 3.2 ("every internet module must be able to forward a datagram of 68 octets"). */
const LEAST_MTU = 68
/** Linux's tun driver: ETH_MAX_MTU less the Ethernet header. */
const GREATEST_MTU = 65_521

// struct virtio_net_hdr: Virtual I/O Device 1.2, section 5.1.6.
const VIRTIO_NEEDS_CHECKSUM = 1
const VIRTIO_DATA_VALID = 2
const VIRTIO_GSO_NONE = 0
const VIRTIO_GSO_TCPV4 = 1
const VIRTIO_GSO_TCPV6 = 4
/** UDP datagrams in one; a packet socket may bring it. Virtual I/O Device 1.3, section 5.1.6. */
const VIRTIO_GSO_UDP_L4 = 5
/** With either of both: CWR belongs to the first segment only. */
const VIRTIO_GSO_ECN = 0x80

/** Where a TCP header keeps its length in 32-bit words, in the upper four bits; RFC 9293, section 3.1. */
const TCP_DATA_OFFSET = 12
const TCP_FLAGS = 13
/** RFC 3168, section 6.1. */
const TCP_CWR = 0x80

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
  readonly counters: NetifCounters = newNetifCounters()

  readonly #binding: TapBinding
  readonly #device: number
  /** Bytes of the header that a frame begins with. */
  readonly #leastFrame: number
  #mtu: number
  #receiver: FrameReceiver | null = null
  #closed = false

  // The receive ring: entry i has a small and a large slot at all times; a frame's slot is replaced when it is
  // delivered, and used again at once where memory has no other.
  readonly #receiveWords: Int32Array
  readonly #small: PacketBuffer[] = []
  readonly #large: PacketBuffer[] = []

  // The transmit ring: `#queued` frames from entry `#first` on.
  readonly #transmitWords = new Int32Array(TRANSMIT_RING * DESCRIPTOR_WORDS)
  readonly #packets: PacketBuffer[] = []
  #first = 0
  #queued = 0
  #blocked = false
  readonly #checksumOffload: boolean
  readonly #tcp4Segmentation: boolean
  readonly #tcp6Segmentation: boolean

  /**
   * Opens a tap. It receives from `attach` on.
   * @throws SystemError EPERM, EACCES, EBUSY, EINVAL, ENOENT, ... with a hint; ENOMEM when packet memory has too few
   *   free slots; RangeError for an `mtu` out of range; TypeError for a `mac` that is a multicast address
   */
  static async open(options: TapOptions = {}): Promise<Tap> {
    if (options.mac?.isMulticast) throw new TypeError(`${options.mac} is a multicast address and can own no interface`)
    const wantedMtu = options.mtu
    if (
      wantedMtu !== undefined &&
      !(Number.isInteger(wantedMtu) && wantedMtu >= LEAST_MTU && wantedMtu <= GREATEST_MTU)
    )
      throw new RangeError(`mtu is ${LEAST_MTU} to ${GREATEST_MTU}, not ${wantedMtu}`)
    const receiveRing = integerInRange('receiveRing', options.receiveRing ?? RECEIVE_RING, 1, RECEIVE_RING)
    const binding = tapBinding()
    const device = openDevice(binding, options)
    try {
      let name = `fd${options.fd}`
      let mtu = wantedMtu ?? ETHERNET_MTU
      let kernelMac = MacAddress.ZERO
      if (device.carrier === Carrier.Tap) {
        name = binding.name(device.number)
        kernelMac = readAddress(binding, device.number, name)
        mtu = settleMtu(binding, device.number, name, wantedMtu)
        settleUp(binding, device.number, name, options.up)
        if (options.mac?.equals(kernelMac))
          throw new SystemError('EADDRINUSE', 'open', {
            hint: `${kernelMac} is the address of the kernel's end of ${name}`,
          })
      }
      const mac = options.mac ?? (device.carrier === Carrier.Tap ? defaultTapAddress(name, kernelMac) : randomAddress())
      return new Tap(binding, device, { name, mac, mtu, memory: options.memory ?? new PacketMemory(), receiveRing })
    } catch (error) {
      binding.close(device.number)
      throw error
    }
  }

  /** For `open`, and for tests that bring a device of their own. */
  constructor(
    binding: TapBinding,
    device: TapDevice,
    settings: {
      name: string
      mac: MacAddress
      mtu: number
      memory: PacketMemory
      receiveRing?: number
      linkLayer?: LinkLayer
      hasLink?: () => boolean
    },
  ) {
    this.#binding = binding
    this.#device = device.number
    this.name = settings.name
    this.mac = settings.mac
    this.linkLayer = settings.linkLayer ?? 'ethernet'
    this.#leastFrame = this.linkLayer === 'none' ? IPV4_HEADER : ETHERNET_HEADER
    this.memory = settings.memory
    this.hasLink = settings.hasLink
    this.#mtu = settings.mtu
    this.features = {
      checksumOffload: (device.offloads & Offload.Checksum) !== 0,
      tcp4Segmentation: (device.offloads & Offload.Tcp4) !== 0,
      tcp6Segmentation: (device.offloads & Offload.Tcp6) !== 0,
    }
    this.#checksumOffload = this.features.checksumOffload
    this.#tcp4Segmentation = this.features.tcp4Segmentation
    this.#tcp6Segmentation = this.features.tcp6Segmentation

    // A quarter of a small memory at most: the stack needs the rest.
    const quarter = Math.min(this.memory.smallSlots, this.memory.largeSlots) >> 2
    const entries = Math.max(1, Math.min(settings.receiveRing ?? RECEIVE_RING, quarter))
    // One more, for frames that the kernel had no room for.
    this.#receiveWords = new Int32Array(entries * DESCRIPTOR_WORDS + 1)
    for (let i = 0; i < entries; i++) {
      const small = this.memory.takeSmall()
      const large = this.memory.takeLarge()
      if (small !== null) this.#small.push(small)
      if (large !== null) this.#large.push(large)
      if (small === null || large === null) {
        this.#releaseAll()
        throw new SystemError('ENOMEM', 'open', { hint: 'packet memory has too few free slots for a receive ring' })
      }
      const at = i << DESCRIPTOR_SHIFT
      this.#receiveWords[at + RECEIVE_SMALL] = small.base + RECEIVE_OFFSET
      this.#receiveWords[at + RECEIVE_LARGE] = large.base + RECEIVE_OFFSET
    }
    // Filled, so that the array never has holes; what stands in an entry that is not queued is never used.
    for (let i = 0; i < TRANSMIT_RING; i++) this.#packets.push(this.#small[0])

    const result = this.#binding.start(
      this.#device,
      this.memory.bytes,
      this.#receiveWords,
      this.#transmitWords,
      SMALL_SLOT - RECEIVE_OFFSET,
      LARGE_SLOT - RECEIVE_OFFSET,
      (count) => this.#burst(count),
      () => this.#writable(),
      (errno) => this.#gone(errno),
    )
    if (result < 0) {
      this.#releaseAll()
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
    if (this.#queued === TRANSMIT_RING) this.flush()
    if (this.#queued === TRANSMIT_RING) {
      this.counters.transmitQueueFull++
      packet.release()
      return
    }
    const segmentation = packet.segmentation
    const partial = packet.checksum === ChecksumState.Partial
    if (
      this.#closed ||
      packet.memory !== this.memory ||
      (partial && !this.#checksumOffload) ||
      (segmentation !== Segmentation.None && !(partial && this.#segments(segmentation)))
    ) {
      this.counters.transmitError++
      packet.release()
      return
    }
    const index = (this.#first + this.#queued++) & TRANSMIT_MASK
    this.#packets[index] = packet
    const words = this.#transmitWords
    const at = index << DESCRIPTOR_SHIFT
    const start = packet.start
    words[at + TRANSMIT_POSITION] = start
    words[at + TRANSMIT_LENGTH] = packet.end - start
    if (!partial) {
      words[at + TRANSMIT_HEADER_LENGTH] = 0
      words[at + TRANSMIT_FLAGS] = 0
      words[at + TRANSMIT_SEGMENT_SIZE] = 0
      words[at + TRANSMIT_CHECKSUM_START] = 0
      words[at + TRANSMIT_CHECKSUM_OFFSET] = 0
      return
    }
    const transport = packet.checksumStart
    words[at + TRANSMIT_CHECKSUM_START] = transport - start
    words[at + TRANSMIT_CHECKSUM_OFFSET] = packet.checksumField - transport
    if (segmentation === Segmentation.None) {
      words[at + TRANSMIT_HEADER_LENGTH] = 0
      words[at + TRANSMIT_FLAGS] = VIRTIO_NEEDS_CHECKSUM
      words[at + TRANSMIT_SEGMENT_SIZE] = 0
      return
    }
    const tcpHeader = (this.memory.bytes[transport + TCP_DATA_OFFSET] >>> 4) << 2
    let gso = segmentation === Segmentation.TcpV4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6
    if ((this.memory.bytes[transport + TCP_FLAGS] & TCP_CWR) !== 0) gso |= VIRTIO_GSO_ECN
    words[at + TRANSMIT_HEADER_LENGTH] = transport + tcpHeader - start
    words[at + TRANSMIT_FLAGS] = VIRTIO_NEEDS_CHECKSUM | (gso << 8)
    words[at + TRANSMIT_SEGMENT_SIZE] = packet.segmentSize
  }

  flush(): void {
    const queued = this.#queued
    // While the device takes nothing, `#writable` is what resumes.
    if (queued === 0 || this.#blocked) return
    const first = this.#first
    const done = this.#binding.flush(this.#device, first, queued)
    if (done < queued) {
      this.#blocked = true
      this.counters.backPressure++
    }
    const counters = this.counters
    for (let i = 0; i < done; i++) {
      const index = (first + i) & TRANSMIT_MASK
      const length = this.#transmitWords[(index << DESCRIPTOR_SHIFT) + TRANSMIT_LENGTH]
      if (length < 0) {
        counters.transmitError++
      } else {
        counters.transmittedFrames++
        counters.transmittedBytes += length
      }
      this.#packets[index].release()
    }
    this.#first = (first + done) & TRANSMIT_MASK
    this.#queued = queued - done
  }

  async close(): Promise<void> {
    this.#shut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #segments(segmentation: Segmentation): boolean {
    return segmentation === Segmentation.TcpV4 ? this.#tcp4Segmentation : this.#tcp6Segmentation
  }

  /** Delivers the frames in the first `count` entries of the receive ring. */
  #burst(count: number): void {
    const receiver = this.#receiver
    if (receiver === null) return
    const words = this.#receiveWords
    const memory = this.memory
    const counters = this.counters
    counters.bursts++
    const lost = words.length - 1
    if (words[lost] !== 0) {
      counters.receiveQueueFull += words[lost]
      words[lost] = 0
    }
    for (let i = 0; i < count; i++) {
      const at = i << DESCRIPTOR_SHIFT
      const length = words[at + RECEIVE_LENGTH]
      const flags = words[at + RECEIVE_FLAGS]
      if (length < this.#leastFrame || (flags !== 0 && !this.#isValidHeader(at, length))) {
        counters.receiveMalformed++
        continue
      }
      let packet: PacketBuffer
      if (words[at + RECEIVE_IN_LARGE] === 0) {
        const replacement = memory.takeSmall()
        if (replacement === null) {
          counters.receiveNoMemory++
          continue
        }
        packet = this.#small[i]
        this.#small[i] = replacement
        words[at + RECEIVE_SMALL] = replacement.base + RECEIVE_OFFSET
      } else {
        const replacement = memory.takeLarge()
        if (replacement === null) {
          counters.receiveNoMemory++
          continue
        }
        packet = this.#large[i]
        this.#large[i] = replacement
        words[at + RECEIVE_LARGE] = replacement.base + RECEIVE_OFFSET
      }
      const start = packet.base + RECEIVE_OFFSET
      packet.start = packet.link = start
      packet.end = start + length
      if (flags !== 0) this.#applyHeader(packet, at, flags)
      counters.receivedFrames++
      counters.receivedBytes += length
      try {
        if (flags >>> 8 === VIRTIO_GSO_UDP_L4) {
          deliverDatagrams(packet, words[at + RECEIVE_SEGMENT_SIZE], receiver, counters)
        } else receiver.frame(packet)
      } finally {
        packet.release()
      }
      if (this.#closed) return
    }
    receiver.endOfBurst()
  }

  /** Whether the virtio header of a received frame makes sense: it is the kernel's, but its numbers become positions. */
  #isValidHeader(at: number, length: number): boolean {
    const words = this.#receiveWords
    const flags = words[at + RECEIVE_FLAGS]
    const gso = (flags >>> 8) & ~VIRTIO_GSO_ECN
    if (flags >>> 8 !== VIRTIO_GSO_NONE) {
      const isTcp = gso === VIRTIO_GSO_TCPV4 || gso === VIRTIO_GSO_TCPV6
      if (!isTcp && flags >>> 8 !== VIRTIO_GSO_UDP_L4) return false
      if (words[at + RECEIVE_SEGMENT_SIZE] === 0) return false
    }
    if ((flags & VIRTIO_NEEDS_CHECKSUM) === 0) return true
    const start = words[at + RECEIVE_CHECKSUM_START]
    return start >= this.#leastFrame && start + words[at + RECEIVE_CHECKSUM_OFFSET] + 2 <= length
  }

  #applyHeader(packet: PacketBuffer, at: number, flags: number): void {
    const words = this.#receiveWords
    if ((flags & VIRTIO_NEEDS_CHECKSUM) !== 0) {
      packet.checksum = ChecksumState.Partial
      packet.checksumStart = packet.start + words[at + RECEIVE_CHECKSUM_START]
      packet.checksumField = packet.checksumStart + words[at + RECEIVE_CHECKSUM_OFFSET]
    } else if ((flags & VIRTIO_DATA_VALID) !== 0) {
      packet.checksum = ChecksumState.Verified
    }
    const gso = (flags >>> 8) & ~VIRTIO_GSO_ECN
    if (gso === VIRTIO_GSO_TCPV4 || gso === VIRTIO_GSO_TCPV6) {
      packet.segmentation = gso === VIRTIO_GSO_TCPV4 ? Segmentation.TcpV4 : Segmentation.TcpV6
      packet.segmentSize = words[at + RECEIVE_SEGMENT_SIZE]
    }
  }

  #writable(): void {
    this.#blocked = false
    this.flush()
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
    this.#releaseAll()
  }

  #releaseAll(): void {
    for (; this.#queued > 0; this.#queued--) {
      this.#packets[this.#first].release()
      this.#first = (this.#first + 1) & TRANSMIT_MASK
    }
    for (const packet of this.#small) packet.release()
    for (const packet of this.#large) packet.release()
    this.#small.length = this.#large.length = 0
  }

  #check(result: number, syscall: string): number {
    if (result < 0) throw tapError(result, syscall, this.name)
    return result
  }
}

const EPERM = 1
const EINVAL = 22
const ENODEV = 19
const ENOTCONN = 107

function openDevice(binding: TapBinding, options: TapOptions): TapDevice {
  const details = new Int32Array(DETAIL_WORDS)
  const offload = options.offload ?? true
  const name = options.name ?? ''
  let number: number
  if (options.fd === undefined) {
    const bad = options.name === undefined ? null : badNameError(options.name)
    if (bad !== null) throw bad
    const open = options.oneOfSeveral ? binding.openQueue : binding.open
    number = open(name, options.persist ?? false, offload, details)
    if (number === -EINVAL && options.oneOfSeveral && details[Detail.Step] === ATTACH) throw oneQueueError(name)
  } else {
    number = binding.adopt(options.fd, offload, 0, details)
  }
  if (number < 0) throw tapError(number, STEPS[details[Detail.Step]], name)
  return {
    number,
    carrier: details[Detail.Carrier],
    headerLength: details[Detail.HeaderLength],
    offloads: details[Detail.Offloads],
  }
}

function readAddress(binding: TapBinding, device: number, name: string): MacAddress {
  const bytes = new Uint8Array(6)
  const result = binding.getAddress(device, bytes)
  if (result < 0) throw tapError(result, 'ioctl SIOCGIFHWADDR', name)
  return MacAddress.fromBytes(bytes, 0)
}

/** The MTU to use, set on the kernel's end where one is wanted. */
function settleMtu(binding: TapBinding, device: number, name: string, wanted: number | undefined): number {
  const present = binding.getMtu(device)
  // The descriptor of a tap in another namespace: its MTU cannot be asked for.
  if (present === -ENODEV) return wanted ?? ETHERNET_MTU
  if (present < 0) throw tapError(present, 'ioctl SIOCGIFMTU', name)
  if (wanted === undefined || wanted === present) return present
  const result = binding.setMtu(device, wanted)
  if (result < 0 && !(result === -EPERM && wanted < present)) throw tapError(result, 'ioctl SIOCSIFMTU', name)
  return wanted
}

function settleUp(binding: TapBinding, device: number, name: string, wanted: boolean | undefined): void {
  if (wanted === false) return
  const result = binding.setUp(device, true)
  // Unless asked for: not permitted, or a descriptor whose device is in another namespace.
  const isTolerable = result === -EPERM || result === -ENODEV
  if (result < 0 && (wanted === true || !isTolerable)) throw tapError(result, 'ioctl SIOCSIFFLAGS', name)
}

/** A socket has no address to make one from. */
function randomAddress(): MacAddress {
  const words = crypto.getRandomValues(new Int32Array(2))
  return MacAddress.locallyAdministered(words[0], words[1])
}
