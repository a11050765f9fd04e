export { DirectFlow } from './direct-flow.ts'
export { DirectStack, type DirectStackLayers } from './direct-stack.ts'
export { addProbedAddress, firstAddress } from './first-address.ts'
export type { NetworkConfiguration } from './network-configuration.ts'
