export { DirectFlow } from './direct-flow.ts'
export { DirectStack, type DirectStackLayers } from './direct-stack.ts'
