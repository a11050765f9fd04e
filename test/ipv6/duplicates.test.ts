/** Duplicate address detection against the kernel and between two of our hosts; and another MAC address for an address. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { eventually, Ipv6TrialLink, needs, type TrialHost } from './link.ts'

const MAC = '02:00:00:00:00:aa'
const OTHER_MAC = '02:00:00:00:00:bb'
const CHANGED_MAC = '02:00:00:00:00:cc'
/** RFC 4862, 5.4.2: up to a second of delay, then RetransTimer; and what a small machine takes. */
const WITHIN = 5000

const NEEDS = needs('ping', 'nc')

describeWithNamespaces('who else has an address', () => {
  let link: Ipv6TrialLink
  let host: TrialHost
  let other: TrialHost

  beforeEach((context) => requires(context, ...NEEDS))

  beforeAll(async () => {
    if (missing(...NEEDS) !== null) return
    link = await Ipv6TrialLink.create({ taps: 2, bridge: true })
    // How long the kernel waits before it asks whether a neighbour is there (RFC 4861: 5 s).
    await link.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/neigh/br0/delay_first_probe_time'])
    ;[host, other] = await Promise.all([
      link.host({ mac: MAC }),
      link.host({ mac: OTHER_MAC, interface: 'tap1', ipv4: '10.0.0.3/24' }),
    ])
    for (const each of [host, other]) await each.waitForAddress('added', /fe80:[^/]*/)
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await other?.[Symbol.asyncDispose]()
    await link?.[Symbol.asyncDispose]()
  })

  /** Begins to check an address. @returns how the check comes out */
  async function checks(who: TrialHost, address: string): Promise<'added' | 'dadFailed'> {
    await who.ask({ do: 'add', address })
    const [, outcome] = await who.process.waitFor(new RegExp(`^address (added|dadFailed) ${address}/`, 'm'), WITHIN)
    return outcome as 'added' | 'dadFailed'
  }

  /** The same of the kernel. */
  async function kernelChecks(address: string): Promise<'added' | 'dadFailed'> {
    await link.run('ip', ['address', 'add', `${address}/64`, 'dev', link.device])
    let shown = ''
    await eventually(async () => {
      shown = (await link.run('ip', ['-6', '-o', 'address', 'show', 'dev', link.device, 'to', address])).stdout
      if (!shown.includes('dadfailed') && shown.includes('tentative')) throw new Error(`still checking: ${shown}`)
    }, WITHIN)
    if (!shown.includes(address)) throw new Error(`not there: ${shown}`)
    return shown.includes('dadfailed') ? 'dadFailed' : 'added'
  }

  // Each waits most of the time.
  describe.concurrent('is found out', () => {
    test('when the kernel had it first', async ({ expect }) => {
      const address = 'fd00::101'
      await link.run('ip', ['address', 'add', `${address}/64`, 'dev', link.device, 'nodad'])
      expect(await checks(host, address)).toBe('dadFailed')
      expect(await host.address(address, 'Duplicate')).toBe(address)
      // Who asks is told by the kernel and not by us.
      const { stdout } = await link.run('ping', ['-6', '-c', '1', address])
      expect(stdout).toContain('1 received')
      expect((await host.report()).problems).toEqual([])
    })

    test('when we had it first', async ({ expect }) => {
      const address = 'fd00::102'
      expect(await checks(host, address)).toBe('added')
      expect(await kernelChecks(address)).toBe('dadFailed')
      expect(await host.address(address, 'Preferred')).toBe(address)
      await link.run('ip', ['address', 'del', `${address}/64`, 'dev', link.device])
      expect(await link.ping(address, '-c', '2', '-i', '0.1')).toContain('2 received')
    })

    test('when the kernel and we want it at the same time: at most one gets it', async ({ expect }) => {
      const address = 'fd00::103'
      const outcomes = await Promise.all([kernelChecks(address), checks(host, address)])
      expect(outcomes).toContain('dadFailed')
    })

    test('when two of ours want it one after the other', async ({ expect }) => {
      const address = 'fd00::104'
      expect(await checks(host, address)).toBe('added')
      expect(await checks(other, address)).toBe('dadFailed')
      expect(await host.address(address, 'Preferred')).toBe(address)
      expect(await link.ping(address, '-c', '2', '-i', '0.1')).toContain('2 received')
      expect(await link.neighbourEntry(address)).toContain(MAC)
    })

    test('when two of ours want it at the same time', async ({ expect }) => {
      const address = 'fd00::105'
      expect(await Promise.all([checks(host, address), checks(other, address)])).toContain('dadFailed')
    })

    test('an address that comes back with another MAC address is known by it at once', async ({ expect }) => {
      const address = 'fd00::106'
      expect(await checks(host, address)).toBe('added')
      await link.ping(address, '-c', '1')
      expect(await link.neighbourEntry(address)).toContain(`lladdr ${MAC} REACHABLE`)
      await host.ask({ do: 'remove', address })
      expect(await checks(other, address)).toBe('added')
      await eventually(async () => expect(await link.neighbourEntry(address)).toContain(`lladdr ${OTHER_MAC}`), 500)
      expect(await link.ping(address, '-c', '5', '-i', '0.1')).toContain('5 received')
      const isReachable = async () => expect(await link.neighbourEntry(address)).toContain(`${OTHER_MAC} REACHABLE`)
      await eventually(isReachable, 8000)
    })
  })

  // Last, as it concerns all addresses.
  test('a MAC address that changes while it is in use is known at once, and connections go on', async () => {
    const address = 'fd00::107'
    expect(await checks(host, address)).toBe('added')
    await link.ping(address, '-c', '1')
    expect(await link.neighbourEntry(address)).toContain(`lladdr ${MAC} REACHABLE`)
    await using client = link.namespace.spawn('nc', [address, '7'])
    client.write('before\n')
    await client.waitFor('before')
    await host.ask({ do: 'changeMac', address: CHANGED_MAC })
    await eventually(async () => expect(await link.neighbourEntry(address)).toContain(`lladdr ${CHANGED_MAC}`), 1000)
    client.write('after\n')
    await client.waitFor('after')
    expect(await link.ping(address, '-c', '3', '-i', '0.1')).toContain('3 received')
    expect((await host.report()).problems).toEqual([])
  })
})
