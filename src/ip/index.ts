export { FIRST_EPHEMERAL_PORT, LAST_EPHEMERAL_PORT, pickEphemeralPort } from './ephemeral-ports.ts'
export * from './ip.ts'
export { LocalQueue, type LocalReceiver } from './local-queue.ts'
export { isSamePrefix, type Route, RoutingTable } from './routing-table.ts'
