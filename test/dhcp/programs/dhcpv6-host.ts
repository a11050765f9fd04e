/**
 * A stack on tap0 whose DHCPv6 does what its first argument, JSON of `dhcpv6` of `createStack`, says. Prints `ready`,
 * `address TYPE PREFIX` for what becomes of its addresses, `EVENT LEASES` for what becomes of leases, and its log lines on the
 * standard error. Takes each line of its input for a move to another link, and closes when that ends.
 */
import process from 'node:process'
import { createStack, type Log } from '../../../src/index.ts'

const write = (message: string, fields?: unknown) => void console.error(message, JSON.stringify(fields))
const log: Log = { debugEnabled: false, debug: () => {}, info: write, warn: write, error: write }
const stack = await createStack({ ipv6Only: true, dhcpv6: JSON.parse(process.argv[2]), logs: () => log })
stack.onAddress(({ type, prefix }) => console.log(`address ${type} ${prefix}`))
stack.onConfiguration(({ dnsServers }) => console.log(`dns ${dnsServers.join(' ')}`))
stack.dhcpv6?.onEvent((event) => {
  const leases =
    'lease' in event ? [...event.lease.addresses, ...event.lease.prefixes] : 'leases' in event ? event.leases : []
  console.log(`${event.type} ${leases.map(({ prefix }) => prefix).join(' ')}`)
})
console.log('ready')
process.stdin.on('data', () => stack.dhcpv6?.linkChanged())
process.stdin.on('end', () => void stack.close().then(() => console.log('closed')))
