import { tmpdir } from 'node:os'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { expectedInterface, interfaceKinds, interfaceProblem, parseInterface } from '../netif/index.ts'
import { parseValue } from './argument-types.ts'
import { type ArgumentValues, BadArgument } from './arguments.ts'
import { parseDestination, TRANSPORTS } from './destination.ts'
import { DEFAULT_IPV4, wantsDhcp } from './ipv4-addressing.ts'
import { LogLevels, logsExpected } from './log-levels.ts'
import { NAME_ARGUMENTS } from './name-arguments.ts'
import { SYSLOG_FACILITIES, type SyslogFacility } from './syslog.ts'

function parseInterfaceText(text: string): string | undefined {
  return interfaceProblem(text) === undefined ? text : undefined
}

/** A host name's labels, RFC 1123, section 2.1: what DHCP and a log can carry. */
function parseName(text: string): string | undefined {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text) ? text : undefined
}

/** Seconds, as MirageOS has this one, or with a unit; in milliseconds. */
function parseDelay(text: string): number | undefined {
  return parseValue({ type: 'duration', maximum: 3_600_000, doc: '' }, /^\d+$/.test(text) ? `${text}s` : text) as
    | number
    | undefined
}

/** An address that a host can own in the network it names. */
function parseHostPrefix(text: string): IpPrefix | undefined {
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

/** A router's address; of a link-local one the zone may be said, as `ip -6 route` shows it: `fe80::1%tap0`. */
function parseGateway6(text: string): { address: IpAddress; zone: string | null } | undefined {
  const [, bare, zone] = /^([\da-f:.]+)(?:%(.+))?$/i.exec(text) ?? []
  try {
    const address = IpAddress.parse(bare ?? '')
    if (address.family !== 6 || (zone !== undefined && !address.isLinkLocal)) return undefined
    return { address, zone: zone ?? null }
  } catch {
    return undefined
  }
}

/** An address that a host can own in an IPv6 network. */
function parseHostPrefix6(text: string): IpPrefix | undefined {
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

/**
 * What every unikernel understands. Addresses and families have the names, the meaning and the defaults that they have in
 * MirageOS.
 * @param application the unikernel's name, which is the source of its own log lines
 */
export function bootArguments(application: string) {
  return {
    net: {
      type: 'choice',
      choices: ['direct', 'socket', 'host'],
      default: 'direct',
      doc: 'direct: this stack over a tap device; socket or host: the sockets of the operating system',
    },
    interface: {
      type: 'custom',
      expected: expectedInterface(),
      parse: parseInterfaceText,
      complaint: interfaceProblem,
      placeholder: 'NAME',
      default: 'tap0',
      doc: `the tap device, or another way to reach a network: ${interfaceKinds()}`,
    },
    ipv4: {
      type: 'custom',
      expected: "a host's IPv4 address with its prefix length such as 10.0.0.2/24",
      parse: parseHostPrefix,
      placeholder: 'ADDRESS/LENGTH',
      doc: `the address to answer on, and its network (without it DHCP, on the sandbox's tap ${DEFAULT_IPV4})`,
    },
    ipv4Gateway: {
      type: 'address',
      family: 4,
      doc: 'the router to other networks, an address in the network of --ipv4',
    },
    ipv4Probe: {
      type: 'boolean',
      doc: 'asks whether another station has the address of --ipv4 before it is used, which takes 4 to 7 s',
    },
    dhcp: {
      type: 'boolean',
      doc: "asks a DHCP server for an IPv4 address (default where there is no --ipv4, except on the sandbox's tap)",
    },
    dhcpLeaseFile: {
      type: 'string',
      placeholder: 'FILE',
      doc: 'keeps the address from DHCP, so that the next run asks for the same one at once',
    },
    dhcpLinkLocal: { type: 'boolean', doc: 'takes a link-local IPv4 address while no DHCP server answers' },
    dhcpRelease: { type: 'boolean', doc: 'gives the address from DHCP back at the end' },
    ipv6: {
      type: 'custom',
      expected: "a host's IPv6 address with its prefix length such as fd00::2/64",
      parse: parseHostPrefix6,
      placeholder: 'ADDRESS/LENGTH',
      doc: 'an IPv6 address to answer on, and its network, beside those that routers advertise',
    },
    ipv6Gateway: {
      type: 'custom',
      expected: 'an IPv6 address such as fd00::1 or fe80::1',
      parse: parseGateway6,
      placeholder: 'ADDRESS',
      doc: 'the router to other IPv6 networks, in the network of --ipv6 or link-local',
    },
    ipv4Only: { type: 'boolean', doc: 'no IPv6' },
    ipv6Only: { type: 'boolean', doc: 'no IPv4' },
    acceptRouterAdvertisements: {
      type: 'boolean',
      alias: 'accept-router-advertisement',
      default: true,
      doc: 'whether IPv6 routers are asked for, and addresses made from what they advertise',
    },
    ipv6StableSecretFile: {
      type: 'string',
      placeholder: 'FILE',
      doc: 'keeps what IPv6 addresses are made from, so that they are the same in the next run',
    },
    dhcpv6: {
      type: 'choice',
      choices: ['flags', 'stateful', 'stateless', 'off'],
      default: 'flags',
      doc: 'whether DHCPv6 is asked for addresses and configuration: as IPv6 routers say, both, the latter alone, or not',
    },
    dhcpv6DuidFile: {
      type: 'string',
      placeholder: 'FILE',
      doc: 'keeps what DHCPv6 servers know this instance by from run to run',
    },
    ...NAME_ARGUMENTS,
    capture: {
      type: 'custom',
      expected: 'the name of a file that ends in .pcapng',
      parse: (text: string) => (/[^/]\.pcapng$/.test(text) ? text : undefined),
      placeholder: 'FILE.pcapng',
      doc: 'writes every frame to this file, for Wireshark',
    },
    logs: {
      type: 'custom',
      short: 'l',
      expected: (text?: string) => logsExpected(application, text),
      parse: (text: string) => LogLevels.parse(text, application),
      placeholder: 'LEVELS',
      repeated: true,
      default: '*:info',
      doc: 'what is logged on the standard error, as SOURCE:LEVEL,... or one level for all, such as *:info,tcp:debug',
    },
    logsFormat: {
      type: 'choice',
      choices: ['auto', 'text', 'json'],
      default: 'auto',
      doc: 'how log lines are written; auto: text on a terminal, otherwise JSON',
    },
    name: {
      type: 'custom',
      expected: 'a host name such as web-1',
      parse: parseName,
      placeholder: 'NAME',
      default: application,
      doc: 'what this instance is called',
    },
    grace: {
      type: 'duration',
      default: '1s',
      maximum: 3_600_000,
      doc: 'how long connections may take to finish after SIGINT or SIGTERM; then they are reset',
    },
    delay: {
      type: 'custom',
      expected: 'a whole number of seconds, or a duration such as 500ms',
      parse: parseDelay,
      placeholder: 'SECONDS',
      default: '0',
      doc: 'how long to wait before anything starts',
    },
    syslog: {
      type: 'custom',
      expected: 'a server such as 10.0.0.1, logs.example:5514 or tls://logs.example',
      parse: parseDestination,
      placeholder: 'SERVER',
      doc: 'a syslog server that gets what is logged as well, over the first network: [udp|tcp|tls://]HOST[:PORT]',
    },
    syslogPort: { type: 'port', minimum: 1, doc: 'its port (default 514, with TLS 6514)' },
    syslogTransport: { type: 'choice', choices: TRANSPORTS, default: 'udp', doc: 'how it is reached' },
    syslogFacility: {
      type: 'choice',
      choices: Object.keys(SYSLOG_FACILITIES) as SyslogFacility[],
      placeholder: 'FACILITY',
      default: 'user',
      doc: 'what it files our lines under: user, daemon, auth, authpriv, local0 to local7',
    },
    syslogCa: {
      type: 'string',
      placeholder: 'FILE.pem',
      doc: 'the certificates that it may have been signed by, with TLS (default those that Node.js trusts)',
    },
    syslogCertificate: {
      type: 'string',
      placeholder: 'FILE.pem',
      doc: 'our own certificate, with TLS, for a server that asks for one',
    },
    syslogKey: { type: 'string', placeholder: 'FILE.pem', doc: 'the key of --syslog-certificate' },
    monitor: {
      type: 'custom',
      expected: 'a server such as 10.0.0.1, metrics.example:8094 or udp://10.0.0.1',
      parse: parseDestination,
      placeholder: 'SERVER',
      doc: 'where measurements are pushed to, as lines of InfluxDB, over the first network: [tcp|udp|tls://]HOST[:PORT]',
    },
    monitorInterval: {
      type: 'duration',
      minimum: 100,
      maximum: 86_400_000,
      default: '10s',
      doc: 'how often',
    },
    monitorCa: {
      type: 'string',
      placeholder: 'FILE.pem',
      doc: "the certificates that the server's may have been signed by, with TLS (default those that Node.js trusts)",
    },
    reports: {
      type: 'string',
      placeholder: 'FOLDER',
      default: tmpdir(),
      doc: 'where reports of crashes go, and the last frames after SIGUSR2',
    },
    config: {
      type: 'string',
      placeholder: 'FILE',
      doc: 'a file with arguments, TOML or (*.json) JSON',
    },
    help: { type: 'boolean', short: 'h', doc: 'shows this' },
  } as const
}

/** Those of the process; the others are of a stack, and each stack of an application may have its own. */
export const PROCESS_ARGUMENTS = [
  'logs',
  'logsFormat',
  'name',
  'grace',
  'delay',
  'syslog',
  'syslogPort',
  'syslogTransport',
  'syslogFacility',
  'syslogCa',
  'syslogCertificate',
  'syslogKey',
  'monitor',
  'monitorInterval',
  'monitorCa',
  'reports',
  'config',
  'help',
] as const

export type BootArguments = ReturnType<typeof bootArguments>
export type BootValues = ArgumentValues<BootArguments>

/** Whether the operating system's sockets are asked for. */
export function isSocket({ net }: Pick<BootValues, 'net'>): boolean {
  return net !== 'direct'
}

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

/** @throws BadArgument for values of the process that fit each on its own but not together */
export function checkProcessTogether(values: BootValues & { given: ReadonlySet<string> }): void {
  const { syslog, monitor, given } = values
  if (given.has('monitorCa') && monitor?.transport !== 'tls') {
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
}

function checkGateway(name: string, gateway: IpAddress, own: IpPrefix): void {
  // RFC 4291, 2.6.1: in IPv6 also the address of all routers of the network.
  const isHost = own.family === 6 || parseHostPrefix(`${gateway}/${own.length}`) !== undefined
  if (!isHost || !own.contains(gateway) || gateway.equals(own.address)) {
    throw new BadArgument(`${name}: expected another address in ${own.network}, not "${gateway}"`)
  }
}
