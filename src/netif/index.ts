export * from './netif.ts'
export { VirtualNetwork, type VirtualNetworkOptions, type VirtualPortOptions } from './virtual-network.ts'
export { Link, type LinkCounters, type LinkOptions, type ReorderingOptions } from './virtual-network-link.ts'
export { VirtualNetif } from './virtual-network-port.ts'
