export { Arp, type ArpCounters, type ArpOptions, RESOLUTION_TIMEOUT, type UnreachableHandler } from './arp.ts'
export { Neighbor, NeighborState } from './neighbor.ts'
