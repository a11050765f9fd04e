import { constants } from 'node:os'
import { SystemError, type SystemErrorCode } from '../errors/index.ts'
import { interfaceExists } from './interface-names.ts'

const CODES = new Map<number, SystemErrorCode>(
  (Object.entries(constants.errno) as [SystemErrorCode, number][]).map(([code, number]) => [number, code]),
)

/** Linux says EBADFD of a descriptor whose interface is gone; Node has no name for it. */
const EBADFD = 77

/**
 * @param errno negative, as the addon returns it
 * @param syscall what failed
 * @param name the interface, as far as it has a name
 */
export function tapError(errno: number, syscall: string, name: string): SystemError {
  const code = -errno === EBADFD ? 'ENODEV' : (CODES.get(-errno) ?? 'EIO')
  return new SystemError(code, syscall, { hint: hintFor(code, syscall, name) })
}

/** It is a tap, and was made for one queue only. */
export function oneQueueError(name: string): SystemError {
  const anew = `sudo ip tuntap del dev ${name} mode tap && sudo ip tuntap add dev ${name} mode tap multi_queue user $USER`
  const hint = `${name} exists and has one queue only: make it anew with "${anew}"`
  return new SystemError('EINVAL', 'ioctl TUNSETIFF', { hint })
}

/** It is there, and is none of those that were wanted. @param isPlainIp whether it has IP packets without anything in front */
export function otherKindError(name: string, wanted: 'tap' | 'tun', isPlainIp: boolean): SystemError {
  const ethernet = `"packet:${name}" takes an Ethernet interface that is there`
  const instead = wanted === 'tun' ? `"tap:${name}" takes a tap, ${ethernet}` : ethernet
  const hint = `${name} exists and is of another kind: ${isPlainIp && wanted === 'tap' ? `"tun:${name}" takes a tun` : instead}`
  return new SystemError('EINVAL', 'ioctl TUNSETIFF', { hint })
}

/** The tap, or the namespace that it is in, was deleted while it was open. */
export function tapGoneError(errno: number, name: string): SystemError {
  const code = -errno === EBADFD ? 'ENODEV' : (CODES.get(-errno) ?? 'EIO')
  return new SystemError(code, 'read', { hint: `interface ${name} was deleted` })
}

/** @returns why `name` cannot be an interface's, or null; the rules of dev_valid_name() in Linux */
export function badNameError(name: string): SystemError | null {
  const length = Buffer.byteLength(name)
  const bad =
    length === 0 || length > 15 || name === '.' || name === '..' || /[\s/:\0]/.test(name) || /%(?!d)|%.*%/.test(name)
  if (!bad) return null
  const hint = `${JSON.stringify(name)} cannot name an interface: 1 to 15 bytes without space, "/" or ":"`
  return new SystemError('EINVAL', 'ioctl TUNSETIFF', { hint })
}

function hintFor(code: SystemErrorCode, syscall: string, name: string): string | undefined {
  const it = name === '' ? 'a tap' : name
  switch (code) {
    case 'EPERM':
    case 'EACCES':
      if (syscall.startsWith('open')) {
        return 'let every user open it, as most systems do, with "sudo chmod 666 /dev/net/tun", or run as root'
      }
      if (syscall.endsWith('TUNSETIFF') && interfaceExists(name)) {
        return (
          `${it} exists and is another user's: run as root, or make it anew for this user with "sudo ip tuntap del dev ` +
          `${name} mode tap && sudo ip tuntap add dev ${name} mode tap user $USER", or run under "tapstack sandbox"`
        )
      }
      return (
        `no permission for ${it}: run as root, or give it to this user with ` +
        `"sudo ip tuntap add dev ${name === '' ? 'tap0' : name} mode tap user $USER", or run under "tapstack sandbox"`
      )
    case 'EBUSY':
      return `another process is attached to ${it}; close it or choose another name`
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      if (!syscall.startsWith('open')) return `there is no interface ${it} in this network namespace`
      return 'there is no tun driver here: "sudo modprobe tun", or give a container "--device /dev/net/tun"'
    case 'EINVAL':
      if (syscall.endsWith('TUNSETIFF')) {
        return `an interface ${it} exists that is of another kind, or its name is not allowed`
      }
      if (syscall.endsWith('SIOCSIFMTU')) return `the kernel allows ${it} an MTU of 68 to 65,521`
      return undefined
    case 'EBADF':
      if (!syscall.endsWith('TUNGETIFF')) return `${it} is closed`
      return 'the descriptor is not open'
    case 'ENOTTY':
    case 'EPROTOTYPE':
      return 'the descriptor is no tap that was attached with IFF_TAP and IFF_NO_PI, nor a datagram or seqpacket socket'
    default:
      return undefined
  }
}
