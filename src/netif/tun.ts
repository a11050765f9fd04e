import { MacAddress } from '../address/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { inNamespace } from './interface-facts.ts'
import { interfaceExists } from './interface-names.ts'
import type { LinkLayer, Netif } from './netif.ts'
import { Tap } from './tap.ts'
import { defaultTapAddress } from './tap-address.ts'
import { DETAIL_WORDS, Detail, STEPS, tapBinding } from './tap-binding.ts'
import { badNameError, tapError } from './tap-error.ts'
import { ATTACH, otherKind } from './tap-opening.ts'

/** What `openTun` takes. */
export interface TunOptions {
  /** An existing tun, or one to be made; a `%d` in it, or no name at all, lets the kernel choose a number. */
  name?: string
  /** Leaves the interface in place when it is closed. Default: as it is; one made here vanishes with us. */
  persist?: boolean
  /** Exchanges checksum and segmentation offload with the kernel; default true. What was granted is in `features`. */
  offload?: boolean
  /** Default: one of its own. */
  memory?: PacketMemory
  /** Default: sets the kernel's end up if permitted. */
  up?: boolean
  /** Path of another network namespace that it is in, `/proc/1234/ns/net`; default the one of this process. */
  namespace?: string
}

/** A tun device as a netif. */
export interface Tun extends Netif, AsyncDisposable {
  readonly linkLayer: LinkLayer
  /** Sets the MTU of both ends, see `Tap.setMtu`. @throws SystemError */
  setMtu(mtu: number): void
  /** Whether it keeps the process alive while it receives; it does by default. */
  ref(): this
  unref(): this
}

const EPERM = 1
const ENODEV = 19
const EINVAL = 22

/**
 * Opens a Linux tun device: a link from point to point to the kernel that carries IP packets without Ethernet, so that there is
 * neither ARP nor neighbour discovery, and no address on the link. Bursts, virtio header and offload are those of a tap. `mac` is
 * made up: what interface identifiers and DHCP's identifiers are made of.
 * @throws SystemError as `Tap.open`; EINVAL if the interface of that name is no tun
 */
export async function openTun(options: TunOptions = {}): Promise<Tun> {
  return inNamespace(options.namespace ?? '', () => open(options))
}

function open(options: TunOptions): Tun {
  const { name: wanted = '', persist = false, offload = true, up } = options
  const bad = options.name === undefined ? null : badNameError(wanted)
  if (bad !== null) throw bad
  const binding = tapBinding()
  const details = new Int32Array(DETAIL_WORDS)
  const number = binding.openTun(wanted, persist, offload, details)
  if (number === -EINVAL && details[Detail.Step] === ATTACH && interfaceExists(wanted)) throw otherKind(wanted, 'tun')
  if (number < 0) throw tapError(number, STEPS[details[Detail.Step]], wanted)
  try {
    const name = binding.name(number)
    const mtu = binding.getMtu(number)
    if (mtu < 0) throw tapError(mtu, 'ioctl SIOCGIFMTU', name)
    if (up !== false) {
      const result = binding.setUp(number, true)
      const isTolerable = result === -EPERM || result === -ENODEV
      if (result < 0 && (up === true || !isTolerable)) throw tapError(result, 'ioctl SIOCSIFFLAGS', name)
    }
    const device = {
      number,
      carrier: details[Detail.Carrier],
      headerLength: details[Detail.HeaderLength],
      offloads: details[Detail.Offloads],
    }
    const mac = defaultTapAddress(`tun ${name}`, MacAddress.ZERO)
    const memory = options.memory ?? new PacketMemory()
    return new Tap(binding, device, { name, mac, mtu, memory, linkLayer: 'none' })
  } catch (error) {
    binding.close(number)
    throw error
  }
}
