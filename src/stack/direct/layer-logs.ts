import type { LogFactory } from '../../log/index.ts'
import { countersOf } from './counters-of.ts'
import type { DirectStack } from './direct-stack.ts'

/** Counters of what has no source of its own in the log. */
const SOURCES: Readonly<Record<string, string>> = { 'ipv6-fragments': 'ipv6', mld: 'ipv6', icmpv6: 'icmp' }

/**
 * What layers that are silent otherwise say at debug level: the interface at the beginning, IPv4 addresses that come and go.
 * @returns what is to be called at the end: then each layer says what it has counted
 */
export function watchLayers(stack: DirectStack, logs: LogFactory): () => void {
  const { netif, ipv4 } = stack
  const { name, mac, mtu, features } = netif
  logs('netif').debug('the interface is open', { name, mac: mac.toString(), mtu, ...features })
  const log = logs('ipv4')
  for (const own of ipv4?.addresses ?? []) log.debug('an address of ours is added', { address: `${own}` })
  ipv4?.onAddress((type, own) => log.debug(`an address of ours is ${type}`, { address: `${own}` }))
  return () => {
    for (const [name, counters] of Object.entries(countersOf(stack))) {
      const source = SOURCES[name] ?? name
      const counted = Object.entries(counters).filter(([, value]) => value !== 0)
      const what = source === name ? 'has counted' : `has counted of ${name}`
      if (counted.length > 0) logs(source).debug(what, Object.fromEntries(counted))
    }
  }
}
