import { endianness } from 'node:os'
import { MacAddress } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { type PacketBuffer, PacketMemory, RECEIVE_OFFSET, SMALL_SLOT } from '../packet/index.ts'
import { factsOfUsable, hasLink, type InterfaceFacts, inNamespace } from './interface-facts.ts'
import { watchInterface } from './interface-watch.ts'
import { type FrameReceiver, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import { loadOptionalPackage } from './optional-package.ts'
import { ReceivedOffload } from './received-offload.ts'
import { defaultTapAddress } from './tap-address.ts'
import { tapBinding } from './tap-binding.ts'

/** As much of the package's surface as is used here. */
export interface PcapPackage {
  createSession(name: string, options: PcapSessionOptions): PcapSession
  /** Told of an interface without an IPv4 address, which is nothing to warn of. */
  warningHandler?: (text: string) => void
}

interface PcapSessionOptions {
  filter: string
  promiscuous: boolean
  snap_length: number
  buffer_size: number
  buffer_timeout: number
}

interface PcapSession {
  readonly link_type: string
  on(event: 'packet', listener: (packet: PcapFrame) => void): unknown
  inject(frame: Buffer): void
  stats(): { ps_recv: number; ps_drop: number; ps_ifdrop: number }
  close(): void
  /** The addon's part, and what it fills. */
  readonly session: PcapHandle
  readonly buf: Buffer
  readonly header: Buffer
}

interface PcapHandle {
  read_callback?: (() => void) | undefined
  /** @returns -2 once the session has been closed, and must not be called again */
  dispatch(frame: Buffer, header: Buffer): number
}

/** Both buffers are used again for the next frame. */
interface PcapFrame {
  readonly buf: Buffer
  /** struct pcap_pkthdr, as four 32-bit words of the machine: seconds, microseconds, captured length, length. */
  readonly header: Buffer
}

/** What `openPcap` takes. */
export interface PcapOptions {
  /** An Ethernet interface that is there and up: a veth, a NIC. */
  name: string
  /** As `PacketSocketOptions.mac`: one of our own by default, for which the interface receives everything (promiscuous). */
  mac?: MacAddress | 'interface'
  /** Default: one of its own. */
  memory?: PacketMemory
  /** Path of another network namespace that the interface is in, `/proc/1234/ns/net`; default the one of this process. */
  namespace?: string
  /** The package itself, where it is to come from elsewhere. */
  package?: PcapPackage
}

/** What libpcap left out, beside `NetifCounters`. */
export interface PcapCounters {
  /** Frames longer than libpcap was willing to hold, cut short, and dropped. */
  truncated: number
}

const PCAP = {
  name: 'pcap',
  needs: 'which takes libpcap (Debian, Ubuntu: apt install libpcap-dev) and a C++ compiler',
  nodeMajor: 20,
}

const NO_OFFLOAD: NetifFeatures = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
const ETHERNET_HEADER = 14
const VLAN_TAG = 4
/** What the kernel hands over in one piece at most: an IP packet of 64 KiB, which stands for many segments. */
const SNAP_LENGTH = 65_535 + ETHERNET_HEADER + 2 * VLAN_TAG
/** What the kernel holds for us while the event loop is busy: some hundred frames as long as they get. */
const KERNEL_BUFFER = 8 * 1024 * 1024
const CAPTURED_LENGTH = 8
const ORIGINAL_LENGTH = 12
/** Frames that may wait for being delivered, and for being sent. */
const QUEUE = 1024
/** libpcap tells neither why a frame was refused nor when there is room: it is tried again, this often at most. */
const RETRY_MILLISECONDS = 1
const RETRIES = 20
/** IANA "IEEE 802 Numbers": Loopback, of the Ethernet Configuration Testing Protocol. */
const ETHER_TYPE_LOOPBACK = 0x9000
const LEAST_FRAME = 60
const LITTLE = endianness() === 'LE'

/**
 * Opens an existing interface through libpcap, by the optional package `pcap`: `--interface pcap:eth0`. The kernel's own stack goes
 * on beside ours. Frames are copied both ways and there is no offload on our side; what the kernel leaves undone in frames
 * between local interfaces is recognized (`ReceivedOffload`). `openPacketSocket` is many times faster and needs no package.
 * @throws OptionalPackageError in a line that says what to do; SystemError EPERM (it takes CAP_NET_RAW), ENODEV, EPROTOTYPE for
 *   an interface without Ethernet, ENETDOWN, EIO with what libpcap says; TypeError for a `mac` that is a multicast address
 */
export async function openPcap(options: PcapOptions): Promise<PcapNetif> {
  const { name, mac, namespace = '' } = options
  if (mac instanceof MacAddress && mac.isMulticast) {
    throw new TypeError(`${mac} is a multicast address and can own no interface`)
  }
  const pcap = options.package ?? loadOptionalPackage<PcapPackage>(PCAP)
  const facts = factsOfUsable(name, namespace)
  if (!facts.isEthernet) throw new SystemError('EPROTOTYPE', 'pcap', { hint: `${name} carries no Ethernet frames` })
  const own = mac === 'interface' ? facts.mac : (mac ?? defaultTapAddress(`pcap ${name}`, facts.mac))
  const settings: PcapSessionOptions = {
    // What goes out through the interface, ours included, is not for us.
    filter:
      `(inbound and not ether src ${own} and (ether dst ${own} or ether multicast)) or ` +
      `(ether proto ${ETHER_TYPE_LOOPBACK} and ether src ${own} and ether dst ${own})`,
    promiscuous: !own.equals(facts.mac),
    snap_length: SNAP_LENGTH,
    buffer_size: KERNEL_BUFFER,
    // Frames are handed over as they come.
    buffer_timeout: 0,
  }
  const session = inNamespace(namespace, () => createSession(pcap, name, settings))
  // libpcap runs the filter itself on the first frame, and cannot tell there where a frame comes from: it always drops it.
  sendToOurselves(name, namespace, own)
  // It reads for the first time in the next tick, and must not be closed by then.
  await new Promise((resolve) => setImmediate(resolve))
  return new PcapNetif(session, { name, mac: own, facts, namespace, memory: options.memory ?? new PacketMemory() })
}

function createSession(pcap: PcapPackage, name: string, settings: PcapSessionOptions): PcapSession {
  const { warningHandler } = pcap
  pcap.warningHandler = () => {}
  try {
    return pcap.createSession(name, settings)
  } catch (cause) {
    const { message } = cause as Error
    if (/permi/i.test(message)) {
      const hint = `${name} takes CAP_NET_RAW: run as root, or give a container --cap-add NET_RAW`
      throw new SystemError('EPERM', 'pcap', { hint, cause })
    }
    throw new SystemError('EIO', 'pcap', { hint: `${name}: ${message}`, cause })
  } finally {
    if (warningHandler === undefined) delete pcap.warningHandler
    else pcap.warningHandler = warningHandler
  }
}

/** An existing interface through libpcap; made by `openPcap`. */
export class PcapNetif implements Netif, AsyncDisposable {
  readonly name: string
  readonly mac: MacAddress
  /** The address of the interface itself. */
  readonly kernelMac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()
  readonly pcapCounters: PcapCounters = { truncated: 0 }

  readonly #session: PcapSession
  readonly #namespace: string
  readonly #offload: ReceivedOffload
  readonly #unwatch: () => void
  readonly #deliver = () => this.#deliverBurst()
  readonly #retry = () => this.#sendWaiting()
  #receiver: FrameReceiver | null = null
  #closed = false

  /** Frames that have arrived, first to last, and how many of them are in large slots. */
  #arrivedFirst: PacketBuffer | null = null
  #arrivedLast: PacketBuffer | null = null
  #arrived = 0
  #arrivedLarge = 0
  readonly #limit: number
  readonly #limitLarge: number

  /** Frames that libpcap did not take, first to last. */
  #waitingFirst: PacketBuffer | null = null
  #waitingLast: PacketBuffer | null = null
  #waiting = 0
  #retries = 0
  #retryTimer: NodeJS.Timeout | null = null

  constructor(
    session: PcapSession,
    settings: { name: string; mac: MacAddress; facts: InterfaceFacts; namespace: string; memory: PacketMemory },
  ) {
    const { facts, memory } = settings
    this.#session = session
    this.name = settings.name
    this.mac = settings.mac
    this.kernelMac = facts.mac
    this.mtu = facts.mtu
    this.memory = memory
    this.#namespace = settings.namespace
    this.#offload = new ReceivedOffload(memory, facts.mtu)
    // A quarter of packet memory at most: the stack needs the rest.
    this.#limit = Math.max(1, Math.min(QUEUE, memory.smallSlots >> 2))
    this.#limitLarge = Math.max(1, Math.min(QUEUE, memory.largeSlots >> 2))
    session.on('packet', ({ buf, header }) => this.#arrive(buf, header))
    this.#unwatch = watchInterface(this.name, this.#namespace, facts.index, 'pcap', (error) => this.#gone(error))
  }

  /** Of what the kernel left undone in received frames. */
  get offloadCounters() {
    return this.#offload.counters
  }

  /** Frames that the kernel has seen for us, and those it dropped because the event loop did not come round. */
  get kernelCounters(): { received: number; dropped: number } {
    if (this.#closed) return { received: 0, dropped: 0 }
    const { ps_recv, ps_drop } = this.#session.stats()
    return { received: ps_recv, dropped: ps_drop }
  }

  hasLink(): boolean {
    return hasLink(this.name, this.#namespace)
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    if (this.#closed || packet.end - packet.start > this.mtu + ETHERNET_HEADER + VLAN_TAG) {
      this.counters.transmitError++
      packet.release()
    } else if (this.#waiting === 0 && this.#inject(packet)) {
      packet.release()
    } else if (this.#waiting === QUEUE) {
      this.counters.transmitQueueFull++
      packet.release()
    } else {
      packet.next = null
      if (this.#waitingLast === null) this.#waitingFirst = packet
      else this.#waitingLast.next = packet
      this.#waitingLast = packet
      this.#waiting++
      this.#retryTimer ??= setTimeout(this.#retry, RETRY_MILLISECONDS)
    }
  }

  /** Frames have gone out with `transmit`. */
  flush(): void {}

  async close(): Promise<void> {
    this.#shut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Copies a frame out of libpcap's buffer. What waits is delivered when libpcap has no more for now. */
  #arrive(buffer: Buffer, header: Buffer): void {
    if (this.#receiver === null || this.#closed) return
    const { counters, memory } = this
    const length = word(header, CAPTURED_LENGTH)
    if (length !== word(header, ORIGINAL_LENGTH)) {
      this.pcapCounters.truncated++
      return
    }
    if (length < ETHERNET_HEADER || length > SNAP_LENGTH) {
      counters.receiveMalformed++
      return
    }
    const isSmall = length <= SMALL_SLOT - RECEIVE_OFFSET
    if (this.#arrived === this.#limit || (!isSmall && this.#arrivedLarge === this.#limitLarge)) {
      counters.receiveQueueFull++
      return
    }
    const packet = isSmall ? memory.takeSmall() : memory.takeLarge()
    if (packet === null) {
      counters.receiveNoMemory++
      return
    }
    packet.start = packet.link = packet.base + RECEIVE_OFFSET
    packet.end = packet.start + length
    buffer.copy(memory.bytes, packet.start, 0, length)
    packet.next = null
    if (this.#arrivedLast === null) this.#arrivedFirst = packet
    else this.#arrivedLast.next = packet
    this.#arrivedLast = packet
    if (!isSmall) this.#arrivedLarge++
    if (this.#arrived++ === 0) process.nextTick(this.#deliver)
  }

  #deliverBurst(): void {
    const receiver = this.#receiver
    const { counters } = this
    if (receiver === null || this.#arrived === 0) return
    let packet = this.#arrivedFirst
    this.#arrivedFirst = this.#arrivedLast = null
    this.#arrived = this.#arrivedLarge = 0
    counters.bursts++
    while (packet !== null) {
      const { next }: PacketBuffer = packet
      packet.next = null
      try {
        if (this.#closed) continue
        if (!this.#offload.inspect(packet, packet.start + ETHERNET_HEADER)) continue
        counters.receivedFrames++
        counters.receivedBytes += packet.end - packet.start
        receiver.frame(packet)
      } finally {
        packet.release()
        packet = next
      }
    }
    if (!this.#closed) receiver.endOfBurst()
  }

  /** @returns whether libpcap took it; the reference stays the caller's */
  #inject(packet: PacketBuffer): boolean {
    const length = packet.end - packet.start
    try {
      this.#session.inject(Buffer.from(this.memory.bytes.buffer, packet.start, length))
    } catch {
      return false
    }
    this.counters.transmittedFrames++
    this.counters.transmittedBytes += length
    return true
  }

  #sendWaiting(): void {
    this.#retryTimer = null
    while (this.#waiting > 0) {
      const packet = this.#waitingFirst!
      if (!this.#inject(packet)) {
        if (this.#retries++ === 0) this.counters.backPressure++
        if (this.#retries < RETRIES) break
        this.counters.transmitError++
      }
      this.#retries = 0
      this.#waitingFirst = packet.next
      if (this.#waitingFirst === null) this.#waitingLast = null
      packet.next = null
      this.#waiting--
      packet.release()
    }
    if (this.#waiting > 0) this.#retryTimer = setTimeout(this.#retry, RETRY_MILLISECONDS)
  }

  #gone(error: Error): void {
    const receiver = this.#receiver
    this.#shut()
    receiver?.closed(error)
  }

  #shut(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unwatch()
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
    closeSession(this.#session, () => sendToOurselves(this.name, this.#namespace, this.mac))
    this.#arrivedFirst = releaseList(this.#arrivedFirst)
    this.#waitingFirst = releaseList(this.#waitingFirst)
    this.#arrivedLast = this.#waitingLast = null
    this.#arrived = this.#arrivedLarge = this.#waiting = 0
  }
}

/** libuv goes on knowing the handles in them: the package leaves them initialised, so that they must never be freed. */
const closedHandles: PcapHandle[] = []

/** What `dispatch` of the package returns when it has let go of the device. */
const LET_GO = -2

/**
 * Ends a session of version 3.1 of the package, which lets go of the device when libpcap has read one frame more, and must not be
 * read from behind that.
 * @param wake makes a frame arrive
 */
function closeSession(session: PcapSession, wake: () => void): void {
  const { session: handle, buf, header } = session
  closedHandles.push(handle)
  session.close()
  handle.read_callback = () => {
    if (handle.dispatch(buf, header) === LET_GO) handle.read_callback = undefined
  }
  wake()
  handle.read_callback()
}

/** A frame for libpcap. Whoever else it meets takes no notice: bridges keep what is for the side that it came from. */
function sendToOurselves(name: string, namespace: string, mac: MacAddress): void {
  const frame = new Uint8Array(LEAST_FRAME)
  mac.writeTo(frame, 0)
  mac.writeTo(frame, 6)
  new DataView(frame.buffer).setUint16(12, ETHER_TYPE_LOOPBACK)
  try {
    // Where the interface is down or gone, libpcap is polled no more, and nothing keeps the process.
    inNamespace(namespace, () => tapBinding().sendFrame(name, frame))
  } catch {
    // The way to the namespace is gone: the next frame that the interface receives does as well.
  }
}

function releaseList(first: PacketBuffer | null): null {
  for (let packet = first; packet !== null; ) {
    const { next }: PacketBuffer = packet
    packet.next = null
    packet.release()
    packet = next
  }
  return null
}

function word(header: Buffer, at: number): number {
  return LITTLE ? header.readUInt32LE(at) : header.readUInt32BE(at)
}
