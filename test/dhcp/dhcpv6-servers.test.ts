/** DHCPv6 with real servers, and radvd that says whom to ask: leases of seconds in real time, each test on a link of its own. */
import { beforeEach, expect, it } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { Dhcpv6Link } from './dhcpv6-link.ts'

/** Milliseconds that a step may take where the machine is busy. */
const PATIENCE = 25_000

describeWithNamespaces('DHCPv6', () => {
  beforeEach((context) => requires(context, 'kea-dhcp6', 'dnsmasq', 'radvd', 'ping', 'sysctl'))

  it.concurrent('is bound and renewed by Kea, rebound at dnsmasq when Kea is gone, confirmed and released there', {
    timeout: 90_000,
  }, async () => {
    await using link = await Dhcpv6Link.create({ release: true })
    const { host, namespace } = link
    const kea = await link.kea({ pool: '2001:db8::100 - 2001:db8::100', times: [1, 3, 28, 30] })
    link.advertise('AdvManagedFlag on;')
    await host.waitFor('bound 2001:db8::100/128', PATIENCE)
    await host.waitFor('dns 2001:db8::53', PATIENCE)
    await host.waitFor('address added 2001:db8::100/128', PATIENCE)
    await namespace.run('ping', ['-6', '-q', '-c', '1', '2001:db8::100'])
    await host.waitFor('renewed 2001:db8::100/128', PATIENCE)
    await kea.kill('SIGTERM')
    const dnsmasq = link.dnsmasq('2001:db8::100,2001:db8::1ff,64,120')
    // T2 is after 3 s; a server that is slow to start gets a second message 10 s later.
    await host.waitFor('rebound 2001:db8::100/128', PATIENCE)
    await dnsmasq.waitFor('DHCPREBIND', PATIENCE)
    await namespace.run('ping', ['-6', '-q', '-c', '1', '2001:db8::100'])
    // Another link, for all that it knows.
    host.write('link\n')
    await dnsmasq.waitFor('DHCPCONFIRM', PATIENCE)
    // It was there all the time.
    expect(host.stdout).not.toMatch(/removed|expired/)
    host.endInput()
    await host.waitFor('closed', PATIENCE)
    await dnsmasq.waitFor('DHCPRELEASE', PATIENCE)
    expect(host.stderr).toContain('DHCPv6 leases are rebound')
  })

  it.concurrent('declines an address that another host has, and loses another when Kea is gone', {
    timeout: 90_000,
  }, async () => {
    await using link = await Dhcpv6Link.create({ rapidCommit: true, delegatedPrefixLength: 56 })
    const { host, namespace } = link
    const times: [number, number, number, number] = [2, 3, 4, 5]
    const pool = '2001:db8::100 - 2001:db8::101'
    const kea = await link.kea({ pool, times, rapidCommit: true, delegates: true })
    // The kernel takes it, and answers whoever asks whether it is free.
    await namespace.run('ip', ['address', 'add', '2001:db8::100/64', 'dev', 'tap0', 'nodad'])
    link.advertise('AdvManagedFlag on;')
    await host.waitFor('declined 2001:db8::100/128', PATIENCE)
    await kea.waitFor(/DHCP6_DECLINE_LEASE.*2001:db8::100/, PATIENCE)
    await host.waitFor('address added 2001:db8::101/128', PATIENCE)
    expect(host.stdout).toContain('address dadFailed 2001:db8::100/128')
    expect(host.stdout).not.toContain('address added 2001:db8::100/128')
    expect(host.stdout).toMatch(/bound 2001:db8::100\/128 2001:db8:80[0-9a-f]{2}:/)
    await kea.kill('SIGTERM')
    await host.waitFor('expired 2001:db8::101/128', PATIENCE)
    await host.waitFor('address removed 2001:db8::101/128', PATIENCE)
    const ping = await namespace.run('ping', ['-6', '-q', '-c', '1', '-W', '1', '2001:db8::101'], {
      allowFailure: true,
    })
    expect(ping.status).not.toBe(0)
  })

  it.concurrent('asks dnsmasq for configuration alone where routers say that this is all', {
    timeout: 90_000,
  }, async () => {
    await using link = await Dhcpv6Link.create(true)
    const dnsmasq = link.dnsmasq('2001:db8::,static', '--dhcp-option=option6:dns-server,[2001:db8::54]')
    link.advertise('AdvOtherConfigFlag on;')
    await link.host.waitFor('dns 2001:db8::54', PATIENCE)
    await link.host.waitFor('configured', PATIENCE)
    await dnsmasq.waitFor('DHCPINFORMATION-REQUEST', PATIENCE)
    expect(link.host.stdout).not.toContain('bound')
  })
})
