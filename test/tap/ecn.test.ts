/** ECN (RFC 3168) with the kernel as the peer, both ways, over a bottleneck that marks. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

const TRANSFER = 'test/tap/programs/transfer.ts'

describeWithNamespaces('ECN with the kernel', () => {
  let namespace: Namespace
  let stack: RunningProcess

  beforeAll(async () => {
    namespace = await Namespace.create()
    // Asks, and agrees; NewReno, because BBR does not mind marks.
    await namespace.run('sh', ['-c', 'cd /proc/sys/net/ipv4; echo 1 >tcp_ecn; echo reno >tcp_congestion_control'])
    stack = namespace.spawnNode('test/tap/programs/ecn.ts')
    await stack.waitFor('ready')
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
  })
  afterAll(async () => {
    await namespace?.[Symbol.asyncDispose]()
  })

  async function counters(): Promise<Record<string, number>> {
    const before = stack.stdout.length
    stack.write('report\n')
    await stack.waitFor(new RegExp(`^[^]{${before}}[^]*report .*\\n`))
    return JSON.parse(stack.stdout.slice(before).match(/report (.*)\n/)![1])
  }

  /** The kernel's counter since the namespace was made. */
  async function kernel(name: string): Promise<number> {
    const { stdout } = await namespace.run('nstat', ['-asz', name])
    return Number(stdout.match(new RegExp(`${name}\\s+(\\d+)`))![1])
  }

  /** What `ss` says of the connection to this port, as soon as it has one. */
  async function socketStatistics(port: number): Promise<string> {
    for (;;) {
      const { stdout } = await namespace.run('ss', [
        '-tinoH',
        'state',
        'established',
        `( dport = ${port} or sport = ${port} )`,
      ])
      if (stdout.includes('bytes_')) return stdout
    }
  }

  test('the kernel sends: both agree, marks are echoed and the kernel slows down without losses', async () => {
    const sending = namespace.runNode(TRANSFER, ['send', '10.0.0.2', '5001', '300'], { timeout: 60_000 })
    expect(await socketStatistics(5001)).toMatch(/\becn\b/)
    expect(JSON.parse((await sending).stdout)).toMatchObject({ agrees: true })
    const { InCEPkts, InECT0Pkts } = await counters()
    expect(InCEPkts).toBeGreaterThan(10)
    expect(InECT0Pkts).toBeGreaterThan(InCEPkts)
    expect(await kernel('TcpExtTCPDeliveredCE')).toBeGreaterThan(10)
    // There may be a probe of a tail, on a machine that is busy.
    expect(await kernel('TcpExtTCPFastRetrans')).toBe(0)
  })

  test('we send: both agree, the kernel echoes marks and we slow down without losses', async () => {
    const server = namespace.spawnNode(TRANSFER, ['serve', '10.0.0.1', '5002'])
    await server.waitFor('ready')
    const before = await counters()
    stack.write('send 5002 300\n')
    expect(await socketStatistics(5002)).toMatch(/\becn\b.*\becnseen\b/)
    await stack.waitFor('sent true')
    const after = await counters()
    expect(after.TCPDeliveredCE - before.TCPDeliveredCE).toBeGreaterThan(10)
    expect(after.TCPFastRetrans - before.TCPFastRetrans).toBe(0)
    expect(await kernel('IpExtInCEPkts')).toBeGreaterThan(10)
    await server.kill()
  })
})
