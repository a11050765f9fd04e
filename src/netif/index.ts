export { CaptureNetif } from './capture-netif.ts'
export {
  type ByteStreamCounters,
  ByteStreamNetif,
  type ByteStreamNetifOptions,
  type ByteStreamOptions,
  type DatagramOptions,
  type EmulatorBus,
  type EmulatorEvents,
  type EmulatorOptions,
  emulatorNetif,
  type FrameWebSocket,
  type HostAndPort,
  type OpenWebSocketOptions,
  openByteStream,
  openDatagram,
  openUnixDatagram,
  openWebSocket,
  type PeerSource,
  type StreamAddress,
  type UnixDatagram,
  type UnixDatagramOptions,
  type WebSocketOptions,
  webSocketNetif,
} from './carrier/index.ts'
export { delivery } from './delivery.ts'
export { watchIterations } from './iterations.ts'
export { MultiQueueTap, type MultiQueueTapOptions } from './multi-queue-tap.ts'
export * from './netif.ts'
export {
  expectedInterface,
  INTERFACE_KINDS,
  type InterfaceKind,
  interfaceKinds,
  interfaceProblem,
  isInterface,
  type OpenNetifContext,
  openNetif,
  type ParsedInterface,
  parseInterface,
} from './open-netif.ts'
export { loadOptionalPackage, type OptionalPackage, OptionalPackageError } from './optional-package.ts'
export { openPacketSocket, type PacketSocket, type PacketSocketOptions } from './packet-socket.ts'
export { openPcap, type PcapCounters, PcapNetif, type PcapOptions, type PcapPackage } from './pcap.ts'
export {
  openRawSockets,
  RAW_SOCKET,
  RawSocketsNetif,
  type RawSocketsOptions,
  type RawSocketsPackage,
} from './raw-sockets.ts'
export type { ReceivedOffloadCounters } from './received-offload.ts'
export { RecentFrames, type RecentFramesOptions } from './recent-frames.ts'
export { openReplay, type ReplayCounters, ReplayNetif, type ReplayOptions } from './replay.ts'
export { SoftwareOffload, type SoftwareOffloadCounters } from './software-offload.ts'
export { type FrameStream, StreamNetif, type StreamNetifOptions, type WebFrameStreams } from './stream-netif.ts'
export { receiveWithDestination } from './system-datagrams.ts'
export { Tap } from './tap.ts'
export { freeBuffer, loadAddon } from './tap-binding.ts'
export type { TapOptions } from './tap-opening.ts'
export { openTun, type Tun, type TunOptions } from './tun.ts'
export { VirtualNetwork, type VirtualNetworkOptions, type VirtualPortOptions } from './virtual-network.ts'
export { Link, type LinkCounters, type LinkOptions, type ReorderingOptions } from './virtual-network-link.ts'
export { VirtualNetif } from './virtual-network-port.ts'
