export { type CreateStackOptions, createStack } from './create-stack.ts'
export { DirectFlow, DirectStack, type DirectStackLayers, type NetworkConfiguration } from './direct/index.ts'
export { SocketStack, type SocketStackOptions } from './socket/index.ts'
export * from './stack.ts'
