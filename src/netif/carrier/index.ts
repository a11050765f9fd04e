export {
  type ByteStreamCounters,
  ByteStreamNetif,
  type ByteStreamNetifOptions,
  type PeerSource,
} from './byte-stream-netif.ts'
export { type ByteStreamOptions, openByteStream, type StreamAddress } from './byte-stream-peers.ts'
export { type DatagramOptions, openDatagram } from './datagram.ts'
export { type EmulatorBus, type EmulatorEvents, type EmulatorOptions, emulatorNetif } from './emulator.ts'
export { CARRIER_KINDS } from './kinds.ts'
export type { HostAndPort } from './target.ts'
export { openUnixDatagram, type UnixDatagram, type UnixDatagramOptions } from './unix-datagram.ts'
export {
  type FrameWebSocket,
  type OpenWebSocketOptions,
  openWebSocket,
  type WebSocketOptions,
  webSocketNetif,
} from './web-socket.ts'
