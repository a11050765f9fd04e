export { type CreateRouterOptions, createRouter, Router, type RouterInterface } from './create-router.ts'
export { type CreateStackOptions, createStack } from './create-stack.ts'
export {
  countersOf,
  DirectFlow,
  DirectStack,
  type DirectStackLayers,
  type ProbeAnswer,
  type ProbeOptions,
} from './direct/index.ts'
export type { DnsOptions } from './dns/index.ts'
export type { NetworkConfiguration } from './network-configuration.ts'
export { NodeModuleOwner, type NodeModuleSet, OpenHandles } from './node-modules.ts'
export { PingStatistics, type PingSummary } from './ping-statistics.ts'
export { SocketStack, type SocketStackOptions } from './socket/index.ts'
export * from './stack.ts'
