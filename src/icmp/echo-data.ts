/** What echo requests carry: a pattern, by which an answer shows that it is whole. */
import type { PacketBuffer } from '../packet/index.ts'

/** Writes the data of a request into [start, end). */
export function writeEchoData(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) bytes[at] = at - start
}

/** Whether [payload, payloadEnd) is the data of a request of `size` bytes. */
export function isEchoData({ memory, payload, payloadEnd }: PacketBuffer, size: number): boolean {
  if (payloadEnd - payload !== size) return false
  for (let i = 0; i < size; i++) if (memory.bytes[payload + i] !== (i & 0xff)) return false
  return true
}
