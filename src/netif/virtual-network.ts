import { MacAddress } from '../address/index.ts'
import type { PcapngWriter } from '../capture/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { SystemError } from '../errors/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import type { LinkOptions } from './virtual-network-link.ts'
import { MacTable, UNKNOWN_PORT } from './virtual-network-mac-table.ts'
import { VirtualNetif, type VirtualSwitch } from './virtual-network-port.ts'

/** What `new VirtualNetwork` takes. */
export interface VirtualNetworkOptions {
  clock: Clock
  /** Decides loss, reordering and the like, and gives ports their MAC addresses. */
  random: Random
  /** The packet memory of ports that do not bring their own. Between ports of one memory frames pass by reference. */
  memory: PacketMemory
}

/** The impairments apply to both directions; `toStack` and `fromStack` replace them for one. */
export interface VirtualPortOptions extends LinkOptions {
  /** Default `port` and its number. */
  name?: string
  /** Default a random locally administered address. */
  mac?: MacAddress
  /** Largest IP packet in bytes, 68 to 65,535; default 1,500. */
  mtu?: number
  /** Default the network's. */
  memory?: PacketMemory
  /**
   * Whether checksums and TCP segmentation are left to the network, so that frames of up to 64 KiB pass as over a veth
   * pair. 'auto' (default) does so on links without impairments other than latency.
   */
  offload?: boolean | 'auto'
  toStack?: LinkOptions
  fromStack?: LinkOptions
}

/** Ports on one network at once. */
const MAXIMUM_PORTS = 4096

/**
 * An Ethernet switch inside the process that joins any number of stacks. It learns MAC addresses and floods what it
 * does not know. Under a virtual clock and a seeded `Random`, all that happens on it is a function of the seed.
 *
 * ```ts
 * const network = new VirtualNetwork({ clock, random, memory })
 * const a = network.port()
 * const b = network.port({ latency: 10_000, loss: 0.01 })
 * ```
 *
 * Frames are delivered in bursts in a later turn of the clock, never from inside `transmit`.
 */
export class VirtualNetwork implements VirtualSwitch {
  readonly clock: Clock
  readonly random: Random
  readonly memory: PacketMemory
  /** Where addresses were heard. */
  readonly macTable = new MacTable()

  readonly #ports: (VirtualNetif | null)[] = []
  #writer: PcapngWriter | null = null

  constructor(options: VirtualNetworkOptions) {
    this.clock = options.clock
    this.random = options.random
    this.memory = options.memory
  }

  /** The ports that are there now. */
  get ports(): VirtualNetif[] {
    return this.#ports.filter((port) => port !== null)
  }

  /**
   * Adds a port. `close()` on it frees its place.
   * @throws RangeError naming the option and its range; Error with 4,096 ports
   */
  port(options: VirtualPortOptions = {}): VirtualNetif {
    let number = this.#ports.indexOf(null)
    if (number < 0) number = this.#ports.length
    if (number >= MAXIMUM_PORTS) throw new Error(`a virtual network has at most ${MAXIMUM_PORTS} ports`)
    const mtu = options.mtu ?? 1500
    if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535) throw new RangeError(`mtu is 68 to 65535, not ${mtu}`)
    const port = new VirtualNetif(this, this.clock, this.random, {
      number,
      name: options.name ?? `port${number}`,
      mac: options.mac ?? MacAddress.locallyAdministered(this.random.int32(), this.random.int32()),
      mtu,
      memory: options.memory ?? this.memory,
      offload: options.offload ?? 'auto',
      toStack: options.toStack ?? options,
      fromStack: options.fromStack ?? options,
    })
    this.#ports[number] = port
    if (this.#writer !== null) port.capture(this.#writer)
    return port
  }

  /**
   * Records what passes at every port, of now and later, each as an interface of its own: a frame from one stack to
   * another is there twice, as sent and as received. Null ends it. The writer stays open.
   */
  capture(writer: PcapngWriter | null): void {
    this.#writer = writer
    for (const port of this.ports) port.capture(writer)
  }

  /** Takes a port away under its stack, which is told so (ENODEV), as when a device is removed. */
  remove(port: VirtualNetif): void {
    port.vanish(new SystemError('ENODEV', 'read', { hint: `${port.name} was removed from the virtual network` }))
  }

  /** Closes all ports. */
  async close(): Promise<void> {
    for (const port of this.ports) await port.close()
  }

  /** For ports only: a frame has reached the switch. */
  forward(packet: PacketBuffer, ingress: VirtualNetif): void {
    const view = packet.memory.view
    const position = packet.start
    const sourceHigh = view.getUint16(position + 6)
    const sourceLow = view.getInt32(position + 8)
    if (sourceLow !== ingress.learnedLow || sourceHigh !== ingress.learnedHigh) {
      this.#learn(sourceHigh, sourceLow, ingress)
    }
    const high = view.getUint16(position)
    // The I/G bit: multicast and broadcast go everywhere.
    if ((high & 0x0100) === 0) {
      const number = this.macTable.lookup(high, view.getInt32(position + 2))
      if (number !== UNKNOWN_PORT) {
        const egress = this.#ports[number]
        // A frame to an address on the side that it came from has arrived already.
        if (egress === null || egress === ingress) packet.release()
        else this.#send(packet, egress)
        return
      }
    }
    this.#flood(packet, ingress)
  }

  forgetAddressesOf(port: VirtualNetif): void {
    this.macTable.forgetPort(port.number)
  }

  detach(port: VirtualNetif): void {
    if (this.#ports[port.number] === port) this.#ports[port.number] = null
  }

  #learn(high: number, low: number, port: VirtualNetif): void {
    // A multicast source address is invalid (IEEE 802.3, 3.2.3) and must not be learned.
    if ((high & 0x0100) !== 0) return
    const evictions = this.macTable.evictions
    this.macTable.learn(high, low, port.number)
    // An address that has moved here, or was pushed out, must be learned anew when its port sends again.
    for (const other of this.#ports) {
      if (other === null) continue
      if (this.macTable.evictions !== evictions || (other.learnedLow === low && other.learnedHigh === high)) {
        other.learnedHigh = -1
      }
    }
    port.learnedHigh = high
    port.learnedLow = low
  }

  /** Every stack moves the bounds of the packet, so all but the last get a copy. */
  #flood(packet: PacketBuffer, ingress: VirtualNetif): void {
    let last: VirtualNetif | null = null
    for (const port of this.#ports) {
      if (port === null || port === ingress) continue
      if (last !== null) {
        const copy = last.memory.copy(packet)
        if (copy === null) last.toStack.counters.noMemory++
        else this.#send(copy, last)
      }
      last = port
    }
    if (last === null) packet.release()
    else this.#send(packet, last)
  }

  /** Takes over the reference. */
  #send(packet: PacketBuffer, egress: VirtualNetif): void {
    if (packet.memory !== egress.memory) {
      const copy = egress.memory.copy(packet)
      packet.release()
      if (copy === null) {
        egress.toStack.counters.noMemory++
        return
      }
      packet = copy
    }
    egress.enterFromSwitch(packet)
  }
}
