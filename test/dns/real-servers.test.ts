/** `stack.dns` on a tap, with dnsmasq and Unbound, and with servers that mean no good. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace, type RunningProcess } from '../support/namespace.ts'

const NAMES = 10_000

describeWithNamespaces('real name servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-dns-'))
  let namespace: Namespace

  beforeEach((context) => requires(context, 'dnsmasq', 'unbound', 'openssl', 'radvd', 'nc'))

  afterAll(async () => {
    await namespace?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  beforeEach(async () => {
    if (namespace !== undefined) return
    namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    await namespace.run('ip', ['-6', 'address', 'add', '2001:db8::1/64', 'dev', 'tap0', 'nodad'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
  })

  /** A stack on the tap; `ask` has it do something and gives what came of it. */
  async function host(options: object): Promise<RunningProcess & { ask(line: string): Promise<Answer> }> {
    const given = { ipv4: '10.0.0.2/24', ipv6: '2001:db8::2/64', ipv6Settings: { detectionTransmits: 0 }, ...options }
    const process = namespace.spawnNode('test/dns/programs/ask.ts', [JSON.stringify(given)])
    await process.waitFor('ready')
    let lines = 1
    return Object.assign(process, {
      // Not killed: dnsmasq has a process for each connection, which waits for its end.
      async [Symbol.asyncDispose](): Promise<void> {
        process.endInput()
        await process.finish(10_000)
      },
      async ask(line: string): Promise<Answer> {
        process.write(`${line}\n`)
        lines++
        await process.waitFor(new RegExp(`^(?:.*\\n){${lines}}`))
        return JSON.parse(process.stdout.split('\n')[lines - 1])
      },
    })
  }

  interface Answer {
    // biome-ignore lint/suspicious/noExplicitAny: whatever was asked for
    value?: any
    code?: string
    took: number
  }

  async function dnsmasq(...more: string[]): Promise<RunningProcess> {
    const big = Array.from({ length: 80 }, (_, index) => `--host-record=big.test,10.1.0.${index}`)
    const base = [
      '--keep-in-foreground',
      '--no-resolv',
      '--no-hosts',
      '--bind-interfaces',
      '--log-facility=-',
      '--log-queries=extra',
      '--user=',
      // An ordinary user, root in a namespace of users, may not change groups.
      '--group=',
      '--pid-file=',
      '--conf-file=/dev/null',
    ]
    const zone = [
      '--listen-address=10.0.0.1,2001:db8::1',
      '--local=/test/',
      '--local-ttl=300',
      '--host-record=web.test,10.0.0.1,2001:db8::1',
      '--host-record=dead6.test,10.0.0.1,2001:db8::dead',
      '--cname=alias.test,web.test',
      '--mx-host=mail.test,mx.test,10',
      '--txt-record=text.test,one,two',
      '--srv-host=_sip._tcp.test,sip.test,5060,1,2',
      '--naptr-record=naptr.test,1,2,s,SIP+D2U,,_sip._udp.test',
      '--caa-record=caa.test,0,issue,ca.test',
      '--dns-rr=tlsa.test,52,030101:61:62:63',
      '--ptr-record=7.0.0.10.in-addr.arpa,seven.test',
      '--address=/wild.test/10.9.9.9',
      ...big,
    ]
    const server = namespace.spawn('dnsmasq', [...base, ...zone, ...more])
    await expect.poll(() => server.stderr, { timeout: 25_000 }).toContain('started')
    return server
  }

  test('dnsmasq: records of all kinds, truncation, what is not there, the cache', async () => {
    await using server = await dnsmasq()
    await using stack = await host({ dns: { servers: ['10.0.0.1'], hostsFile: null } })
    const value = async (line: string) => {
      const { value, code } = await stack.ask(line)
      return value ?? code
    }
    expect(await value(`dns.promises.resolve4('web.test', { ttl: true })`)).toEqual([{ address: '10.0.0.1', ttl: 300 }])
    expect(await value(`dns.promises.resolve6('web.test')`)).toEqual(['2001:db8::1'])
    expect(await value(`dns.promises.resolve4('alias.test')`)).toEqual(['10.0.0.1'])
    expect(await value(`dns.promises.resolveCname('alias.test')`)).toEqual(['web.test'])
    expect(await value(`dns.promises.resolveMx('mail.test')`)).toEqual([{ exchange: 'mx.test', priority: 10 }])
    expect(await value(`dns.promises.resolveTxt('text.test')`)).toEqual([['one', 'two']])
    expect(await value(`dns.promises.resolveSrv('_sip._tcp.test')`)).toEqual([
      { name: 'sip.test', port: 5060, priority: 1, weight: 2 },
    ])
    expect(await value(`dns.promises.resolveNaptr('naptr.test')`)).toMatchObject([
      { flags: 's', service: 'SIP+D2U', replacement: '_sip._udp.test' },
    ])
    expect(await value(`dns.promises.resolveCaa('caa.test')`)).toEqual([{ critical: 0, issue: 'ca.test' }])
    expect(
      await value(
        `dns.promises.resolveTlsa('tlsa.test').then(([t]) => [t.certUsage, t.selector, t.match, Buffer.from(t.data).toString()])`,
      ),
    ).toEqual([3, 1, 1, 'abc'])
    expect(await value(`dns.promises.reverse('10.0.0.7')`)).toEqual(['seven.test'])
    expect(await value(`dns.promises.lookup('web.test', { all: true })`)).toEqual([
      { address: '2001:db8::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
    ])
    expect(await value(`dns.promises.resolve4('big.test')`)).toHaveLength(80)
    expect(await value(`dns.client.counters.truncated`)).toBe(1)
    expect(await value(`dns.promises.resolve4('no.test')`)).toBe('ENOTFOUND')
    expect(await value(`dns.promises.resolveMx('web.test')`)).toBe('ENODATA')
    expect(await value(`dns.promises.resolve4('outside.example')`)).toBe('EREFUSED')
    const asked = server.stderr.match(/query\[A\] web\.test/g)
    expect(await value(`dns.promises.resolve4('WEB.test')`)).toEqual(['10.0.0.1'])
    expect(server.stderr.match(/query\[A\] web\.test/gi)).toEqual(asked)
    // Over IPv6, too.
    expect(await value(`(dns.setServers(['2001:db8::1']), dns.promises.resolve4('web.test'))`)).toEqual(['10.0.0.1'])
  })

  test(`servers that are silent, and that forge; ${NAMES.toLocaleString('en')} names at once`, async () => {
    await using server = await dnsmasq('--cache-size=0')
    void server
    await using bad = namespace.spawnNode('test/dns/programs/bad-server.ts', ['10.0.0.1'])
    await bad.waitFor('ready')
    await using stack = await host({ dns: { servers: ['10.0.0.1:5301', '10.0.0.1'], timeout: 20_000 } })
    const all = (who: string, zone: string) =>
      `Promise.all(Array.from({ length: ${NAMES} }, (_, i) => ${who}.resolve4('n' + i + '.${zone}').catch(({ code }) => code))).then((all) => [...new Set(all.flat())])`

    // The first server is silent: past it to the other one.
    const first = await stack.ask(all('dns.promises', 'wild.test'))
    expect(first.value).toEqual(['10.9.9.9'])
    expect(first.took).toBeLessThan(15_000)
    expect((await stack.ask('dns.client.counters')).value).toMatchObject({ questions: NAMES, answers: NAMES })

    // All of them are silent: each question ends in time.
    await stack.ask(
      `void (globalThis.resolver = new dns.promises.Resolver({ timeout: 400, tries: 2 })).setServers(['10.0.0.1:5301'])`,
    )
    const silent = await stack.ask(all('resolver', 'test'))
    expect(silent.value).toEqual(['ETIMEOUT'])
    expect(silent.took).toBeGreaterThan(1_100)
    expect(silent.took).toBeLessThan(6_000)

    // Forgeries are dropped and counted, those from another port by UDP.
    const before = (await stack.ask(`[dns.client.counters, stack.udpLayer.counters]`)).value
    expect((await stack.ask(`(dns.setServers(['10.0.0.1:5300']), dns.promises.resolve4('a.test'))`)).value).toEqual([
      '10.0.0.80',
    ])
    expect((await stack.ask(`(dns.setServers(['10.0.0.1:5302']), dns.promises.resolve4('b.test'))`)).value).toEqual([
      '10.0.0.80',
    ])
    const after = (await stack.ask(`[dns.client.counters, stack.udpLayer.counters]`)).value
    const more = (counter: string) => after[0][counter] - before[0][counter]
    expect(['wrongIdentifier', 'wrongQuestion', 'notResponse', 'malformed', 'answers'].map(more)).toEqual([
      1, 3, 1, 2, 2,
    ])
    expect(after[1].noPort - before[1].noPort).toBe(1)
  })

  test('lookup and lookupService give what those of node:dns give, which are the C library’s', async () => {
    await using server = await dnsmasq(
      '--host-record=v4.test,10.0.0.4',
      '--host-record=v6.test,2001:db8::6',
      '--host-record=deep.one.test,10.0.0.5',
    )
    void server
    const etc = {
      'resolv.conf': 'nameserver 10.0.0.1\nsearch test one.test\noptions ndots:2\n',
      hosts:
        '127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.0.0.9 filed filed.test\n2001:db8::9 filed\n10.0.0.8 v4file\n',
      'nsswitch.conf': 'hosts: files dns\n',
    }
    for (const [name, text] of Object.entries(etc)) writeFileSync(join(folder, name), text)
    const all = { all: true }
    const names = [
      'web',
      'web.test',
      'web.test.',
      'WEB',
      'deep',
      'v4',
      'v6',
      'alias',
      'text',
      'none',
      'none.test',
      'outside',
      'a.b.c.test',
    ]
    const odd = [
      'localhost',
      'ip6-localhost',
      'filed',
      'filed.test',
      'v4file',
      'a..b',
      'under_score',
      '-dash.test',
      'has space',
      'bücher.test',
      '127.1',
      '08.1',
      '1.2.3.4.5',
      'web.test..',
      'fe80::1%lo',
      '::ffff:1.2.3.4',
    ]
    const looked = [
      ...[...names, ...odd].map((name) => [name, all]),
      ...['v4', 'v6', 'web', 'localhost', 'v4file', '1.2.3'].flatMap((name) =>
        [4, 6].map((family) => [name, { family }]),
      ),
      ...['v4', 'web', '1.2.3'].flatMap((name) => [8, 24].map((hints) => [name, { family: 6, hints, all: true }])),
      ...['ipv4first', 'ipv6first'].map((order) => ['web', { order, all: true }]),
    ]
    const addresses = [
      '127.0.0.1',
      '::1',
      '10.0.0.4',
      '10.0.0.8',
      '10.0.0.9',
      '10.0.0.77',
      '2001:db8::6',
      '2001:db8::9',
    ]
    const mapped = [
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.4',
      '::ffff:10.0.0.8',
      'fe80::1%lo',
      'ff02::1',
      '0.0.0.0',
      '::',
      '::10.0.0.4',
      '::10.0.0.8',
    ]
    const asked = [
      ...looked.map((words) => ['lookup', ...words]),
      ...[...addresses, ...mapped].map((address) => ['lookupService', address, 22]),
    ]
    const mounts = Object.keys(etc).map((name) => `mount --bind ${join(folder, name)} /etc/${name}`)
    const node = `${process.execPath} --import ${import.meta.resolve('tsx')} test/dns/programs/lookup-both.ts`
    const script = `${mounts.join(' && ')} && exec ${node} "$1"`
    const { stdout } = await namespace.run('unshare', ['--mount', 'sh', '-c', script, 'sh', JSON.stringify(asked)])
    const { results, servers } = JSON.parse(stdout)
    expect(servers).toEqual(['10.0.0.1'])
    expect(results).toHaveLength(asked.length)
    const theirs = results.map(({ words, node }: Record<string, unknown>) => ({ words, outcome: node }))
    const ours = results.map(({ words, ours }: Record<string, unknown>) => ({ words, outcome: ours }))
    expect(ours).toEqual(theirs)
  })

  test('Unbound: over UDP, TCP and TLS; a certificate for somebody else is refused', async () => {
    await using unboundServer = await unbound()
    void unboundServer
    const ca = readFileSync(join(folder, 'dns.pem'), 'utf8')
    await using stack = await host({ dns: { servers: ['10.0.0.1:5353'], certificateAuthorities: ca, timeout: 3_000 } })
    const ask = async (server: string, name: string) => {
      const { value, code } = await stack.ask(`(dns.setServers(['${server}']), dns.promises.resolve4('${name}'))`)
      return value ?? code
    }
    expect(await ask('10.0.0.1:5353', 'web.unbound')).toEqual(['10.0.0.80'])
    expect(await ask('10.0.0.1:5353', 'no.unbound')).toBe('ENOTFOUND')
    expect(await ask('10.0.0.1:5353', 'big.unbound')).toHaveLength(100)
    expect(await ask('tcp:10.0.0.1:5353', 'web.unbound')).toEqual(['10.0.0.80'])
    expect(await ask('tls:10.0.0.1:8853!dns.unbound', 'web.unbound')).toEqual(['10.0.0.80'])
    expect(await ask('tls:10.0.0.1:8853', 'big.unbound')).toHaveLength(100)
    expect(await ask('tls:[2001:db8::1]:8853!dns.unbound', 'web.unbound')).toEqual(['10.0.0.80'])
    expect(await ask('tls:10.0.0.1:8853!other.unbound', 'web.unbound')).toBe('ECONNREFUSED')
    const { value } = await stack.ask('dns.client.counters')
    expect(value).toMatchObject({ malformed: 0, wrongIdentifier: 0, wrongQuestion: 0, timeouts: 0 })
    // Many questions, one connection, answers in any order.
    const line = `(dns.setServers(['tls:10.0.0.1:8853!dns.unbound']), Promise.all(Array.from({ length: 500 }, (_, i) => dns.promises.resolve4('n' + i + '.wild.unbound'))).then((all) => new Set(all.flat()).size))`
    expect((await stack.ask(line)).value).toBe(1)
    const after = (await stack.ask('dns.client.counters')).value
    expect(after.streamQueries - value.streamQueries).toBe(500)
    expect(after.connections - value.connections).toBeLessThanOrEqual(1)
  })

  async function unbound(): Promise<RunningProcess> {
    const subject = ['-subj', '/CN=dns.unbound', '-addext', 'subjectAltName=DNS:dns.unbound,IP:10.0.0.1']
    const key = ['-keyout', join(folder, 'dns.key'), '-out', join(folder, 'dns.pem')]
    await namespace.run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...key,
      ...subject,
    ])
    const big = Array.from({ length: 100 }, (_, index) => `  local-data: "big.unbound. A 10.1.0.${index}"`)
    const configuration = `server:
  interface: 10.0.0.1@5353
  interface: 10.0.0.1@8853
  interface: 2001:db8::1@8853
  tls-port: 8853
  tls-service-key: "${join(folder, 'dns.key')}"
  tls-service-pem: "${join(folder, 'dns.pem')}"
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  do-daemonize: no
  use-syslog: no
  log-time-ascii: no
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  module-config: "iterator"
  num-threads: 1
  do-ip6: yes
  verbosity: 1
  local-zone: "unbound." static
  local-data: "web.unbound. 300 A 10.0.0.80"
  local-zone: "wild.unbound." redirect
  local-data: "wild.unbound. 300 A 10.9.9.9"
${big.join('\n')}
remote-control:
  control-enable: no
`
    writeFileSync(join(folder, 'unbound.conf'), configuration)
    const server = namespace.spawn('unbound', ['-d', '-c', join(folder, 'unbound.conf')])
    await expect.poll(() => server.stderr + server.stdout, { timeout: 25_000 }).toContain('start of service')
    return server
  }

  test('DHCP and router advertisements tell of servers and domains, and connecting by name takes what answers', async () => {
    // Advertised on links that are up only.
    const starting = host({ ipv4: undefined, dhcp: { conflictDetection: 'short' }, dns: { hostsFile: null } })
    const link = async () => (await namespace.run('ip', ['link', 'show', 'tap0'])).stdout
    await expect.poll(link, { timeout: 25_000 }).toContain('LOWER_UP')
    await using server = await dnsmasq(
      '--dhcp-range=10.0.0.50,10.0.0.59,120',
      '--dhcp-option=option:dns-server,10.0.0.1',
      '--domain=test',
      '--no-ping',
      `--dhcp-leasefile=${join(folder, 'leases')}`,
    )
    void server
    const prefix = 'prefix 2001:db8::/64 { AdvAutonomous off; };'
    const advertised = `MinRtrAdvInterval 3; MaxRtrAdvInterval 4; ${prefix} RDNSS 2001:db8::1 {}; DNSSL test {};`
    writeFileSync(join(folder, 'radvd.conf'), `interface tap0 { AdvSendAdvert on; ${advertised} };\n`)
    const files = ['-C', join(folder, 'radvd.conf'), '-p', join(folder, 'radvd.pid')]
    await using radvd = namespace.spawn('radvd', ['-n', '-d', '1', '-m', 'stderr', ...files])
    void radvd
    await using web = namespace.spawn('nc', ['-lk', '10.0.0.1', '80'])
    void web
    await using stack = await starting
    await expect
      .poll(async () => (await stack.ask('dns.getServers()')).value, { timeout: 8_000 })
      .toEqual(['10.0.0.1', '2001:db8::1'])
    expect((await stack.ask(`dns.promises.lookup('web', 4)`)).value).toEqual({ address: '10.0.0.1', family: 4 })
    const connected = await stack.ask(`stack.connect('dead6', 80).then((flow) => flow.remote.address)`)
    expect(connected.value).toBe('10.0.0.1')
    expect(connected.took).toBeGreaterThan(200)
    expect(connected.took).toBeLessThan(2_000)
  })
})
