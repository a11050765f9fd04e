/**
 * A stack on tap0 whose DHCPv4 does what its first argument, JSON of `dhcp` of `createStack`, says. Prints `mac MAC`,
 * `address TYPE PREFIX` for what becomes of its addresses, `EVENT PREFIX` for what becomes of the lease, with `router`, `dns`,
 * `search` and `mtu` behind those that bring one, and its log lines on the standard error. Closes when its input ends.
 */
import process from 'node:process'
import { createStack, type Log } from '../../../src/index.ts'

const write = (message: string, fields?: unknown) => void console.error(message, JSON.stringify(fields))
const log: Log = { debugEnabled: false, debug: () => {}, info: write, warn: write, error: write }
const dhcp = { conflictDetection: 'short', ...JSON.parse(process.argv[2]), wait: 0 }
const stack = await createStack({ ipv4Only: true, dhcp, logs: () => log })
stack.onAddress(({ type, prefix }) => console.log(`address ${type} ${prefix}`))
stack.dhcp?.onEvent((event) => {
  if (!('lease' in event)) {
    console.log(`${event.type} ${'address' in event ? event.address : ''}`)
    return
  }
  const { address, serverId, configuration } = event.lease
  console.log(`${event.type} ${address} ${'reason' in event ? event.reason : `by ${serverId}`}`)
  if (event.type === 'expired') return
  for (const { destination, gateway } of configuration.routes) console.log(`route ${destination} ${gateway}`)
  console.log(`dns ${configuration.dnsServers.join(' ')} search ${configuration.domainSearch.join(' ')}`)
  console.log(`mtu ${configuration.mtu} stack ${stack.ipv4?.mtu} ntp ${configuration.ntpServers.join(' ')}`)
})
console.log(`mac ${stack.ethernet.mac}`)
process.stdin.resume()
process.stdin.on('end', () => void stack.close().then(() => console.log('closed')))
