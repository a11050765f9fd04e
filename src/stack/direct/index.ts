export { DirectFlow } from './direct-flow.ts'
export { DirectStack, type DirectStackLayers } from './direct-stack.ts'
export type { NetworkConfiguration } from './network-configuration.ts'
