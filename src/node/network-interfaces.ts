/** `os.networkInterfaces`, by which programs find out where they can be reached and which interfaces join a multicast group. */
import type { NetworkInterfaceInfo } from 'node:os'
import { IpAddress, IpPrefix } from '../address/index.ts'
import type { DirectStack } from '../stack/index.ts'

const LOOPBACK = [IpPrefix.parse('127.0.0.1/8'), IpPrefix.parse('::1/128')]
const NO_MAC = '00:00:00:00:00:00'
/** The interface's index, which link-local addresses go with: 1 is the loopback's on Linux, and a stack has one more. */
const INDEX = 2

/** The loopback and the interface of a stack with what they have now, as Node shows those of the operating system. */
export function networkInterfaces(stack: DirectStack): Record<string, NetworkInterfaceInfo[]> {
  const { netif, ethernet, addresses } = stack
  const families = [stack.ipv4 === null ? null : 4, stack.ipv6 === null ? null : 6]
  const loopback = LOOPBACK.filter(({ family }) => families.includes(family))
  const own = addresses.filter(({ address }) => !address.isLoopback)
  return {
    lo: loopback.map((prefix) => describe(prefix, NO_MAC, true)),
    ...(own.length === 0 ? {} : { [netif.name]: own.map((prefix) => describe(prefix, String(ethernet.mac), false)) }),
  }
}

function describe(prefix: IpPrefix, mac: string, internal: boolean): NetworkInterfaceInfo {
  const { address, family } = prefix
  const shared = {
    address: String(address),
    netmask: netmaskOf(prefix),
    mac,
    internal,
    cidr: `${address}/${prefix.length}`,
  }
  if (family === 4) return { ...shared, family: 'IPv4' }
  return { ...shared, family: 'IPv6', scopeid: address.isLinkLocal ? INDEX : 0 }
}

function netmaskOf(prefix: IpPrefix): string {
  const [first, second, third, fourth] = ([0, 1, 2, 3] as const).map((index) => prefix.maskWord(index))
  return String(prefix.family === 4 ? IpAddress.v4(fourth) : IpAddress.fromWords(first, second, third, fourth))
}
