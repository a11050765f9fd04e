/** `tapstack ping` and `tapstack traceroute` through a router of the kernel, over both families. */
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { missing } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

describeWithNamespaces('tapstack', () => {
  let router: Namespace
  let host: Namespace

  beforeAll(async () => {
    if (missing('ip', 'unshare', 'nsenter', 'namespaces', 'tap') !== null) return
    router = await Namespace.create()
    host = await Namespace.create()
    const set = [
      'ip tuntap add dev tap0 mode tap',
      'ip address add 10.0.0.1/24 dev tap0',
      'ip address add fd00::1/64 dev tap0 nodad',
      'ip link set tap0 up',
      `ip link add near type veth peer name far netns ${host.pid}`,
      'ip address add 10.1.0.1/24 dev near',
      'ip address add fd01::1/64 dev near nodad',
      'ip link set near up',
      'ip route add unreachable 10.3.0.0/24',
      'echo 1 >/proc/sys/net/ipv4/ip_forward',
      'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
      // No more than it sends without waiting: errors in a row are what traceroute is about.
      'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit',
      'echo 0 >/proc/sys/net/ipv6/icmp/ratelimit',
    ]
    await router.run('sh', ['-ec', set.join('\n')])
    const setHost = [
      'ip address add 10.1.0.2/24 dev far',
      'ip address add fd01::2/64 dev far nodad',
      'ip link set far up',
      'ip route add default via 10.1.0.1',
      'ip -6 route add default via fd01::1',
      'echo 0 >/proc/sys/net/ipv4/icmp_ratelimit',
      'echo 0 >/proc/sys/net/ipv6/icmp/ratelimit',
    ]
    await host.run('sh', ['-ec', setHost.join('\n')])
  })
  afterAll(async () => {
    await router?.[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
  })

  const boot = {
    4: ['--ipv4-only', '--ipv4', '10.0.0.2/24', '--ipv4-gateway', '10.0.0.1'],
    6: ['--ipv6-only', '--ipv6', 'fd00::2/64', '--ipv6-gateway', 'fd00::1'],
  }
  const tapstack = (command: string, target: string, ...words: string[]) => {
    const options = [...words, ...boot[target.includes(':') ? 6 : 4]]
    return router.run(process.execPath, ['bin/tapstack.mjs', command, target, ...options], { allowFailure: true })
  }

  test('ping shows replies and what they took, and tells programs', async () => {
    const { stdout, status } = await tapstack('ping', '10.1.0.2', '-c', '3', '-i', '50ms', '-s', '3000')
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe('PING 10.1.0.2: 3000 bytes of data')
    expect(lines[3]).toMatch(/^3000 bytes from 10\.1\.0\.2: seq=3 ttl=63 time=\d+\.\d{3} ms$/)
    expect(lines[5]).toMatch(/^3 sent, 3 received, 0% lost, \d+ ms$/)
    expect(lines[6]).toMatch(/^round trip min\/avg\/max\/mdev: (\d+\.\d{3}\/){3}\d+\.\d{3} ms$/)
    expect(status).toBe(0)

    const json = await tapstack('ping', 'fd01::2', '--json', '-c', '2', '-i', '10ms')
    expect(JSON.parse(json.stdout)).toMatchObject({
      address: 'fd01::2',
      sent: 2,
      received: 2,
      lostPercent: 0,
      replies: [{ sequence: 1, hopLimit: 63 }, { sequence: 2 }],
    })

    // The tool's own address is made while it starts, and nothing leads there before.
    const zoned = ['bin/tapstack.mjs', 'ping', 'fe80::99%tap0', '--ipv6-only', '-c', '1', '--json']
    await router.run('ip', ['address', 'add', 'fe80::99/64', 'dev', 'tap0', 'nodad'])
    const linkLocal = await router.run(process.execPath, zoned, { allowFailure: true })
    expect(JSON.parse(linkLocal.stdout)).toMatchObject({ sent: 1, received: 1 })

    const lost = await tapstack('ping', '10.1.0.2', '--ttl', '1', '-c', '1', '--json')
    expect(JSON.parse(lost.stdout)).toMatchObject({
      sent: 1,
      received: 0,
      average: null,
      replies: [{ error: 'EHOSTUNREACH' }],
    })
    expect(lost.status).toBe(1)
  })

  test.each([
    ['10.1.0.2', '10.0.0.1', 'udp'],
    ['10.1.0.2', '10.0.0.1', 'icmp'],
    ['fd01::2', 'fd00::1', 'udp'],
  ])('traceroute to %s shows the router %s, by %s', async (target, gateway, protocol) => {
    const { stdout, status } = await tapstack('traceroute', target, '--json', '--protocol', protocol)
    expect(JSON.parse(stdout)).toMatchObject({
      address: target,
      protocol,
      reached: true,
      hops: [
        { hop: 1, probes: Array(3).fill({ address: gateway, kind: 'passed' }) },
        { hop: 2, probes: Array(3).fill({ address: target, kind: 'reached' }) },
      ],
    })
    expect(status).toBe(0)
  })

  test('traceroute tells people where it goes no further', async () => {
    const { stdout, status } = await tapstack('traceroute', '10.3.0.9', '-q', '2', '-P', 'icmp')
    expect(stdout).toMatch(
      /^traceroute to 10\.3\.0\.9, 30 hops at most, icmp\n 1 {2}10\.0\.0\.1 {2}[\d.]+ ms !H {2}[\d.]+ ms !H\n$/,
    )
    expect(status).toBe(1)
  })
})
