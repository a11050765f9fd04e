import type { LogFactory } from '../log/index.ts'
import type { CreateStackOptions } from '../stack/index.ts'
import { type BootValues, isSocket } from './boot-arguments.ts'
import { ipv4Options } from './ipv4-addressing.ts'
import { nameOptions } from './name-arguments.ts'
import { stableSecret } from './secret-file.ts'

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
