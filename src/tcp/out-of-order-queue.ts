/**
 * Segments that arrived ahead of a gap (RFC 9293, 3.10.7.4: "segments with higher beginning sequence numbers SHOULD be
 * held for later processing"), as a list of packets in order of sequence, without overlaps. Bounded in packets, since
 * a peer that sends single bytes far apart would otherwise pin a slot of packet memory for each.
 */
import type { PacketBuffer } from '../packet/index.ts'
import { advance, distance, type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** A 6 MiB window of full segments is about 4,300 packets. */
export const LONGEST_OUT_OF_ORDER_QUEUE = 4096

export class OutOfOrderQueue {
  first: PacketBuffer | null = null
  #last: PacketBuffer | null = null
  packets = 0
  bytes = 0
  /** Where a FIN that arrived ahead of a gap stands; meaningful while `hasFin`. */
  hasFin = false
  fin: SequenceNumber = sequenceNumber(0)

  /**
   * Inserts [payload, payloadEnd) of the packet, whose first byte has the number `packet.sequence`, and retains the
   * packet unless all of it is there already.
   * @returns false if the queue is full
   */
  insert(packet: PacketBuffer): boolean {
    let previous: PacketBuffer | null = null
    let following = this.first
    let start = sequenceNumber(packet.sequence)
    if (this.#last !== null && distance(sequenceNumber(this.#last.sequence), start) <= 0) {
      // Behind one gap all that follows comes in order: thousands of segments, which must not each walk the list.
      previous = this.#last
      following = null
    }
    while (following !== null && distance(sequenceNumber(following.sequence), start) <= 0) {
      previous = following
      following = following.next
    }
    let end = advance(start, packet.payloadEnd - packet.payload)
    if (previous !== null) {
      // What is already there wins over what comes later: a peer cannot change bytes after the fact.
      const overlap = distance(endOf(previous), start)
      if (overlap > 0) {
        if (distance(end, endOf(previous)) <= 0) return true
        packet.payload += overlap
        start = advance(start, overlap)
        packet.sequence = start
      }
    }
    while (following !== null && distance(end, sequenceNumber(following.sequence)) > 0) {
      if (distance(end, endOf(following)) >= 0) {
        // The new segment covers the old one whole.
        following = this.#remove(previous, following)
      } else {
        packet.payloadEnd -= distance(end, sequenceNumber(following.sequence))
        end = sequenceNumber(following.sequence)
      }
    }
    if (this.packets >= LONGEST_OUT_OF_ORDER_QUEUE) return false
    packet.retain()
    packet.next = following
    if (previous === null) this.first = packet
    else previous.next = packet
    if (following === null) this.#last = packet
    this.packets++
    this.bytes += packet.payloadEnd - packet.payload
    return true
  }

  /** Unlinks and returns the first packet; its reference passes to the caller. */
  shift(): PacketBuffer {
    const packet = this.first!
    this.first = packet.next
    if (this.first === null) this.#last = null
    packet.next = null
    this.packets--
    this.bytes -= packet.payloadEnd - packet.payload
    return packet
  }

  clear(): void {
    while (this.first !== null) this.shift().release()
    this.hasFin = false
  }

  #remove(previous: PacketBuffer | null, packet: PacketBuffer): PacketBuffer | null {
    const following = packet.next
    if (previous === null) this.first = following
    else previous.next = following
    packet.next = null
    this.packets--
    this.bytes -= packet.payloadEnd - packet.payload
    packet.release()
    return following
  }
}

function endOf(packet: PacketBuffer): SequenceNumber {
  return advance(sequenceNumber(packet.sequence), packet.payloadEnd - packet.payload)
}
