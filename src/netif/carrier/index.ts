export {
  type ByteStreamCounters,
  ByteStreamNetif,
  type ByteStreamNetifOptions,
  type PeerSource,
} from './byte-stream-netif.ts'
export { type ByteStreamOptions, openByteStream, type StreamAddress } from './byte-stream-peers.ts'
export { CARRIER_KINDS } from './kinds.ts'
