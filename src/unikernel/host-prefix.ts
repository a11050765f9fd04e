/** Addresses as boot arguments have them. Each parser returns undefined for what is none. */
import { IpAddress, IpPrefix } from '../address/index.ts'

/** An address that a host can own in the network it names. */
export function parseHostPrefix(text: string): IpPrefix | undefined {
  if (!/^[\d.]+\/\d{1,2}$/.test(text)) return undefined
  try {
    const prefix = IpPrefix.parse(text)
    const { address, length } = prefix
    // RFC 1122, 3.2.1.3: network 0 has no hosts; 224 and up are multicast (RFC 1112) and reserved.
    const network = address.word3 >>> 24
    if (network === 0 || network >= 224 || length === 0) return undefined
    // RFC 1122, 3.2.1.3: no host has the network's own or its broadcast address; RFC 3021: a /31 has neither.
    const hostBits = ~prefix.maskWord(3)
    const host = address.word3 & hostBits
    if (length <= 30 && (host === 0 || host === hostBits)) return undefined
    return prefix
  } catch {
    return undefined
  }
}

/** An address that a host can own in an IPv6 network. */
export function parseHostPrefix6(text: string): IpPrefix | undefined {
  if (!/^[\da-f:.]+\/\d{1,3}$/i.test(text)) return undefined
  try {
    const prefix = IpPrefix.parse(text)
    const { address, length, network } = prefix
    if (prefix.family !== 6 || length === 0) return undefined
    if (address.isMulticast || address.isUnspecified) return undefined
    // RFC 4291, 2.6.1: that is the address of all routers of the network; RFC 6164: not between two of them.
    return length < 127 && address.equals(network.address) ? undefined : prefix
  } catch {
    return undefined
  }
}

/** A router's address; of a link-local one the zone may be said, as `ip -6 route` shows it: `fe80::1%tap0`. */
export function parseGateway6(text: string): { address: IpAddress; zone: string | null } | undefined {
  const [, bare, zone] = /^([\da-f:.]+)(?:%(.+))?$/i.exec(text) ?? []
  try {
    const address = IpAddress.parse(bare ?? '')
    if (address.family !== 6 || (zone !== undefined && !address.isLinkLocal)) return undefined
    return { address, zone: zone ?? null }
  } catch {
    return undefined
  }
}
