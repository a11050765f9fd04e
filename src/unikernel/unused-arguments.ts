/** Which arguments were given that have no effect beside others, or without them. */
import { parseInterface } from '../netif/index.ts'
import { type BootArguments, type BootValues, isSocket, MONITOR_ARGUMENTS, SYSLOG_ARGUMENTS } from './boot-arguments.ts'
import { optionName } from './command-line.ts'
import { wantsDhcp } from './ipv4-addressing.ts'

type Name = keyof BootArguments
type Given = BootValues & { given: ReadonlySet<string> }

const OF_DHCP: readonly Name[] = ['dhcpLeaseFile', 'dhcpLinkLocal', 'dhcpRelease']
const OF_IPV4: readonly Name[] = ['ipv4', 'ipv4Gateway', 'ipv4Probe', 'dhcp', ...OF_DHCP]
const OF_IPV6: readonly Name[] = [
  'ipv6',
  'ipv6Gateway',
  'acceptRouterAdvertisements',
  'ipv6StableSecretFile',
  'dhcpv6',
  'dhcpv6DuidFile',
]
/** On the operating system's sockets the addresses mean what is listened on. */
const OF_DIRECT: readonly Name[] = ['interface', ...OF_IPV4, ...OF_IPV6].filter(
  (each) => each !== 'ipv4' && each !== 'ipv6',
) as Name[]

/** Collects sentences, each argument in the first that is about it. */
class Sentences {
  readonly all: string[] = []
  readonly #values: Given
  readonly #said = new Set<Name>()

  constructor(values: Given) {
    this.#values = values
  }

  /** @param why "without --syslog" */
  add(isSo: boolean, names: readonly Name[], why: string): void {
    if (!isSo) return
    const { given } = this.#values
    // What somebody turns off has no effect anyway.
    const unused = names.filter((each) => given.has(each) && this.#values[each] !== false && !this.#said.has(each))
    if (unused.length === 0) return
    for (const each of unused) this.#said.add(each)
    const options = unused.map((each) => `--${optionName(each)}`)
    this.all.push(`${options.join(', ')} ${options.length === 1 ? 'has' : 'have'} no effect ${why}`)
  }
}

/**
 * Of one stack's arguments, as sentences.
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 */
export function unusedOfStack(values: Given, sandboxInterface: string | undefined): string[] {
  const { net, ipv4Only, ipv6Only, dhcpv6, acceptRouterAdvertisements, grace } = values
  const sentences = new Sentences(values)
  sentences.add(isSocket(values), OF_DIRECT, `with --net ${net}`)
  sentences.add(ipv4Only, OF_IPV6, 'with --ipv4-only')
  sentences.add(ipv6Only, OF_IPV4, 'with --ipv6-only')
  sentences.add(!wantsDhcp(values, sandboxInterface), OF_DHCP, 'without --dhcp')
  sentences.add(grace === 0, ['dhcpRelease'], 'with --grace 0s')
  const { kind } = parseInterface(values.interface)
  sentences.add(kind.carriesIp === true, ['ipv4Probe'], `with --interface ${kind.kind}:...`)
  sentences.add(dhcpv6 === 'off', ['dhcpv6DuidFile'], 'with --dhcpv6 off')
  // Nobody can say then that DHCPv6 is to be asked.
  const isNeverTold = dhcpv6 === 'flags' && !acceptRouterAdvertisements
  sentences.add(isNeverTold, ['dhcpv6', 'dhcpv6DuidFile'], 'with --accept-router-advertisements=false')
  // With one family there is no other to wait for.
  sentences.add(ipv4Only || ipv6Only, ['heAaaaTimeout'], `with ${ipv4Only ? '--ipv4-only' : '--ipv6-only'}`)
  return sentences.all
}

/** Of the arguments of the process, as sentences. */
export function unusedOfProcess(values: Given): string[] {
  const sentences = new Sentences(values)
  sentences.add(values.syslog === undefined, SYSLOG_ARGUMENTS, 'without --syslog')
  sentences.add(values.monitor === undefined, MONITOR_ARGUMENTS, 'without --monitor')
  return sentences.all
}
