/**
 * Senders and receivers in virtual time with one bottleneck between them, the dumbbell of the congestion control
 * literature: all data passes one link with a bandwidth, a drop-tail queue and its impairments; acknowledgments come
 * back over the same distance.
 *
 *     sender 0 --\                                    /-- receiver 0
 *                 >-- switch == bottleneck, latency ==
 *     sender 1 --/      (data, toStack of the receiver's port; acknowledgments the other way)
 */
import { IpAddress } from '../../src/address/index.ts'
import { type Microseconds, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { type LinkOptions, VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import type { TcpSettings } from '../../src/tcp/index.ts'
import { VirtualHost } from '../support/virtual-host.ts'
import { BulkReceiver, BulkSender, Transfer } from './bulk-transfer.ts'
import { SegmentWatch } from './segment-watch.ts'

export interface DumbbellOptions {
  seed: number
  /** Bits a second of the bottleneck, counted over whole Ethernet frames; default unlimited. */
  bandwidth?: number
  /** Both ways together. */
  roundTrip: Microseconds
  /** Bytes that may wait at the bottleneck; default 1 MiB. */
  queue?: number
  /** What befalls data, and what befalls acknowledgments; default nothing. */
  forward?: LinkOptions
  backward?: LinkOptions
  senders?: number
  /** Of all hosts, and of the senders alone. */
  settings?: Partial<TcpSettings>
  senderSettings?: Partial<TcpSettings>
  /** For what is under way: 2 KiB each; default 16,384. */
  smallSlots?: number
}

const PORT = 5001

export class Dumbbell {
  readonly clock = new VirtualClock()
  readonly memory: PacketMemory
  readonly network: VirtualNetwork
  readonly senders: VirtualHost[] = []
  readonly receiver: VirtualHost
  /** Counts what arrives at the receiver. */
  readonly watch: SegmentWatch
  readonly options: DumbbellOptions
  #nextPort = PORT

  constructor(options: DumbbellOptions) {
    this.options = options
    const { seed, roundTrip, bandwidth, queue } = options
    const random = new SeededRandom(seed)
    this.memory = new PacketMemory({ smallSlots: options.smallSlots ?? 16_384, largeSlots: 512 })
    this.network = new VirtualNetwork({ clock: this.clock, random, memory: this.memory })
    const latency = roundTrip / 2
    const link = {
      // Frames as a wire carries them, also where nothing happens to them but latency.
      offload: false,
      toStack: { ...options.forward, latency, bandwidth, queue },
      fromStack: { ...options.backward, latency },
    }
    this.receiver = new VirtualHost(this.network, this.clock, random, '10.0.0.1/24', link, options.settings)
    this.watch = new SegmentWatch(this.receiver.port, this.receiver.ethernet)
    for (let i = 0; i < (options.senders ?? 1); i++) {
      const settings = { ...options.settings, ...options.senderSettings }
      const sender = new VirtualHost(
        this.network,
        this.clock,
        random,
        `10.0.0.${2 + i}/24`,
        { offload: true },
        settings,
      )
      // ARP has no checksum of its own and no place in these trials.
      sender.arp.addStatic(this.receiver.ipv4.addresses[0].address.word3, this.receiver.ethernet.mac)
      this.receiver.arp.addStatic(sender.ipv4.addresses[0].address.word3, sender.ethernet.mac)
      this.senders.push(sender)
    }
  }

  /** Bytes that the path holds while it is busy. */
  get bandwidthDelayProduct(): number {
    return ((this.options.bandwidth ?? 0) * this.options.roundTrip) / 8e6
  }

  /** Begins to send `bytes` now, from one of the senders. */
  transfer(bytes: number, sender = 0): Transfer {
    const port = this.#nextPort++
    const receiving = new BulkReceiver(this.clock)
    this.receiver.tcp.listen(null, port, 16, {
      accept: (connection) => {
        connection.user = receiving
      },
    })
    const sending = new BulkSender(this.clock, bytes)
    const { tcp } = this.senders[sender]
    const connection = tcp.connect({ remote: IpAddress.parse('10.0.0.1'), port, user: sending })
    sending.fill(connection)
    return new Transfer(bytes, connection, tcp, sending, receiving, this.watch.begin(connection.localPort))
  }

  /** Lets time pass until all transfers have arrived whole. @throws Error when `limit` has passed before */
  finish(transfers: Transfer[], limit: Microseconds = 600 * SECOND): void {
    const end = this.clock.now() + limit
    while (!transfers.every((transfer) => transfer.hasArrived)) {
      if (this.clock.now() >= end) {
        const states = transfers.map(({ receiving, bytes }) => `${receiving.bytes} of ${bytes}`)
        throw new Error(`not finished after ${limit / SECOND} s: ${states.join(', ')} bytes`)
      }
      this.clock.advance(Math.min(10_000, end - this.clock.now()))
    }
  }

  /** Data frames that were dropped on the way: at random, and by the queue. */
  get framesLost(): number {
    const { lost, queueFull } = this.receiver.port.toStack.counters
    return lost + queueFull
  }

  /** Data frames waiting for the bottleneck or under way. */
  get framesUnderWay(): number {
    return this.receiver.port.toStack.occupancy
  }
}

/** Bytes of payload in a full frame with timestamps, of the bytes that the link counts: 1,448 of 1,514. */
export const PAYLOAD_SHARE = 1448 / 1514

/** Seeds of a trial: few where every commit runs it, all with `npm run test:trials`. */
export function seeds(few: number, all = 20): number[] {
  const count = process.env.TAPSTACK_TRIALS === 'all' ? all : few
  return Array.from({ length: count }, (_, i) => i + 1)
}
