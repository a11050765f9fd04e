export { LARGE, withLargeCounts } from './large-counts.ts'
export { ChecksumState, PacketBuffer, Segmentation } from './packet-buffer.ts'
export {
  HEADROOM,
  LARGE_SLOT,
  PacketMemory,
  type PacketMemoryCounters,
  type PacketMemoryOptions,
  RECEIVE_OFFSET,
  SMALL_SLOT,
} from './packet-memory.ts'
export { PacketQueue } from './packet-queue.ts'
