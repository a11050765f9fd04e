export type { Ipv4Counters } from './counters.ts'
export { type AddressHandler, type ErrorSender, Ipv4, type Ipv4Options } from './ipv4.ts'
export type { Route } from './routing-table.ts'
export * as ipv4Wire from './wire.ts'
