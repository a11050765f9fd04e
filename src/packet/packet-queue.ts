import type { PacketBuffer } from './packet-buffer.ts'

/** Packets in the order in which they came, linked by `next`: a packet is in one queue at most. */
export class PacketQueue {
  length = 0
  /** Of packet memory, that they hold. */
  bytes = 0
  #head: PacketBuffer | null = null
  #tail: PacketBuffer | null = null

  /** Takes over a reference. */
  add(packet: PacketBuffer): void {
    packet.next = null
    if (this.#tail === null) this.#head = packet
    else this.#tail.next = packet
    this.#tail = packet
    this.length++
    this.bytes += packet.limit - packet.base
  }

  /** The oldest; its reference goes to the caller. */
  take(): PacketBuffer | null {
    const packet = this.#head
    if (packet === null) return null
    this.#head = packet.next
    if (this.#head === null) this.#tail = null
    packet.next = null
    this.length--
    this.bytes -= packet.limit - packet.base
    return packet
  }
}
