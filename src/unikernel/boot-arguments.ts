import { tmpdir } from 'node:os'
import { parseDuid } from '../dhcp/index.ts'
import { expectedInterface, interfaceKinds, interfaceProblem, parseInterface } from '../netif/index.ts'
import { parseValue } from './argument-types.ts'
import type { ArgumentValues } from './arguments.ts'
import { parseDestination, TRANSPORTS } from './destination.ts'
import {
  certificateFile,
  keptFile,
  keptFileHolding,
  keyFile,
  readableFile,
  writableFile,
  writableFolder,
} from './file-checks.ts'
import { parseGateway6, parseHostPrefix, parseHostPrefix6 } from './host-prefix.ts'
import { DEFAULT_IPV4 } from './ipv4-addressing.ts'
import { LogLevels, logsComplaint, logsExpected } from './log-levels.ts'
import { NAME_ARGUMENTS } from './name-arguments.ts'
import { parseSecret } from './secret-file.ts'
import { SYSLOG_FACILITIES, type SyslogFacility } from './syslog.ts'

function parseInterfaceText(text: string): string | undefined {
  return interfaceProblem(text) === undefined ? text : undefined
}

/** A capture that is replayed has to be there; devices and other ends may still come. */
function checkInterface(text: string): string | undefined {
  const { kind, target } = parseInterface(text)
  return kind.kind === 'replay' ? readableFile(target.replace(/(,(speed|record)=[^,]*)+$/, '')) : undefined
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
      check: checkInterface,
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
      check: keptFile,
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
      check: keptFileHolding('a secret of 32 hexadecimal digits', parseSecret),
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
      check: keptFileHolding('a DHCP unique identifier such as 00:03:00:01:02:00:00:00:00:01', parseDuid),
      placeholder: 'FILE',
      doc: 'keeps what DHCPv6 servers know this instance by from run to run',
    },
    ...NAME_ARGUMENTS,
    capture: {
      type: 'custom',
      expected: 'the name of a file that ends in .pcapng',
      parse: (text: string) => (/[^/]\.pcapng$/.test(text) ? text : undefined),
      check: writableFile,
      placeholder: 'FILE.pcapng',
      doc: 'writes every frame to this file, for Wireshark',
    },
    logs: {
      type: 'custom',
      short: 'l',
      expected: (text?: string) => logsExpected(application, text),
      parse: (text: string) => LogLevels.parse(text, application),
      complaint: (text: string) => `expected ${logsComplaint(application, text)}`,
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
      isNumeric: true,
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
      check: certificateFile,
      placeholder: 'FILE.pem',
      doc: 'the certificates that it may have been signed by, with TLS (default those that Node.js trusts)',
    },
    syslogCertificate: {
      type: 'string',
      check: certificateFile,
      placeholder: 'FILE.pem',
      doc: 'our own certificate, with TLS, for a server that asks for one',
    },
    syslogKey: {
      type: 'string',
      check: keyFile,
      placeholder: 'FILE.pem',
      doc: 'the key of --syslog-certificate',
    },
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
      check: certificateFile,
      placeholder: 'FILE.pem',
      doc: "the certificates that the server's may have been signed by, with TLS (default those that Node.js trusts)",
    },
    reports: {
      type: 'string',
      check: writableFolder,
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

/** What says more about `syslog` and `monitor`, and nothing without them. */
export const SYSLOG_ARGUMENTS = [
  'syslogPort',
  'syslogTransport',
  'syslogFacility',
  'syslogCa',
  'syslogCertificate',
  'syslogKey',
] as const
export const MONITOR_ARGUMENTS = ['monitorInterval', 'monitorCa'] as const

/** Those of the process; the others are of a stack, and each stack of an application may have its own. */
export const PROCESS_ARGUMENTS = [
  'logs',
  'logsFormat',
  'name',
  'grace',
  'delay',
  'syslog',
  ...SYSLOG_ARGUMENTS,
  'monitor',
  ...MONITOR_ARGUMENTS,
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
