/** DHCPv4 with real servers: leases of seconds in real time, each test on a link of its own. */
import { readFileSync } from 'node:fs'
import { beforeEach, expect, it } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { Dhcpv4Link } from './dhcpv4-link.ts'

/** Mostly waiting; a machine that is busy with other things starts programs slowly. */
const BUSY = { timeout: 90_000 }

describeWithNamespaces('DHCPv4', () => {
  beforeEach((context) => requires(context, 'dhcpd', 'kea-dhcp4', 'dnsmasq', 'busybox', 'ping'))

  it.concurrent(
    'is bound and renewed by ISC dhcpd, rebound at dnsmasq when that is gone, and released there',
    BUSY,
    async () => {
      await using link = await Dhcpv4Link.create()
      const { namespace } = link
      // 25 domains make an option of 650 bytes, in three pieces.
      const domains = Array.from({ length: 25 }, (_, index) => `branch-${index + 10}.of.example.net`)
      const search = domains.map((domain) => `"${domain}"`).join(', ')
      const options = `option domain-name-servers 10.0.0.53, 10.0.0.54; option domain-search ${search};`
      const dhcpd = await link.dhcpd('10.0.0.50 10.0.0.59', [2, 5, 30], options)
      const host = await link.host({ release: true, hostName: 'trial' })
      await host.waitFor('bound 10.0.0.50/24 by 10.0.0.1')
      await host.waitFor(`dns 10.0.0.53 10.0.0.54 search ${domains.join(' ')}`)
      await namespace.run('ping', ['-q', '-c', '1', '10.0.0.50'])
      await host.waitFor('renewed 10.0.0.50/24')
      expect(dhcpd.stdout).toMatch(/DHCPREQUEST for 10\.0\.0\.50 from \S+ \(trial\)/)
      await dhcpd.kill('SIGTERM')
      // The other one has another address: renewing by unicast finds nobody.
      await namespace.run('ip', ['address', 'delete', '10.0.0.1/24', 'dev', 'tap0'])
      await namespace.run('ip', ['address', 'add', '10.0.0.9/24', 'dev', 'tap0'])
      const dnsmasq = await link.dnsmasq('10.0.0.50,10.0.0.59,255.255.255.0,120')
      await host.waitFor('rebound 10.0.0.50/24 by 10.0.0.9', 40_000)
      await namespace.run('ping', ['-q', '-c', '1', '10.0.0.50'])
      // It was there all the time.
      expect(host.stdout).not.toMatch(/removed|expired/)
      host.endInput()
      await host.waitFor('closed')
      await dnsmasq.waitFor('DHCPRELEASE')
    },
  )

  it.concurrent(
    'is bound by Kea, loses the address when that is gone, and has it again when it returns',
    BUSY,
    async () => {
      await using link = await Dhcpv4Link.create()
      // Kea opens no tap device that nobody else has open.
      const host = await link.host({})
      const kea = await link.kea('10.0.0.50 - 10.0.0.50', [2, 3, 5])
      await host.waitFor('bound 10.0.0.50/24 by 10.0.0.1')
      await host.waitFor('route 0.0.0.0/0 10.0.0.1')
      await host.waitFor('mtu 1400 stack 1400')
      await host.waitFor('renewed 10.0.0.50/24')
      await kea.kill('SIGTERM')
      await host.waitFor('expired 10.0.0.50/24 expired')
      await host.waitFor('address removed 10.0.0.50/24')
      const ping = ['-q', '-c', '1', '-W', '1', '10.0.0.50']
      expect((await link.namespace.run('ping', ping, { allowFailure: true })).status).not.toBe(0)
      await link.kea('10.0.0.50 - 10.0.0.50', [2, 3, 5])
      await host.waitFor(/expired[\s\S]*bound 10\.0\.0\.50\/24/, 40_000)
      await link.namespace.run('ping', ['-q', '-c', '1', '10.0.0.50'])
    },
  )

  it.concurrent('shows what servers would give, without taking it: tapstack dhcp', BUSY, async () => {
    await using link = await Dhcpv4Link.create()
    const dhcpd = await link.dhcpd('10.0.0.50 10.0.0.59', [1800, 3150, 3600], 'option domain-name "test.example";')
    const ask = (...words: string[]) =>
      link.namespace.runNode('test/dhcp/programs/tapstack.ts', ['dhcp', ...words], {
        allowFailure: true,
        timeout: 60_000,
      })
    await link.namespace.run('sh', ['-c', 'ip link add v0 type veth peer v1 && ip link set v0 up && ip link set v1 up'])
    const [shown, told] = await Promise.all([
      ask('--interface', 'tap0'),
      ask('--interface', 'packet:v0', '--timeout', '0.5'),
    ])
    expect(shown).toMatchObject({ status: 0, stderr: '' })
    expect(shown.stdout).toMatch(/^10\.0\.0\.1 offers 10\.0\.0\.5\d\/24 for 1 h\n {2}renew after {5}30 min\n/)
    expect(shown.stdout).toContain('  domain          test.example\n')
    expect(told.status).toBe(1)
    expect(told.stderr).toMatch(/^tapstack: no DHCP server has answered on packet:v0 within 0\.5 s\n$/)
    const json = await ask('--json')
    expect(JSON.parse(json.stdout)).toMatchObject([{ server: '10.0.0.1', leaseTime: 3600, domainName: 'test.example' }])
    expect(dhcpd.stdout).not.toContain('DHCPREQUEST')
  })

  it.concurrent(
    'is refused a remembered address of another network by udhcpd, and given one of this',
    BUSY,
    async () => {
      await using link = await Dhcpv4Link.create()
      await link.udhcpd('10.0.0.50', '10.0.0.59', [2, 8, 10])
      const leaseFile = link.file('lease', '{"address":"192.168.7.7/24","server":"192.168.7.1","expires":null}')
      const host = await link.host({ leaseFile, clientId: 'mac' })
      await host.waitFor(/bound 10\.0\.0\.5\d\/24 by 10\.0\.0\.1/)
      await host.waitFor('search test.example')
      expect(host.stderr).toContain('a DHCP server refuses the address')
      await host.waitFor('renewed')
      expect(readFileSync(leaseFile, 'utf8')).toMatch(/"10\.0\.0\.5\d\/24"/)
      await link.namespace.run('ping', ['-q', '-c', '1', /bound (\S+)\//.exec(host.stdout)![1]])
    },
  )

  it.concurrent(
    'declines what dnsmasq gives where another host has it, and takes another; asks for that again',
    BUSY,
    async () => {
      await using link = await Dhcpv4Link.create()
      await link.namespace.run('ip', ['address', 'add', '10.0.0.50/24', 'dev', 'tap0'])
      const leaseFile = link.file('lease', '')
      // The address is the server's own here, which would keep an answer to it for itself.
      const host = await link.host({ leaseFile, broadcast: true })
      const mac = /mac (\S+)/.exec(host.stdout)![1]
      const dnsmasq = await link.dnsmasq('10.0.0.60,10.0.0.60,255.255.255.0,120', `--dhcp-host=${mac},10.0.0.50`)
      await host.waitFor('declined 10.0.0.50', 30_000)
      await dnsmasq.waitFor('DHCPDECLINE(tap0) 10.0.0.50')
      // RFC 2131, 3.1, 5: not before ten seconds have passed.
      await host.waitFor('bound 10.0.0.60/24', 40_000)
      expect(host.stdout).not.toContain('added 10.0.0.50')
      host.endInput()
      await host.waitFor('closed')
      const discovers = dnsmasq.stdout.match(/DHCPDISCOVER/g)?.length
      const again = await link.host({ leaseFile })
      await again.waitFor('bound 10.0.0.60/24')
      expect(dnsmasq.stdout.match(/DHCPDISCOVER/g)?.length).toBe(discovers)
    },
  )

  it.concurrent(
    'gives a unikernel its address, which goes back at the end; without a server a signal ends the wait',
    BUSY,
    async () => {
      await using link = await Dhcpv4Link.create()
      const { namespace } = link
      const run = (...words: string[]) =>
        namespace.spawnNode('test/dhcp/programs/tapstack.ts', ['run', 'examples/echo.ts', '--ipv4-only', ...words])
      const waiting = run('--interface', 'tap9', '-l', 'dhcp:warn')
      const dnsmasq = await link.dnsmasq('10.0.0.50,10.0.0.50,255.255.255.0,120')
      const echo = run('--dhcp-release', '--name', 'echo-1')
      await echo.waitFor('echo-1 answers on 10.0.0.50', 40_000)
      await namespace.run('ping', ['-q', '-c', '1', '10.0.0.50'])
      expect(dnsmasq.stdout).toContain('echo-1')
      expect((await echo.kill('SIGTERM')).status).toBe(0)
      await dnsmasq.waitFor('DHCPRELEASE')
      while (!waiting.stderr.includes('no DHCP server answers')) await new Promise((resolve) => setTimeout(resolve, 50))
      const stopped = Date.now()
      expect((await waiting.kill('SIGINT')).status).toBe(0)
      expect(Date.now() - stopped).toBeLessThan(5000)
      expect(waiting.stdout).toBe('')
    },
  )
})
