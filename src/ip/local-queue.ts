import { type Clock, Timer, type TimerHandler } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Who takes the packets off the queue again. */
export interface LocalReceiver {
  /** One packet that we sent to ourselves, [start, end) beginning at the IP header. Borrowed for the call. */
  receiveLocal(packet: PacketBuffer): void
  endOfLocalBurst(): void
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
  #head: PacketBuffer | null = null
  #tail: PacketBuffer | null = null
  #length = 0

  constructor(clock: Clock, receiver: LocalReceiver, limit: number) {
    this.#clock = clock
    this.#receiver = receiver
    this.limit = limit
  }

  get length(): number {
    return this.#length
  }

  /** Takes over a reference if there is room. @returns whether there was */
  add(packet: PacketBuffer): boolean {
    if (this.#length >= this.limit) return false
    packet.next = null
    if (this.#tail === null) this.#head = packet
    else this.#tail.next = packet
    this.#tail = packet
    this.#length++
    if (!this.#timer.armed) this.#clock.arm(this.#timer, this.#clock.now())
    return true
  }

  onTimer(): void {
    for (let left = this.#length; left > 0; left--) {
      const packet = this.#take()
      if (packet === null) break
      this.#receiver.receiveLocal(packet)
      packet.release()
    }
    this.#receiver.endOfLocalBurst()
    if (this.#length > 0 && !this.#timer.armed) this.#clock.arm(this.#timer, this.#clock.now())
  }

  /** Releases all that waits. */
  clear(): void {
    this.#clock.disarm(this.#timer)
    for (let packet = this.#take(); packet !== null; packet = this.#take()) packet.release()
  }

  #take(): PacketBuffer | null {
    const packet = this.#head
    if (packet === null) return null
    this.#head = packet.next
    if (this.#head === null) this.#tail = null
    packet.next = null
    this.#length--
    return packet
  }
}
