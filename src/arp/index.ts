export { Arp, type ArpOptions, type UnreachableHandler } from './arp.ts'
export type { ArpCounters } from './counters.ts'
export { Neighbor, NeighborState } from './neighbor.ts'
