import type { MacAddress } from '../address/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { queueOf } from './flow-queue.ts'
import { type FrameReceiver, type Netif, type NetifCounters, type NetifFeatures, newNetifCounters } from './netif.ts'
import { Tap } from './tap.ts'
import type { TapOptions } from './tap-opening.ts'

/** Each holds slots of packet memory. */
export const MAXIMUM_QUEUES = 16
/** Slots of each size that all receive rings hold together, and what each holds at least and at most. */
const RING_TOTAL = 128
const LEAST_RING = 8
const GREATEST_RING = 32

/** What `MultiQueueTap.open` takes. */
export interface MultiQueueTapOptions extends Omit<TapOptions, 'fd' | 'oneOfSeveral' | 'receiveRing'> {
  /** 1 to 16. */
  queues: number
}

/**
 * A tap with several queues (IFF_MULTI_QUEUE; the kernel's Documentation/networking/tuntap.rst, 3.3). The kernel spreads flows over
 * them, and each flow stays in the queue in which our side of it goes. All of them are read in turn, and a flow that fills its queue
 * takes no room of the others.
 */
export class MultiQueueTap implements Netif, AsyncDisposable {
  /** One for each queue, with counters of its own. They are this netif's: nobody else may attach to them or close them. */
  readonly queues: readonly Tap[]
  readonly name: string
  readonly mac: MacAddress
  readonly mtu: number
  readonly features: NetifFeatures
  readonly gathers: boolean
  readonly memory: PacketMemory
  /** Sums over all queues. */
  readonly counters: NetifCounters
  #closed = false

  /**
   * Makes the device where there is none; one that is there must have been made for several queues.
   * @throws as `Tap.open`; RangeError for `queues` out of range
   */
  static async open(options: MultiQueueTapOptions): Promise<MultiQueueTap> {
    const { queues: wanted, ...rest } = options
    const count = integerInRange('queues', wanted, 1, MAXIMUM_QUEUES)
    const memory = options.memory ?? new PacketMemory()
    const receiveRing = Math.min(GREATEST_RING, Math.max(LEAST_RING, Math.floor(RING_TOTAL / count)))
    const queues: Tap[] = []
    try {
      const first = await Tap.open({ ...rest, memory, receiveRing, oneOfSeveral: true })
      queues.push(first)
      const { name, mac } = first
      const { offload } = options
      while (queues.length < count) {
        const more = { name, mac, memory, receiveRing, up: false, oneOfSeveral: true }
        queues.push(await Tap.open({ ...more, ...(offload === undefined ? {} : { offload }) }))
      }
      return new MultiQueueTap(queues)
    } catch (error) {
      for (const queue of queues) await queue.close()
      throw error
    }
  }

  private constructor(queues: readonly Tap[]) {
    const [first] = queues as readonly [Tap]
    this.queues = queues
    this.name = first.name
    this.mac = first.mac
    this.mtu = first.mtu
    this.features = first.features
    this.gathers = first.gathers
    this.memory = first.memory
    this.counters = sumOf(queues)
  }

  attach(receiver: FrameReceiver): void {
    const each: FrameReceiver = {
      frame: (packet) => receiver.frame(packet),
      endOfBurst: () => receiver.endOfBurst(),
      // All of them lose the device at once.
      closed: (error) => {
        if (this.#shut()) receiver.closed(error)
      },
    }
    for (const queue of this.queues) queue.attach(each)
  }

  transmit(packet: PacketBuffer): void {
    const { queues } = this
    queues[queueOf(packet, queues.length)]!.transmit(packet)
  }

  flush(): void {
    const { queues } = this
    for (let i = 0; i < queues.length; i++) queues[i]!.flush()
  }

  ref(): this {
    for (const queue of this.queues) queue.ref()
    return this
  }

  unref(): this {
    for (const queue of this.queues) queue.unref()
    return this
  }

  async close(): Promise<void> {
    this.#shut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Closing a queue's descriptor detaches it: the kernel sends nothing there any more. @returns whether it was open */
  #shut(): boolean {
    if (this.#closed) return false
    this.#closed = true
    for (const queue of this.queues) queue.close()
    return true
  }
}

function sumOf(queues: readonly Tap[]): NetifCounters {
  const counters = {} as NetifCounters
  for (const name of Object.keys(newNetifCounters()) as (keyof NetifCounters)[]) {
    const get = () => queues.reduce((sum, queue) => sum + queue.counters[name], 0)
    Object.defineProperty(counters, name, { get, enumerable: true })
  }
  return counters
}
