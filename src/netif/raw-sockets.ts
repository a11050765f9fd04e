import type { EventEmitter } from 'node:events'
import { IpAddress, MacAddress } from '../address/index.ts'
import { integerInRange, SystemError } from '../errors/index.ts'
import { type PacketBuffer, PacketMemory, RECEIVE_OFFSET, SMALL_SLOT } from '../packet/index.ts'
import { factsOfUsable, type InterfaceFacts, inNamespace } from './interface-facts.ts'
import { watchInterface } from './interface-watch.ts'
import { type FrameReceiver, type LinkLayer, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import { loadOptionalPackage } from './optional-package.ts'
import { ReceivedOffload } from './received-offload.ts'
import { defaultTapAddress } from './tap-address.ts'

interface RawSocket extends EventEmitter {
  send(
    data: Buffer,
    offset: number,
    length: number,
    address: string,
    done: (error: Error | null, bytes: number) => void,
  ): unknown
  setOption(level: number, option: number, value: number | Buffer, length?: number): void
  close(): unknown
}

/** As much of the package's surface as is used here. */
export interface RawSocketsPackage {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocket
}

/** What `openRawSockets` takes. */
export interface RawSocketsOptions {
  /** The interface that packets come from and go to, of any kind that carries IPv4. */
  name: string
  /** IP protocols that are received; default ICMP, TCP and UDP (1, 6, 17). */
  protocols?: readonly number[]
  /**
   * What marks our packets (SO_MARK), so that rules of routing or of a firewall can tell them from the kernel's answers; default
   * 0x7470. It takes CAP_NET_ADMIN, and is left out without it.
   */
  mark?: number
  /** Default: one of its own. */
  memory?: PacketMemory
  /** Path of another network namespace that the interface is in, `/proc/1234/ns/net`; default the one of this process. */
  namespace?: string
  /** The package itself, where it is to come from elsewhere. */
  package?: RawSocketsPackage
}

/** Also for `ping` of the socket stack. */
export const RAW_SOCKET = { name: 'raw-socket', needs: 'which takes a C++ compiler', nodeMajor: 20 }

const NO_OFFLOAD: NetifFeatures = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
const DEFAULT_PROTOCOLS = [1, 6, 17]
const DEFAULT_MARK = 0x7470
/** Of the package: IPv4. */
const FAMILY_IPV4 = 1
/** raw(7): sends whole packets, header included, and receives nothing. */
const IPPROTO_RAW = 255
const LONGEST_PACKET = 65_535
/** RFC 791, section 3.1. */
const IPV4_LEAST_HEADER = 20
const IPV4_DESTINATION = 16
/** socket(7), asm-generic. */
const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const SO_RCVBUFFORCE = 33
const SO_MARK = 36
const RECEIVE_BUFFER = 4 * 1024 * 1024
/** Packets that may wait for a socket to take them. */
const QUEUE = 512

/**
 * Opens raw sockets (raw(7)) on an interface as a network of IPv4 without a link layer, by the optional package `raw-socket`:
 * `--interface raw:eth0`. What the kernel takes for its own is received as well by us: so our address has to be local to it, and it
 * answers too, unless it is kept from that (the guide says how). There is no IPv6: its raw sockets leave out the
 * header (RFC 3542, section 3), and with it where a packet was sent to.
 * @throws OptionalPackageError in a line that says what to do; SystemError EPERM (it takes CAP_NET_RAW), ENODEV, ENETDOWN;
 *   RangeError for a protocol or a mark
 */
export async function openRawSockets(options: RawSocketsOptions): Promise<RawSocketsNetif> {
  const { name, namespace = '' } = options
  const protocols = (options.protocols ?? DEFAULT_PROTOCOLS).map((one) => integerInRange('protocols', one, 1, 254))
  const mark = integerInRange('mark', options.mark ?? DEFAULT_MARK, 0, 0x7fffffff)
  const rawSocket = options.package ?? loadOptionalPackage<RawSocketsPackage>(RAW_SOCKET)
  const facts = factsOfUsable(name, namespace)
  const sockets: RawSocket[] = []
  try {
    // The one that sends first.
    for (const protocol of [IPPROTO_RAW, ...protocols]) {
      const socket = inNamespace(namespace, () => createSocket(rawSocket, protocol, name))
      sockets.push(socket)
      const device = Buffer.from(`${name}\0`)
      socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, device, device.length)
      for (const [option, value] of [
        [SO_MARK, mark],
        [SO_RCVBUFFORCE, RECEIVE_BUFFER],
      ] as const) {
        try {
          socket.setOption(SOL_SOCKET, option, value)
        } catch {
          // Without CAP_NET_ADMIN it goes on without a mark, and with less room in the kernel.
        }
      }
    }
    return new RawSocketsNetif(sockets, { name, facts, namespace, memory: options.memory ?? new PacketMemory() })
  } catch (error) {
    for (const socket of sockets) socket.close()
    throw error
  }
}

function createSocket(rawSocket: RawSocketsPackage, protocol: number, name: string): RawSocket {
  try {
    return rawSocket.createSocket({ protocol, addressFamily: FAMILY_IPV4, bufferSize: LONGEST_PACKET })
  } catch (cause) {
    if (!/not permitted/i.test((cause as Error).message)) throw cause
    const hint = `${name} takes CAP_NET_RAW: run as root, or give a container --cap-add NET_RAW`
    throw new SystemError('EPERM', 'socket', { hint, cause })
  }
}

/** IPv4 through raw sockets; made by `openRawSockets`. */
export class RawSocketsNetif implements Netif, AsyncDisposable {
  readonly name: string
  readonly linkLayer: LinkLayer = 'none'
  /** Made up. */
  readonly mac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()
  /** What the sockets reported of single packets: that one could not be received, or that an answer says it did not arrive. */
  readonly rawCounters = { socketErrors: 0 }

  readonly #sockets: readonly RawSocket[]
  readonly #sender: RawSocket
  readonly #offload: ReceivedOffload
  readonly #unwatch: () => void
  readonly #sent = (error: Error | null) => this.#packetSent(error)
  #receiver: FrameReceiver | null = null
  #closed = false

  /** Packets that the package holds, in its order, first to last. */
  #waitingFirst: PacketBuffer | null = null
  #waitingLast: PacketBuffer | null = null
  #waiting = 0

  /** The text of the last destination: most packets go where the one before went. */
  #destination = 0
  #destinationText = '0.0.0.0'

  /** @param sockets the one that sends, and those that receive */
  constructor(
    sockets: readonly RawSocket[],
    settings: { name: string; facts: InterfaceFacts; namespace: string; memory: PacketMemory },
  ) {
    const { name, facts, namespace, memory } = settings
    this.#sockets = sockets
    this.#sender = sockets[0]!
    this.name = name
    this.mac = defaultTapAddress(`raw ${name}`, MacAddress.ZERO)
    this.mtu = facts.mtu
    this.memory = memory
    this.#offload = new ReceivedOffload(memory, facts.mtu)
    for (const socket of sockets) {
      socket.on('message', (data: Buffer) => this.#arrive(data))
      // It tells of single packets (ENOBUFS, a host that cannot be reached), after which the socket goes on.
      socket.on('error', () => this.rawCounters.socketErrors++)
    }
    this.#unwatch = watchInterface(name, namespace, facts.index, 'socket', (error) => this.#gone(error))
  }

  /** Of what the kernel left undone in received packets. */
  get offloadCounters() {
    return this.#offload.counters
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    const { start, end, memory } = packet
    const length = end - start
    if (this.#closed || length < IPV4_LEAST_HEADER || memory.bytes[start]! >>> 4 !== 4) {
      this.counters.transmitError++
      packet.release()
      return
    }
    if (this.#waiting === QUEUE) {
      this.counters.transmitQueueFull++
      packet.release()
      return
    }
    packet.next = null
    if (this.#waitingLast === null) this.#waitingFirst = packet
    else this.#waitingLast.next = packet
    this.#waitingLast = packet
    this.#waiting++
    const destination = memory.view.getInt32(start + IPV4_DESTINATION)
    if (destination !== this.#destination) {
      this.#destination = destination
      this.#destinationText = IpAddress.v4(destination).toString()
    }
    const bytes = Buffer.from(memory.bytes.buffer, start, length)
    this.#sender.send(bytes, 0, length, this.#destinationText, this.#sent)
  }

  /** Packets have gone to the package with `transmit`. */
  flush(): void {}

  async close(): Promise<void> {
    this.#shut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The package sends in order, so that it is always the first one. */
  #packetSent(error: Error | null): void {
    const packet = this.#waitingFirst
    if (packet === null) return
    this.#waitingFirst = packet.next
    if (this.#waitingFirst === null) this.#waitingLast = null
    packet.next = null
    this.#waiting--
    if (error === null) {
      this.counters.transmittedFrames++
      this.counters.transmittedBytes += packet.end - packet.start
    } else {
      this.counters.transmitError++
    }
    packet.release()
  }

  /** The package reads one packet in each turn of the event loop: each is a burst. Its buffer is used again. */
  #arrive(data: Buffer): void {
    const receiver = this.#receiver
    const { counters, memory } = this
    if (receiver === null || this.#closed) return
    const { length } = data
    if (length < IPV4_LEAST_HEADER) {
      counters.receiveMalformed++
      return
    }
    const packet = length <= SMALL_SLOT - RECEIVE_OFFSET ? memory.takeSmall() : memory.takeLarge()
    if (packet === null) {
      counters.receiveNoMemory++
      return
    }
    packet.start = packet.link = packet.base + RECEIVE_OFFSET
    packet.end = packet.start + length
    data.copy(memory.bytes, packet.start)
    try {
      if (!this.#offload.inspect(packet, packet.start)) return
      counters.bursts++
      counters.receivedFrames++
      counters.receivedBytes += length
      receiver.frame(packet)
    } finally {
      packet.release()
    }
    if (!this.#closed) receiver.endOfBurst()
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
    for (const socket of this.#sockets) socket.close()
    for (let packet = this.#waitingFirst; packet !== null; ) {
      const { next }: PacketBuffer = packet
      packet.next = null
      packet.release()
      packet = next
    }
    this.#waitingFirst = this.#waitingLast = null
    this.#waiting = 0
  }
}
