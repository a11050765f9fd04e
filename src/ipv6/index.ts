export type { ControlHandler, Ipv6Link } from './link.ts'
export type { NeighborResolver, NextHop } from './neighbor-resolver.ts'
export * as ipv6Wire from './wire.ts'
