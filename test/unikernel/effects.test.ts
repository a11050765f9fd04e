/** That each boot argument has a test that shows what it does, on the wire or in the process: which one that is. */
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bootArguments } from '../../src/unikernel/boot-arguments.ts'
import { run, unikernel } from '../../src/unikernel/index.ts'

const ADDRESSES = 'test/unikernel/addresses.test.ts'
const NAMES = 'test/dns/boot-arguments.test.ts'
const RUN = 'src/unikernel/run.test.ts'
const RUN_ARGUMENTS = 'src/unikernel/run-arguments.test.ts'
const SYSLOG = 'src/unikernel/syslog.test.ts'
const MONITOR = 'src/unikernel/monitor.test.ts'
const OVER_TLS = '--syslog=tls://, --syslog-ca, --syslog-certificate and --syslog-key'
const PUSHED = '--monitor: what the process uses and the layers count, over TCP, at once, every --monitor-interval'

/** File and beginning of the test's title. */
const EFFECTS: Record<keyof ReturnType<typeof bootArguments>, readonly [file: string, title: string]> = {
  net: ['test/unikernel/effects.test.ts', '--net: whose sockets these are, and which addresses they have'],
  interface: ['test/lifecycle/lifecycle.test.ts', 'a tap that the runner has made is gone at the end'],
  ipv4: [ADDRESSES, '--ipv4: it answers there'],
  ipv4Gateway: [ADDRESSES, '--ipv4-gateway: what is elsewhere goes there'],
  ipv4Probe: [ADDRESSES, '--ipv4-probe: whoever has the address is asked'],
  dhcp: [ADDRESSES, '--dhcp and --no-dhcp'],
  dhcpLeaseFile: [ADDRESSES, '--dhcp-lease-file: the next run asks for the same address'],
  dhcpLinkLocal: [ADDRESSES, '--dhcp-link-local: an address of its own'],
  dhcpRelease: [ADDRESSES, '--dhcp-release: the server gets the address back'],
  ipv6: [ADDRESSES, '--ipv6: it answers there'],
  ipv6Gateway: [ADDRESSES, '--ipv6-gateway: what is elsewhere goes there'],
  ipv4Only: [ADDRESSES, '--ipv4-only and --ipv6-only: nothing of the other family'],
  ipv6Only: [ADDRESSES, '--ipv4-only and --ipv6-only: nothing of the other family'],
  acceptRouterAdvertisements: [ADDRESSES, '--accept-router-advertisements: routers are asked for'],
  ipv6StableSecretFile: [ADDRESSES, '--ipv6-stable-secret-file: the addresses are the same'],
  dhcpv6: [ADDRESSES, '--dhcpv6: as routers say'],
  dhcpv6DuidFile: [ADDRESSES, '--dhcpv6-duid-file: servers know it'],
  dnsServers: [NAMES, '--dns-servers: who is asked'],
  dnsTimeout: [NAMES, '--dns-timeout: when a question is given up'],
  dnsCacheSize: [NAMES, '--dns-cache-size: what is asked again'],
  heAaaaTimeout: [NAMES, '--he-aaaa-timeout: how long IPv4 waits'],
  heConnectDelay: [NAMES, '--he-connect-delay: when the next address'],
  heConnectTimeout: [NAMES, '--he-connect-timeout: when an address'],
  heResolveTimeout: [NAMES, '--he-resolve-timeout and --he-resolve-retries'],
  heResolveRetries: [NAMES, '--he-resolve-timeout and --he-resolve-retries'],
  heTimerInterval: [NAMES, '--he-timer-interval: what these times'],
  capture: [ADDRESSES, '--capture: every frame, both ways'],
  logs: [RUN_ARGUMENTS, '--logs several times add up; --logs-format'],
  logsFormat: [RUN_ARGUMENTS, '--logs several times add up; --logs-format'],
  name: [ADDRESSES, '--dhcp and --no-dhcp, and --name as its host name'],
  grace: [RUN, 'connections that do not finish are reset after --grace'],
  delay: [RUN_ARGUMENTS, '--delay: nothing starts before'],
  syslog: [SYSLOG, '--syslog and --syslog-port: over UDP'],
  syslogPort: [SYSLOG, '--syslog and --syslog-port: over UDP'],
  syslogTransport: [SYSLOG, '--syslog-transport=tcp: with octet counting'],
  syslogFacility: [SYSLOG, '--syslog-transport=tcp: with octet counting'],
  syslogCa: [SYSLOG, OVER_TLS],
  syslogCertificate: [SYSLOG, OVER_TLS],
  syslogKey: [SYSLOG, OVER_TLS],
  monitor: [MONITOR, PUSHED],
  monitorInterval: [MONITOR, PUSHED],
  monitorCa: [MONITOR, '--monitor=tls:// and --monitor-ca'],
  reports: [RUN_ARGUMENTS, '--reports: a mistake in a program leaves one there'],
  config: ['src/unikernel/argument-sources.test.ts', 'the command line counts before the file'],
  help: [RUN_ARGUMENTS, '--help shows the own arguments'],
}

test('each has one', () => {
  expect(Object.keys(EFFECTS).sort()).toEqual(Object.keys(bootArguments('x')).sort())
  const missing = Object.entries(EFFECTS).filter(([, [file, title]]) => {
    const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
    return !text.includes(`test('${title}`)
  })
  expect(missing).toEqual([])
})

test('--net: whose sockets these are, and which addresses they have', async () => {
  let asked: unknown[] = []
  const application = unikernel({
    name: 'trial',
    async start({ stack }) {
      const { local } = await stack.listen({ port: 0 }, (flow) => flow.close())
      asked = await Promise.all(
        ['127.0.0.1', '127.0.0.2'].map(async (host) => {
          // The operating system's own socket, which reaches none of ours.
          const socket = connect({ host, port: local.port })
          const outcome = await once(socket, 'connect').then(
            () => stack.kind,
            ({ code }) => code,
          )
          socket.destroy()
          return outcome
        }),
      )
      return 0
    },
  })
  const world = {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    environment: {},
    signals: new EventEmitter(),
  }
  for (const [words, expected] of [
    [['--net=socket'], ['socket', 'socket']],
    [
      ['--net=host', '--ipv4=127.0.0.2/8'],
      ['ECONNREFUSED', 'socket'],
    ],
  ]) {
    expect(await run(application, words, world)).toBe(0)
    expect(asked).toEqual(expected)
  }
})
