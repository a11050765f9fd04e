/** What `createStack` does about IPv4 addresses that are not there at once: those of DHCP, and those that are probed. */

import { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Arp } from '../../arp/index.ts'
import { type Clock, MILLISECOND, Timer } from '../../clock/index.ts'
import type { Dhcpv4Configurator } from '../../dhcp/index.ts'
import { SystemError } from '../../errors/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import type { Ipv6Host } from '../../ipv6/index.ts'

/**
 * Resolves as soon as IPv4 has an address that DHCP has brought, or that stands in for one; or after as long as the settings of
 * DHCP want that to be waited for; or when no server has answered for a while and IPv6 has an address that leads out, or the
 * network wants no IPv4 at all; or when `signal` says so.
 * @param ipv6 null without IPv6
 */
export function firstAddress(
  ipv4: Ipv4,
  dhcp: Dhcpv4Configurator,
  ipv6: Ipv6Host | null,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const { wait } = dhcp.settings
  if (wait === 0 || ipv4.addresses.length > 0 || signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clock.disarm(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = new Timer({ onTimer: done })
    clock.arm(timer, clock.now() + wait * MILLISECOND)
    signal?.addEventListener('abort', done)
    ipv4.onAddress(done)
    dhcp.onEvent(({ type }) => {
      const hasOther = ipv6?.ipv6.addresses.some(({ address }) => !address.isLinkLocal) === true
      if (type === 'ipv6Only' || (type === 'unanswered' && hasOther)) done()
    })
  })
}

/**
 * Takes an address into use that nobody else on the link has, RFC 5227, section 2.1: 4 to 7 seconds.
 * @throws SystemError EADDRINUSE if somebody has it
 */
export function addProbedAddress(ipv4: Ipv4, arp: Arp, cidr: string, gateway: string | undefined): Promise<void> {
  const prefix = IpPrefix.parse(cidr)
  const { word3 } = prefix.address
  return new Promise((resolve, reject) => {
    const probed = (_address: number, isFree: boolean) => {
      if (!isFree) {
        const hint = 'another station has this address'
        reject(new SystemError('EADDRINUSE', 'bind', { address: prefix.address.toString(), hint }))
        return
      }
      try {
        ipv4.addAddress(prefix)
        if (gateway !== undefined) ipv4.setGateway(IpAddress.parse(gateway))
        resolve()
      } catch (error) {
        reject(error)
      }
    }
    arp.probe(word3, { probed })
  })
}
