/** What syslog-ng, which is not ours, understands of what is sent, over each transport and from both stacks. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { makeCertificate } from '../support/certificate.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

const CONFIGURATION = (folder: string) => `@version: 3.38
source s_udp { syslog(ip(0.0.0.0) port(514) transport("udp")); };
source s_tcp { syslog(ip(0.0.0.0) port(514) transport("tcp")); };
source s_tls {
  syslog(ip(0.0.0.0) port(6514) transport("tls")
    tls(key-file("${folder}/server.key") cert-file("${folder}/server.pem") peer-verify(optional-untrusted)));
};
template t_line { template("\${FACILITY} \${LEVEL} \${HOST} \${PROGRAM} \${MSGID} \${SOURCE} \${MSG}\\n"); };
destination d_file { file("${folder}/received" template(t_line)); };
options { keep-hostname(yes); flush-lines(1); };
log { source(s_udp); source(s_tcp); source(s_tls); destination(d_file); };
`

describeWithNamespaces('a real syslog server', () => {
  beforeEach((context) => requires(context, 'syslog-ng', 'openssl'))

  test('takes UDP, TCP and TLS of both stacks for what they are', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-syslog-ng-'))
    try {
      await using namespace = await Namespace.create()
      const link = 'ip tuntap add tap0 mode tap && ip link set tap0 up && ip address add 10.0.0.1/24 dev tap0'
      await namespace.run('sh', ['-c', link])
      makeCertificate(join(folder, 'server.pem'), join(folder, 'server.key'), 'logs', 'DNS:logs.example,IP:10.0.0.1')
      writeFileSync(join(folder, 'configuration'), CONFIGURATION(folder))
      const state = ['--persist-file', join(folder, 'persist'), '--control', join(folder, 'control')]
      const files = ['--cfgfile', join(folder, 'configuration'), '--pidfile', join(folder, 'pid'), ...state]
      const words = ['--foreground', '--no-caps', '--stderr', '--verbose', ...files]
      const server = namespace.spawn('sh', ['-c', 'exec syslog-ng "$@" 2>&1', 'syslog-ng', ...words])
      await server.waitFor('syslog-ng starting up')

      const common = ['--name=web-1', '--syslog-facility=local5', '--logs=*:warning,sender:info', '--ipv4-only']
      const trusted = [`--syslog-ca=${join(folder, 'server.pem')}`]
      const ways: [string, string[]][] = [
        ['udp://10.0.0.1', []],
        ['tcp://10.0.0.1', []],
        ['tls://10.0.0.1', trusted],
        ['tls://10.0.0.1!logs.example', trusted],
      ]
      const stacks = [['--net=direct', '--ipv4=10.0.0.2/24'], ['--net=socket']]
      const lines = stacks.flatMap((stack) =>
        ways.map(([server, more]) => [
          ...common,
          ...stack,
          `--way=${server.slice(0, 3)}`,
          `--syslog=${server}`,
          ...more,
        ]),
      )
      const sender = await namespace.runNode('test/syslog/programs/sender.ts', [], { input: JSON.stringify(lines) })
      expect(sender.stdout).toBe('all are sent\n')
      const received = () => readFileSync(join(folder, 'received'), 'utf8').split('\n').slice(0, -1)
      await expect.poll(() => received().length, { timeout: 20_000 }).toBe(16)
      const said = (source: string, way: string) => [
        `local5 warning web-1 sender sender ${source} it is said way=${way}`,
        `local5 info web-1 sender sender ${source} long: ${'x'.repeat(1_000)}`,
      ]
      const each = [...said('s_udp', 'udp'), ...said('s_tcp', 'tcp'), ...said('s_tls', 'tls'), ...said('s_tls', 'tls')]
      expect(received().sort()).toEqual([...each, ...each].sort())
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
