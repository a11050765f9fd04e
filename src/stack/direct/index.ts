export { DirectFlow } from './direct-flow.ts'
export type { ProbeAnswer, ProbeOptions } from './direct-probe.ts'
export { DirectStack, type DirectStackLayers } from './direct-stack.ts'
export { addProbedAddress, firstAddress } from './first-address.ts'
