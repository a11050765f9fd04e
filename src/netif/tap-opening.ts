import { MacAddress } from '../address/index.ts'
import { integerInRange, SystemError } from '../errors/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { factsOf } from './interface-facts.ts'
import { interfaceExists } from './interface-names.ts'
import type { LinkLayer } from './netif.ts'
import { RECEIVE_RING } from './receive-ring.ts'
import { defaultTapAddress } from './tap-address.ts'
import { Carrier, DETAIL_WORDS, Detail, STEPS, type TapBinding } from './tap-binding.ts'
import { badNameError, oneQueueError, otherKindError, tapError } from './tap-error.ts'

/** What `Tap.open` takes. */
export interface TapOptions {
  /**
   * The interface: an existing tap (also a persistent one of another owner who gave it to us), or one to be made. A
   * `%d` in it, or no name at all, lets the kernel choose a number.
   */
  name?: string
  /** Leaves the interface in place when it is closed. Default: as it is; one made here vanishes with us. */
  persist?: boolean
  /** Asks for checksum and segmentation offload; default true. What was granted is in `features`. */
  offload?: boolean
  /** The address that our stack owns; default one made from the interface's name and address, see `Tap.mac`. */
  mac?: MacAddress
  /** Default: one of its own. */
  memory?: PacketMemory
  /**
   * Instead of opening by name: the descriptor of an attached tap, or of a datagram or seqpacket socket that carries
   * one frame a message. It belongs to the `Tap` from then on.
   */
  fd?: number
  /**
   * 68 to 65,521. Set on the kernel's end as well where that is permitted; where it is not, one below that of the
   * kernel's end is kept to on our side only. Default: that of the kernel's end, 1500 for a socket.
   */
  mtu?: number
  /**
   * Attaches to one queue of a device that has or may have several, and makes it as such a device where there is none. Without this,
   * one queue of such a device is taken as well, but a new device has only one.
   */
  oneOfSeveral?: boolean
  /** Frames that one burst brings at most, 1 to 32; default 32. Each takes a slot of each size of packet memory. */
  receiveRing?: number
  /** Sets the kernel's end up, or fails (true); leaves it (false); default: sets it up if permitted. */
  up?: boolean
}

/** A device as the addon opened it. */
export interface TapDevice {
  readonly number: number
  readonly carrier: number
  /** Bytes of virtio header before each frame. */
  readonly headerLength: number
  /** Bits of `Offload`. */
  readonly offloads: number
}

/** Where `STEPS` says that attaching failed. */
export const ATTACH = STEPS.indexOf('ioctl TUNSETIFF')

/** A device's MTU without a kernel's end to ask: Ethernet's, RFC 894. */
const ETHERNET_MTU = 1500
/** Least MTU, RFC 791 section 3.2 ("every internet module must be able to forward a datagram of 68 octets"). */
const LEAST_MTU = 68
/** Linux's tun driver: ETH_MAX_MTU less the Ethernet header. */
const GREATEST_MTU = 65_521

/** What `Tap` needs beside the device. */
export interface TapSettings {
  name: string
  mac: MacAddress
  mtu: number
  memory: PacketMemory
  receiveRing?: number
  linkLayer?: LinkLayer
  hasLink?: () => boolean
}

/** As `Tap.open`. The device is closed again if it throws. */
export function openTap(binding: TapBinding, options: TapOptions): { device: TapDevice; settings: TapSettings } {
  if (options.mac?.isMulticast) throw new TypeError(`${options.mac} is a multicast address and can own no interface`)
  const wantedMtu = options.mtu
  if (wantedMtu !== undefined && !(Number.isInteger(wantedMtu) && wantedMtu >= LEAST_MTU && wantedMtu <= GREATEST_MTU))
    throw new RangeError(`mtu is ${LEAST_MTU} to ${GREATEST_MTU}, not ${wantedMtu}`)
  const receiveRing = integerInRange('receiveRing', options.receiveRing ?? RECEIVE_RING, 1, RECEIVE_RING)
  const device = openDevice(binding, options)
  try {
    let name = `fd${options.fd}`
    let mtu = wantedMtu ?? ETHERNET_MTU
    let kernelMac = MacAddress.ZERO
    if (device.carrier === Carrier.Tap) {
      name = binding.name(device.number)
      kernelMac = readAddress(binding, device.number, name)
      mtu = settleMtu(binding, device.number, name, wantedMtu)
      settleUp(binding, device.number, name, options.up)
      if (options.mac?.equals(kernelMac))
        throw new SystemError('EADDRINUSE', 'open', {
          hint: `${kernelMac} is the address of the kernel's end of ${name}`,
        })
    }
    const mac = options.mac ?? (device.carrier === Carrier.Tap ? defaultTapAddress(name, kernelMac) : randomAddress())
    const memory = options.memory ?? new PacketMemory()
    return { device, settings: { name, mac, mtu, memory, receiveRing } }
  } catch (error) {
    binding.close(device.number)
    throw error
  }
}

const EPERM = 1
const EINVAL = 22
const ENODEV = 19

function openDevice(binding: TapBinding, options: TapOptions): TapDevice {
  const details = new Int32Array(DETAIL_WORDS)
  const offload = options.offload ?? true
  const name = options.name ?? ''
  let number: number
  if (options.fd === undefined) {
    const bad = options.name === undefined ? null : badNameError(options.name)
    if (bad !== null) throw bad
    const open = options.oneOfSeveral ? binding.openQueue : binding.open
    number = open(name, options.persist ?? false, offload, details)
    if (number === -EINVAL && details[Detail.Step] === ATTACH && interfaceExists(name)) {
      if (options.oneOfSeveral && isTap(binding, name)) throw oneQueueError(name)
      throw otherKind(name, 'tap')
    }
  } else {
    number = binding.adopt(options.fd, offload, 0, details)
  }
  if (number < 0) throw tapError(number, STEPS[details[Detail.Step]], name)
  return {
    number,
    carrier: details[Detail.Carrier],
    headerLength: details[Detail.HeaderLength],
    offloads: details[Detail.Offloads],
  }
}

/** Whether what is there under this name is one, whoever has it: only of a tap can it be known that it is taken, or another's. */
function isTap(binding: TapBinding, name: string): boolean {
  const device = binding.open(name, false, false, new Int32Array(DETAIL_WORDS))
  if (device >= 0) binding.close(device)
  return device !== -EINVAL
}

export function otherKind(name: string, wanted: 'tap' | 'tun'): SystemError {
  const facts = factsOf(name, '')
  return otherKindError(name, wanted, typeof facts !== 'number' && facts.isPlainIp)
}

export function readAddress(binding: TapBinding, device: number, name: string): MacAddress {
  const bytes = new Uint8Array(6)
  const result = binding.getAddress(device, bytes)
  if (result < 0) throw tapError(result, 'ioctl SIOCGIFHWADDR', name)
  return MacAddress.fromBytes(bytes, 0)
}

/** The MTU to use, set on the kernel's end where one is wanted. */
function settleMtu(binding: TapBinding, device: number, name: string, wanted: number | undefined): number {
  const present = binding.getMtu(device)
  // The descriptor of a tap in another namespace: its MTU cannot be asked for.
  if (present === -ENODEV) return wanted ?? ETHERNET_MTU
  if (present < 0) throw tapError(present, 'ioctl SIOCGIFMTU', name)
  if (wanted === undefined || wanted === present) return present
  const result = binding.setMtu(device, wanted)
  if (result < 0 && !(result === -EPERM && wanted < present)) throw tapError(result, 'ioctl SIOCSIFMTU', name)
  return wanted
}

function settleUp(binding: TapBinding, device: number, name: string, wanted: boolean | undefined): void {
  if (wanted === false) return
  const result = binding.setUp(device, true)
  // Unless asked for: not permitted, or a descriptor whose device is in another namespace.
  const isTolerable = result === -EPERM || result === -ENODEV
  if (result < 0 && (wanted === true || !isTolerable)) throw tapError(result, 'ioctl SIOCSIFFLAGS', name)
}

/** A socket has no address to make one from. */
function randomAddress(): MacAddress {
  const words = crypto.getRandomValues(new Int32Array(2))
  return MacAddress.locallyAdministered(words[0], words[1])
}
