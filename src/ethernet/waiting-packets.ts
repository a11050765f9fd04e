import type { PacketBuffer, PacketQueue } from '../packet/index.ts'

/**
 * Packets that wait for one neighbour, in bytes of packet memory: the fragments of the largest datagram (46 at an MTU of
 * 1,500) have room. All together hold so much; after that each neighbour has the least number. RFC 4861, 7.2.2, asks
 * for one packet; Linux (unres_qlen_bytes) has 212,992 bytes.
 */
const QUEUE_LIMIT = 131_072
const ALL_QUEUES_LIMIT = 524_288
const LEAST_QUEUE = 3

/** What waits for the MAC addresses of neighbours, in a queue for each: so much of packet memory, and no more. */
export class WaitingPackets {
  readonly #counters: { queueDropped: number }
  /** Of packet memory, in all queues. */
  #bytes = 0

  constructor(counters: { queueDropped: number }) {
    this.#counters = counters
  }

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Takes over a reference. The latest packets are kept: RFC 1122, 2.3.2.2; RFC 4861, 7.2.2. */
  add(queue: PacketQueue, packet: PacketBuffer): void {
    const bytes = packet.limit - packet.base
    while (
      queue.length >= LEAST_QUEUE &&
      (queue.bytes + bytes > QUEUE_LIMIT || this.#bytes + bytes > ALL_QUEUES_LIMIT)
    ) {
      this.#counters.queueDropped++
      this.take(queue)?.release()
    }
    queue.add(packet)
    this.#bytes += bytes
  }

  /** The oldest; its reference goes to the caller. */
  take(queue: PacketQueue): PacketBuffer | null {
    const packet = queue.take()
    if (packet !== null) this.#bytes -= packet.limit - packet.base
    return packet
  }

  /** Drops all that wait in a queue. */
  drop(queue: PacketQueue): void {
    for (let packet = this.take(queue); packet !== null; packet = this.take(queue)) {
      this.#counters.queueDropped++
      packet.release()
    }
  }
}
