/** Where a unikernel's IPv4 address comes from: a person, a DHCP server, or the sandbox, whose network is known. */

import type { IpPrefix } from '../address/index.ts'
import type { CreateStackOptions } from '../stack/index.ts'

/** In the environment of a command in the sandbox: the name of its tap device. */
export const SANDBOX_VARIABLE = 'TAPSTACK_SANDBOX_INTERFACE'

/** Beside 10.0.0.1, which the kernel has on the sandbox's tap. */
export const DEFAULT_IPV4 = '10.0.0.2/24'

/** The boot arguments that have to do with it. */
export interface Ipv4Arguments {
  interface: string
  ipv4: IpPrefix | undefined
  ipv4Gateway: string | undefined
  ipv6Only: boolean
  dhcp: boolean
  dhcpLeaseFile: string | undefined
  dhcpLinkLocal: boolean
  dhcpRelease: boolean
  name: string
  given: ReadonlySet<string>
}

/**
 * Whether DHCP is asked: as is said outright, else where no address is given and the tap is not the sandbox's.
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 */
export function wantsDhcp(values: Ipv4Arguments, sandboxInterface: string | undefined): boolean {
  if (values.ipv6Only) return false
  if (values.given.has('dhcp')) return values.dhcp
  return values.ipv4 === undefined && values.interface !== sandboxInterface
}

/** Of `createStack`. @param signal ends the wait for an address */
export function ipv4Options(
  values: Ipv4Arguments,
  sandboxInterface: string | undefined,
  signal: AbortSignal,
): Pick<CreateStackOptions, 'ipv4' | 'ipv4Gateway' | 'dhcp' | 'signal'> {
  const { ipv4, ipv4Gateway, dhcpLeaseFile, dhcpLinkLocal, dhcpRelease, name } = values
  const gateway = ipv4Gateway === undefined ? {} : { ipv4Gateway }
  if (!wantsDhcp(values, sandboxInterface)) return { ipv4: ipv4?.toString() ?? DEFAULT_IPV4, ...gateway }
  return {
    ...(ipv4 === undefined ? {} : { ipv4: ipv4.toString() }),
    ...gateway,
    dhcp: {
      hostName: name,
      ...(dhcpLeaseFile === undefined ? {} : { leaseFile: dhcpLeaseFile }),
      ...(dhcpLinkLocal ? { linkLocal: true } : {}),
      ...(dhcpRelease ? { release: true } : {}),
    },
    signal,
  }
}
