export { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT, pickEphemeralPort } from './ephemeral-ports.ts'
export { completeChecksum, cut, type FragmentSink } from './fragmentation.ts'
export * from './ip.ts'
export { LocalQueue, type LocalReceiver } from './local-queue.ts'
export * from './multicast/index.ts'
export {
  newReassemblyCounters,
  Reassembly,
  type ReassemblyCounters,
  type ReassemblyLayer,
  type ReassemblyLimits,
} from './reassembly.ts'
export { isSamePrefix, type Route, RoutingTable } from './routing-table.ts'
