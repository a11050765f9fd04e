import { type TapBinding, tapBinding } from './tap-binding.ts'

/** As much as a UDP datagram has, RFC 768. */
const LONGEST = 65_535

/**
 * Reads a UDP socket of the operating system by the addon, which, unlike Node, asks where each datagram was sent to.
 * @param fd stays its owner's, who reads no longer
 * @param onDatagram gets what is valid during the call, or the negative errno of what the socket reports
 * @returns what ends it; null where the addon is not there
 */
export function receiveWithDestination(
  fd: number,
  isIpv6: boolean,
  onDatagram: (data: Buffer | number, address: string, port: number, to: string | null) => void,
): (() => void) | null {
  const binding = addonOrNull()
  if (binding?.receiveDatagrams === undefined) return null
  const memory = Buffer.allocUnsafeSlow(LONGEST)
  let receiving: object | number | null = binding.receiveDatagrams(fd, isIpv6, memory, (length, address, port, to) => {
    onDatagram(length < 0 ? length : memory.subarray(0, length), address, port, to === '' ? null : to)
  })
  if (typeof receiving === 'number') return null
  return () => {
    if (typeof receiving === 'object' && receiving !== null) binding.stopDatagrams?.(receiving)
    receiving = null
  }
}

function addonOrNull(): TapBinding | null {
  try {
    return tapBinding()
  } catch {
    // Sockets of the operating system need no addon otherwise.
    return null
  }
}
