import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/**
 * The native addon (native/module.c) as TypeScript sees it. Nothing of it throws: every number returned is a result
 * or a negative errno. Devices are small numbers; one that is closed or never was gives -EBADF.
 */
export interface TapBinding {
  /** Raised whenever these functions or the descriptors change. */
  readonly interfaceVersion: number
  /**
   * Attaches to the tap `name`, making it if need be and allowed; '' lets the kernel choose a name.
   * @param details receives the words of `Detail`
   * @returns the device
   */
  open(name: string, persist: boolean, offload: boolean, details: Int32Array): number
  /** As `open`, for a tun: IP packets without Ethernet. */
  openTun(name: string, persist: boolean, offload: boolean, details: Int32Array): number
  /** The same for one queue of a tap that has several; -EINVAL for one that is there and has not. */
  openQueue(name: string, persist: boolean, offload: boolean, details: Int32Array): number
  /**
   * Opens an interface that is there already, through an AF_PACKET socket.
   * @param namespacePath of the network namespace that it is in, '' for ours
   * @param ownAddress whether our end has another hardware address than the interface
   */
  openPacket(name: string, namespacePath: string, ownAddress: boolean, offload: boolean, details: Int32Array): number
  /**
   * Binds a UNIX datagram socket to one path, and sends to the one at the other, as soon and as often as there is one. Paths have up
   * to 107 bytes. It is missing in an addon that is out of date.
   */
  openUnixDatagram?(local: string, remote: string, details: Int32Array): number
  /** A packet socket: from now on only frames for this address (6 bytes) and for groups come in. */
  filter(device: number, address: Uint8Array): number
  /** A packet socket: the least number from 0 on that no other, of whichever process, has claimed on that interface and holds. */
  claim(device: number): number
  /**
   * Takes over a tap's descriptor, or a datagram or sequenced-packet socket that carries one frame a message. On
   * failure the descriptor stays the caller's.
   * @param socketHeaderLength bytes of virtio header on a socket, 0 or 10; a tap's descriptor knows it
   */
  adopt(fd: number, offload: boolean, socketHeaderLength: number, details: Int32Array): number
  /** The device's present name; '' where it has none any more. */
  name(device: number): string
  /**
   * Hands over packet memory, the descriptors of the receive and of the transmit ring (a power of two of them), the
   * bytes that a frame may take in a small and in a large slot, and the callbacks: `onBurst` gets the number of
   * receive descriptors filled, `onGone` a negative errno. Callbacks may close the device. A word of `receive` behind the
   * descriptors counts the frames that the kernel had no room for.
   */
  start(
    device: number,
    bytes: Uint8Array,
    receive: Int32Array,
    transmit: Int32Array,
    smallCapacity: number,
    largeCapacity: number,
    onBurst: (count: number) => void,
    onWritable: () => void,
    onGone: (errno: number) => void,
  ): number
  /** Begins to deliver bursts. */
  receive(device: number): number
  /**
   * Writes `count` frames of the transmit ring from entry `first` on.
   * @param gathered for each entry where its payload is to be gathered from, null where it lies behind its header
   * @returns how many are done with: fewer than `count` when the device takes no more for now; `onWritable` follows
   */
  flush(device: number, first: number, count: number, gathered: readonly (Uint8Array[] | null)[]): number
  /** Whether a device that receives keeps the process alive. */
  setReferenced(device: number, on: boolean): number
  close(device: number): number
  /** The hardware address of the kernel's end, 6 bytes. */
  getAddress(device: number, address: Uint8Array): number
  setAddress(device: number, address: Uint8Array): number
  getMtu(device: number): number
  setMtu(device: number, mtu: number): number
  isUp(device: number): number
  setUp(device: number, up: boolean): number
  /** A tap: what the kernel would do for it, as bits of `KernelOffload`; what was agreed on stays as it is. */
  kernelOffloads(device: number): number
  /** From now on calls both functions in each turn of the event loop: before it waits, and after. */
  watchIterations(enter: () => void, leave: () => void): number
  /** What the kernel says of an interface of this network namespace: interface-facts.ts has the words. */
  queryInterface(name: string, facts: Int32Array): number
  /** Sends one Ethernet frame through an interface of this network namespace. */
  sendFrame(name: string, frame: Uint8Array): number
  /** Calls a function in the network namespace of that path. Throws what it throws. */
  callInNamespace(path: string, action: () => void): number
  /** Gives back the memory of a buffer that nobody looks at any more; it is empty from now on. -EINVAL for one that cannot be. */
  freeBuffer(buffer: ArrayBuffer): number
  /**
   * Reads a UDP socket of the operating system into `memory`, with the address that each datagram was sent to ('' if it is not known).
   * @param onDatagram its length, or the negative errno of what the socket reports, where from, and where to
   * @returns what `stopDatagrams` takes, once, or a negative errno; both are missing in an addon that is out of date
   */
  receiveDatagrams?(
    fd: number,
    isIpv6: boolean,
    memory: Uint8Array,
    onDatagram: (length: number, address: string, port: number, to: string) => void,
  ): object | number
  stopDatagrams?(receiving: object): number
  /** Two joined sockets, sequenced-packet or datagram, that `adopt` takes. */
  socketPair(sequenced: boolean, descriptors: Int32Array): number
}

/** Words of `details`; enum step, carrier and offload of native/addon.h. */
export const Detail = { Step: 0, Carrier: 1, HeaderLength: 2, Offloads: 3 } as const
export const DETAIL_WORDS = 4

/** What failed, by `Detail.Step`. */
export const STEPS = [
  'open',
  'open /dev/net/tun',
  'ioctl TUNSETIFF',
  'ioctl TUNSETPERSIST',
  'ioctl TUNSETVNETHDRSZ',
  'ioctl TUNGETIFF',
  'ioctl TUNSETOFFLOAD',
  'fcntl',
  'uv_poll_init',
  'malloc',
  'socket AF_PACKET',
  'ioctl SIOCGIFHWADDR',
  'setsockopt SOL_PACKET',
  'bind',
] as const

export const Carrier = { Tap: 0, Datagram: 1, Sequenced: 2, Packet: 3 } as const

/** enum kernel_offload of native/addon.h. */
export const KernelOffload = { Header: 1, Checksum: 2, Tcp4: 4, Tcp6: 8, Udp: 16 } as const

export const Offload = { Checksum: 1, Tcp4: 2, Tcp6: 4 } as const

/** Descriptors are eight 32-bit words; native/addon.h has the meaning of each. */
export const DESCRIPTOR_SHIFT = 3
export const DESCRIPTOR_WORDS = 1 << DESCRIPTOR_SHIFT
export const RECEIVE_SMALL = 0
export const RECEIVE_LARGE = 1
export const RECEIVE_LENGTH = 2
export const RECEIVE_IN_LARGE = 3
export const RECEIVE_FLAGS = 4
export const RECEIVE_SEGMENT_SIZE = 5
export const RECEIVE_CHECKSUM_START = 6
export const RECEIVE_CHECKSUM_OFFSET = 7

export const TRANSMIT_POSITION = 0
export const TRANSMIT_LENGTH = 1
export const TRANSMIT_HEADER_LENGTH = 2
export const TRANSMIT_FLAGS = 3
export const TRANSMIT_SEGMENT_SIZE = 4
export const TRANSMIT_CHECKSUM_START = 5
export const TRANSMIT_CHECKSUM_OFFSET = 6
export const TRANSMIT_GATHERED = 7

const INTERFACE_VERSION = 2

let loaded: TapBinding | null = null
let loadedFrom = ''

/**
 * The addon, loaded on first use so that whoever needs no device needs no addon either.
 * @throws Error in one line that says how to build it
 */
export function tapBinding(): TapBinding {
  if (loaded !== null) return loaded
  // src/netif/ and dist/netif/ are equally deep.
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const require = createRequire(import.meta.url)
  const load = require('node-gyp-build') as (directory: string) => TapBinding
  let binding: TapBinding
  try {
    binding = load(root)
  } catch (cause) {
    const why = process.platform === 'linux' ? 'is not built or does not load' : 'exists for Linux only'
    throw new Error(`tapstack's native addon ${why}: run "node scripts/build-native.mjs" in its folder`, { cause })
  }
  if (binding.interfaceVersion !== INTERFACE_VERSION || binding.freeBuffer === undefined) {
    throw outdatedAddonError()
  }
  loaded = binding
  loadedFrom = (require('node-gyp-build') as { resolve(directory: string): string }).resolve(root)
  return binding
}

/** One that was built of older sources lacks what is asked of it. */
export function outdatedAddonError(): Error {
  return new Error(`tapstack's native addon is out of date: run "node scripts/build-native.mjs" in its folder`)
}

/**
 * Gives back the memory of a large buffer that nobody will look at any more, which otherwise is garbage that a young collection
 * does not count, so that bulk traffic would fault new pages in all the time. Without the addon nothing happens.
 */
export function freeBuffer(bytes: Uint8Array): void {
  // Only what is a buffer of its own, of which nobody else sees a part.
  if (loaded === null || bytes.byteLength !== bytes.buffer.byteLength) return
  loaded.freeBuffer(bytes.buffer as ArrayBuffer)
}

/**
 * Loads the addon, if it is not loaded yet.
 * @returns its file
 * @throws Error in one line that says how to build it
 */
export function loadAddon(): string {
  tapBinding()
  return loadedFrom
}
