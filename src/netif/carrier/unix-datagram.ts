import { resolve } from 'node:path'
import type { MacAddress } from '../../address/index.ts'
import { integerInRange, SystemError, type SystemErrorCode } from '../../errors/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import type { Netif } from '../netif.ts'
import { Tap } from '../tap.ts'
import { DETAIL_WORDS, Detail, outdatedAddonError, STEPS, tapBinding } from '../tap-binding.ts'
import { tapError } from '../tap-error.ts'
import { ETHERNET_MTU, LARGEST_MTU, randomMacAddress } from './frame-limits.ts'
import { checkUnixPath, LONGEST_PATH, pathProblem } from './unix-path.ts'

/** What `openUnixDatagram` takes: frames in UNIX datagrams. */
export interface UnixDatagramOptions {
  /** The path of this end's socket, which is made; it is taken away at the end. */
  local: string
  /** The path of the other end's, which may come later, go and come back. */
  remote: string
  /** Default `unix-dgram`. */
  name?: string
  /** The address of our end; default a random one. */
  mac?: MacAddress
  /** 68 to 65,521, default 1,500; both ends have to agree. */
  mtu?: number
  /** Default: one of its own. */
  memory?: PacketMemory
}

/** A UNIX datagram socket as a netif. */
export interface UnixDatagram extends Netif, AsyncDisposable {
  /** Whether it keeps the process alive while it receives; it does by default. */
  ref(): this
  unref(): this
}

/**
 * Ethernet over a UNIX datagram socket: each datagram is one frame, as QEMU's `-netdev dgram,local.type=unix` has them. Frames are
 * read and written straight from packet memory, and while the other end has no room, they wait. Who may write to the socket is on
 * the network; while there is another end, nobody but that is heard.
 *
 * While the other end is not there, frames are lost and counted as `transmitError`; nobody is told when it goes.
 * @throws SystemError as `bind` does: ENOENT, EACCES, EADDRINUSE where somebody has the socket open, ... with a hint; RangeError for
 *   an option
 */
export async function openUnixDatagram(options: UnixDatagramOptions): Promise<UnixDatagram> {
  const { local, remote, name = 'unix-dgram' } = options
  for (const path of [local, remote]) checkUnixPath(path)
  if (resolve(local) === resolve(remote))
    throw new RangeError(`${local} is the socket of one end: the other has its own`)
  const mtu = integerInRange('mtu', options.mtu ?? ETHERNET_MTU, 68, LARGEST_MTU)
  const binding = tapBinding()
  if (binding.openUnixDatagram === undefined) throw outdatedAddonError()
  const details = new Int32Array(DETAIL_WORDS)
  const number = binding.openUnixDatagram(steady(local), steady(remote), details)
  if (number < 0) throw await openError(number, STEPS[details[Detail.Step]], local)
  try {
    const device = { number, carrier: details[Detail.Carrier], headerLength: 0, offloads: 0 }
    const { mac = randomMacAddress(), memory = new PacketMemory() } = options
    return new Tap(binding, device, { name, mac, mtu, memory })
  } catch (error) {
    binding.close(number)
    throw error
  }
}

/** A path that means the same after the process has gone to another folder, if it is not too long for a socket. */
function steady(path: string): string {
  const absolute = resolve(path)
  return Buffer.byteLength(absolute) > LONGEST_PATH ? path : absolute
}

async function openError(errno: number, syscall: string, path: string): Promise<SystemError> {
  const { code } = tapError(errno, syscall, path)
  const problem = await pathProblem(path, syscall)
  const hint = problem?.hint ?? (HINTS[code] === undefined ? path : `${HINTS[code]} ${path}`)
  return new SystemError(problem?.code ?? code, syscall, { hint })
}

const HINTS: { readonly [Code in SystemErrorCode]?: string } = {
  EADDRINUSE: 'somebody else has the socket',
  EACCES: 'no permission for',
  EPERM: 'no permission for',
}
