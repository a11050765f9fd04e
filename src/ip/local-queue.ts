import { type Clock, Timer, type TimerHandler } from '../clock/index.ts'
import { type PacketBuffer, type PacketMemory, PacketQueue } from '../packet/index.ts'

/** Who takes the packets off the queue again. */
export interface LocalReceiver {
  /** One packet that we sent to ourselves, [start, end) beginning at the IP header. Borrowed for the call. */
  receiveLocal(packet: PacketBuffer): void
  endOfLocalBurst(): void
}

export interface LocalQueueCounters {
  sentLocal: number
  localQueueFull: number
  noMemory: number
}

/**
 * Packets to our own addresses. They are delivered from a timer that is due at once, never from inside the sender's
 * call, so that no layer is entered twice; what is sent meanwhile is the next burst. Bounded: two sockets of ours that
 * answer each other would otherwise fill packet memory.
 */
export class LocalQueue implements TimerHandler {
  readonly limit: number
  readonly #clock: Clock
  readonly #receiver: LocalReceiver
  readonly #timer = new Timer(this)
  readonly #memory: PacketMemory
  readonly #counters: LocalQueueCounters
  readonly #queue = new PacketQueue()
  /** Called when the first of some packets has come, from inside whatever sends it. */
  onWaiting: (() => void) | null = null

  /** @param limit packets */
  constructor(
    clock: Clock,
    receiver: LocalReceiver,
    limit: number,
    memory: PacketMemory,
    counters: LocalQueueCounters,
  ) {
    this.#clock = clock
    this.#receiver = receiver
    this.limit = limit
    this.#memory = memory
    this.#counters = counters
  }

  /** Half of it is for answers, and for what cannot wait. */
  get hasRoom(): boolean {
    return this.#queue.length < this.limit >> 1
  }

  /** Takes over a reference; without room, or memory, the packet is dropped. */
  send(packet: PacketBuffer): void {
    packet.fill()
    let sent = packet
    if (packet.references > 1) {
      // The sender keeps the packet and its fields; the receiver needs fields of its own.
      const copy = this.#memory.copy(packet)
      packet.release()
      if (copy === null) {
        this.#counters.noMemory++
        return
      }
      sent = copy
    }
    if (this.#queue.length >= this.limit) {
      this.#counters.localQueueFull++
      sent.release()
      return
    }
    sent.link = sent.start
    sent.linkMulticast = false
    this.#queue.add(sent)
    this.#counters.sentLocal++
    if (this.#timer.armed) return
    this.#clock.arm(this.#timer, this.#clock.now())
    this.onWaiting?.()
  }

  /**
   * Delivers what waits before its timer does. Only for who is not inside the stack.
   * @returns whether there was something
   */
  deliver(): boolean {
    if (this.#queue.length === 0) return false
    this.#clock.disarm(this.#timer)
    this.onTimer()
    return true
  }

  onTimer(): void {
    for (let left = this.#queue.length; left > 0; left--) {
      const packet = this.#queue.take()
      if (packet === null) break
      this.#receiver.receiveLocal(packet)
      packet.release()
    }
    this.#receiver.endOfLocalBurst()
    if (this.#queue.length > 0 && !this.#timer.armed) this.#clock.arm(this.#timer, this.#clock.now())
  }

  /** Releases all that waits. */
  clear(): void {
    this.#clock.disarm(this.#timer)
    for (let packet = this.#queue.take(); packet !== null; packet = this.#queue.take()) packet.release()
  }
}
