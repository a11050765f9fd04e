export { SocketStack, type SocketStackOptions } from './socket-stack.ts'
