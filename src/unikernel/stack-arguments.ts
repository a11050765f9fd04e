import type { Log, LogFactory } from '../log/index.ts'
import type { CreateStackOptions } from '../stack/index.ts'
import { type BootValues, isSocket } from './boot-arguments.ts'
import { ipv4Options } from './ipv4-addressing.ts'
import { nameOptions } from './name-arguments.ts'
import { stableSecret } from './secret-file.ts'

/** Boot arguments that have no effect where one of the families is not there, ... */
const OF_IPV4 = ['ipv4', 'ipv4Gateway', 'ipv4Probe', 'dhcp', 'dhcpLeaseFile', 'dhcpLinkLocal', 'dhcpRelease']
const OF_IPV6 = [
  'ipv6',
  'ipv6Gateway',
  'acceptRouterAdvertisements',
  'ipv6StableSecretFile',
  'dhcpv6',
  'dhcpv6DuidFile',
]
/** ... and on the operating system's sockets. */
const OF_DIRECT = [
  'interface',
  ...OF_IPV4.filter((each) => each !== 'ipv4'),
  ...OF_IPV6.filter((each) => each !== 'ipv6'),
]

/**
 * What `createStack` is asked for by the boot arguments of one stack.
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 * @param signal ends waiting for addresses
 * @throws for a file as `stableSecret`
 */
export async function stackOptions(
  values: BootValues & { given: ReadonlySet<string> },
  logs: LogFactory,
  sandboxInterface: string | undefined,
  signal: AbortSignal,
): Promise<CreateStackOptions> {
  const { interface: name, ipv4, ipv6, ipv6Gateway, capture } = values
  const { ipv4Only, ipv6Only, acceptRouterAdvertisements, ipv4Probe, ipv6StableSecretFile: secretFile } = values
  const families = { ...(ipv4Only ? { ipv4Only } : {}), ...(ipv6Only ? { ipv6Only } : {}) }
  if (isSocket(values)) {
    // What is of a family that is turned off has no effect.
    const own = [ipv6Only ? undefined : ipv4, ipv4Only ? undefined : ipv6].filter((each) => each !== undefined)
    return {
      net: 'socket',
      logs,
      ...nameOptions(values),
      socket: { ...families, ...(own.length === 0 ? {} : { address: own.map(({ address }) => `${address}`) }) },
    }
  }
  return {
    net: 'direct',
    interface: name,
    ...ipv4Options(values, sandboxInterface, signal),
    logs,
    ...(ipv6 === undefined ? {} : { ipv6: ipv6.toString() }),
    ...(ipv6Gateway === undefined ? {} : { ipv6Gateway: ipv6Gateway.address.toString() }),
    ...families,
    ...(acceptRouterAdvertisements ? {} : { acceptRouterAdvertisements }),
    ...(ipv4Probe ? { arp: { probe: true } } : {}),
    ...(secretFile === undefined || ipv4Only ? {} : { ipv6Settings: { stableSecret: await stableSecret(secretFile) } }),
    ...dhcpv6Option(values),
    ...nameOptions(values),
    ...(capture === undefined ? {} : { capture }),
  }
}

/** Of `createStack`; nothing where its default is what is wanted. */
function dhcpv6Option({ dhcpv6, dhcpv6DuidFile: duidFile }: Pick<BootValues, 'dhcpv6' | 'dhcpv6DuidFile'>) {
  if (dhcpv6 === 'off') return { dhcpv6: false }
  return dhcpv6 === 'flags' && duidFile === undefined ? {} : { dhcpv6: { mode: dhcpv6, duidFile } }
}

/** Says which arguments were given that have no effect beside others. */
export function warnOfUnused(values: BootValues & { given: ReadonlySet<string> }, log: Log): void {
  const { net, ipv4Only, ipv6Only, given } = values
  const warn = (why: string, names: readonly string[]) => {
    const unused = names.filter((each) => given.has(each))
    if (unused.length > 0) log.warn(`without effect with ${why}`, { unused })
  }
  if (isSocket(values)) warn(`--net ${net}`, OF_DIRECT)
  if (ipv4Only) warn('--ipv4-only', OF_IPV6)
  else if (ipv6Only) warn('--ipv6-only', OF_IPV4)
}
