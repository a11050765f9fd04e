import { MacAddress } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { hasLink } from './interface-facts.ts'
import type { Netif } from './netif.ts'
import { Tap } from './tap.ts'
import { defaultTapAddress } from './tap-address.ts'
import { DETAIL_WORDS, Detail, STEPS, type TapBinding, tapBinding } from './tap-binding.ts'
import { badNameError, tapError } from './tap-error.ts'

/** What `openPacketSocket` takes. */
export interface PacketSocketOptions {
  /** An Ethernet interface that is there and up: a veth, a NIC. */
  name: string
  /**
   * The address that our stack owns. Default: one of its own, made from the interface's name and address and, where others have
   * opened it so already, their number; the interface is then set to receive everything. `interface` takes that of the interface, as networks want it that let no other
   * address pass (clouds, Wi-Fi): the kernel should then have no address of IPv4 or IPv6 on it, because both would answer.
   */
  mac?: MacAddress | 'interface'
  /** Delivers what is for other addresses too; by default only what is for ours and for groups reaches this process. */
  promiscuous?: boolean
  /** Exchanges checksum and segmentation offload with the kernel; default true. What was granted is in `features`. */
  offload?: boolean
  /** Default: one of its own. */
  memory?: PacketMemory
  /** Path of another network namespace that the interface is in, `/proc/1234/ns/net`; default the one of this process. */
  namespace?: string
}

/** An existing interface as a netif, and what is known of its end. */
export interface PacketSocket extends Netif, AsyncDisposable {
  /** The address of the interface itself. @throws SystemError */
  readonly kernelMac: MacAddress
  /** Whether it keeps the process alive while it receives; it does by default. */
  ref(): this
  unref(): this
}

/**
 * Opens an existing interface through an AF_PACKET socket, where no tap can be made: in a container, on a NIC. The kernel's own
 * stack goes on beside ours. Frames are read in bursts straight into packet memory and written straight from it, with a
 * virtio header before each (PACKET_VNET_HDR), so that the kernel cuts segments and completes checksums. Frames of VLANs are left
 * out. While the interface is down nothing passes; once it is removed the netif is closed with ENODEV. What the kernel had no room
 * for counts as `receiveQueueFull`.
 * @throws SystemError EPERM (it takes CAP_NET_RAW), ENODEV, EPROTOTYPE for an interface without Ethernet, ENETDOWN, ENOMEM, with
 *   a hint; TypeError for a `mac` that is a multicast address
 */
export async function openPacketSocket(options: PacketSocketOptions): Promise<PacketSocket> {
  const { name, mac, offload = true, namespace = '', promiscuous = false } = options
  if (mac instanceof MacAddress && mac.isMulticast) {
    throw new TypeError(`${mac} is a multicast address and can own no interface`)
  }
  const bad = badNameError(name)
  if (bad !== null) throw bad
  const binding = tapBinding()
  const details = new Int32Array(DETAIL_WORDS)
  const device = binding.openPacket(name, namespace, mac !== 'interface', offload, details)
  if (device < 0) throw openError(device, STEPS[details[Detail.Step]], name, namespace)
  try {
    if (binding.isUp(device) !== 1) {
      throw new SystemError('ENETDOWN', 'bind', { hint: `${name} is down: ip link set ${name} up` })
    }
    const kernelMac = addressOf(binding, device, name)
    const mtu = binding.getMtu(device)
    if (mtu < 0) throw tapError(mtu, 'ioctl SIOCGIFMTU', name)
    const found = {
      number: device,
      carrier: details[Detail.Carrier],
      headerLength: details[Detail.HeaderLength],
      offloads: details[Detail.Offloads],
    }
    const own = mac === 'interface' ? kernelMac : (mac ?? unclaimedAddress(binding, device, name, kernelMac))
    if (!promiscuous) {
      const bytes = new Uint8Array(6)
      own.writeTo(bytes, 0)
      const result = binding.filter(device, bytes)
      if (result < 0) throw tapError(result, 'setsockopt SO_ATTACH_FILTER', name)
    }
    const memory = options.memory ?? new PacketMemory()
    return new Tap(binding, found, { name, mac: own, mtu, memory, hasLink: () => hasLink(name, namespace) })
  } catch (error) {
    binding.close(device)
    throw error
  }
}

/** The same each time for the first that opens it, the second, and so on: two of them must not share an address. */
function unclaimedAddress(binding: TapBinding, device: number, name: string, kernelMac: MacAddress): MacAddress {
  const claimed = binding.claim(device)
  if (claimed < 0) throw tapError(claimed, 'bind', name)
  return defaultTapAddress(claimed === 0 ? `packet ${name}` : `packet ${name} ${claimed}`, kernelMac)
}

function addressOf(binding: TapBinding, device: number, name: string): MacAddress {
  const bytes = new Uint8Array(6)
  const result = binding.getAddress(device, bytes)
  if (result < 0) throw tapError(result, 'ioctl SIOCGIFHWADDR', name)
  return MacAddress.fromBytes(bytes, 0)
}

const EPERM = 1
const EPROTOTYPE = 91

function openError(errno: number, syscall: string, name: string, namespace: string): SystemError {
  if (-errno === EPERM) {
    const where = namespace === '' ? '' : `, and CAP_SYS_ADMIN for ${namespace}`
    const hint = `${name} takes CAP_NET_RAW${where}: run as root, or give a container --cap-add NET_RAW`
    return new SystemError('EPERM', syscall, { hint })
  }
  if (-errno === EPROTOTYPE)
    return new SystemError('EPROTOTYPE', syscall, { hint: `${name} carries no Ethernet frames` })
  return tapError(errno, syscall, name)
}
