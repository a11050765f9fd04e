/** Values of boot arguments that fit each on its own, but perhaps not together. */
import { IpAddress, IpPrefix } from '../address/index.ts'
import { parseInterface } from '../netif/index.ts'
import { BadArgument } from './arguments.ts'
import { type BootValues, bootArguments, isSocket } from './boot-arguments.ts'
import { isKeyOf } from './file-checks.ts'
import { parseHostPrefix } from './host-prefix.ts'
import { DEFAULT_IPV4, wantsDhcp } from './ipv4-addressing.ts'

/**
 * @param sandboxInterface the sandbox's tap device; undefined outside of one
 * @throws BadArgument for values that fit each on its own but not together
 */
export function checkTogether(
  values: BootValues & { given: ReadonlySet<string> },
  sandboxInterface: string | undefined,
): void {
  const { capture, ipv4, ipv4Gateway, ipv6, ipv6Gateway, ipv4Only, ipv6Only } = values
  if (ipv4Only && ipv6Only) {
    throw new BadArgument('--ipv6-only: expected only without --ipv4-only, no family is left with both')
  }
  if (isSocket(values)) {
    if (capture !== undefined) {
      throw new BadArgument('--capture: expected only with --net direct, the operating system captures its own frames')
    }
    return
  }
  // RFC 1122, 3.2.1.3: it has no hosts that others could reach.
  if (ipv4?.address.isLoopback) {
    throw new BadArgument(`--ipv4: expected ${bootArguments('').ipv4.expected}, not ${JSON.stringify(`${ipv4}`)}`)
  }
  if (values.ipv4Probe && ipv4 === undefined && wantsDhcp(values, sandboxInterface)) {
    throw new BadArgument('--ipv4-probe: expected only with --ipv4, what a DHCP server gives is probed anyway')
  }
  if (ipv6?.address.isLoopback) {
    throw new BadArgument(`--ipv6: expected ${bootArguments('').ipv6.expected}, not ${JSON.stringify(`${ipv6}`)}`)
  }
  if (ipv4Gateway !== undefined && !ipv6Only) {
    if (ipv4 === undefined && wantsDhcp(values, sandboxInterface)) {
      throw new BadArgument('--ipv4-gateway: expected only with --ipv4, with DHCP the server says who the router is')
    }
    checkGateway('--ipv4-gateway', IpAddress.parse(ipv4Gateway), ipv4 ?? IpPrefix.parse(DEFAULT_IPV4))
  }
  if (ipv6Gateway === undefined || ipv4Only) return
  const { address: gateway, zone } = ipv6Gateway
  const device = parseInterface(values.interface).name
  if (zone !== null && zone !== device) {
    throw new BadArgument(`--ipv6-gateway: expected a router on ${device}, not "${gateway}%${zone}"`)
  }
  if (gateway.isLinkLocal && ipv6?.address.equals(gateway) !== true) return
  if (ipv6 === undefined) {
    throw new BadArgument(`--ipv6-gateway: expected a link-local address without --ipv6, not "${gateway}"`)
  }
  checkGateway('--ipv6-gateway', gateway, ipv6)
}

/** Whether the syslog server is to be reached by TLS, which some arguments are about. */
function isSyslogTls({ syslog, syslogTransport }: Pick<BootValues, 'syslog' | 'syslogTransport'>): boolean {
  return (syslog?.transport ?? syslogTransport) === 'tls'
}

/**
 * @param hasNetwork whether the application has one
 * @throws BadArgument for values of the process that fit each on its own but not together
 */
export function checkProcessTogether(values: BootValues & { given: ReadonlySet<string> }, hasNetwork: boolean): void {
  const { syslog, monitor, given } = values
  for (const [option, server] of Object.entries({ '--syslog': syslog, '--monitor': monitor })) {
    if (server !== undefined && !hasNetwork) {
      throw new BadArgument(`${option}: expected only for an application with a network`)
    }
  }
  if (given.has('monitorCa') && monitor !== undefined && monitor.transport !== 'tls') {
    throw new BadArgument('--monitor-ca: expected only with --monitor tls://...')
  }
  const { syslogTransport, syslogPort, syslogCertificate, syslogKey } = values
  if (syslog === undefined) return
  const twice = (name: string, what: string) =>
    new BadArgument(`${name}: expected only where --syslog does not say the ${what} as well`)
  if (given.has('syslogTransport') && syslog.transport !== null && syslog.transport !== syslogTransport) {
    throw twice('--syslog-transport', 'transport')
  }
  if (syslogPort !== undefined && syslog.port !== null && syslog.port !== syslogPort)
    throw twice('--syslog-port', 'port')
  if (!isSyslogTls(values)) {
    const options = { syslogCa: '--syslog-ca', syslogCertificate: '--syslog-certificate', syslogKey: '--syslog-key' }
    for (const [name, option] of Object.entries(options)) {
      if (given.has(name)) throw new BadArgument(`${option}: expected only with --syslog tls://...`)
    }
    if (syslog.certificateName !== null) {
      throw new BadArgument(
        `--syslog: expected the name of a certificate, !${syslog.certificateName}, only with tls://`,
      )
    }
  }
  if ((syslogCertificate === undefined) !== (syslogKey === undefined)) {
    throw new BadArgument('--syslog-certificate: expected together with --syslog-key')
  }
  if (syslogCertificate !== undefined && syslogKey !== undefined && !isKeyOf(syslogKey, syslogCertificate)) {
    throw new BadArgument('--syslog-key: expected the key of --syslog-certificate')
  }
}

function checkGateway(name: string, gateway: IpAddress, own: IpPrefix): void {
  // RFC 4291, 2.6.1: in IPv6 also the address of all routers of the network.
  const isHost = own.family === 6 || parseHostPrefix(`${gateway}/${own.length}`) !== undefined
  if (!isHost || !own.contains(gateway) || gateway.equals(own.address)) {
    throw new BadArgument(`${name}: expected another address in ${own.network}, not "${gateway}"`)
  }
}
