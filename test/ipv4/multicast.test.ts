/** The example responder of multicast DNS, asked from the kernel. */
import { setTimeout } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

describeWithNamespaces('examples/mdns.ts', () => {
  beforeEach((context) => requires(context, 'tcpdump'))

  test('joins the group, is found under its name, and says good-bye', async () => {
    await using namespace = await Namespace.create()
    const words = ['run', 'examples/mdns.ts', '--host', 'cellar', '--ipv4', '10.0.0.2/24', '--ipv4-only']
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    const wire = namespace.spawn('tcpdump', ['-i', 'tap0', '-n', '-l', 'igmp or udp port 5353'])
    while (!wire.stderr.includes('listening on')) await setTimeout(20)
    const service = namespace.spawn(process.execPath, ['bin/tapstack.mjs', ...words])
    await wire.waitFor('10.0.0.2 > 224.0.0.22: igmp v3 report, 1 group record(s)')
    await wire.waitFor(/10\.0\.0\.2\.5353 > 224\.0\.0\.251\.5353: .*\(Cache flush\) A 10\.0\.0\.2/)
    const asking = namespace.spawnNode('test/ipv4/programs/group-query.ts', ['cellar', '10.0.0.1'])
    await asking.waitFor('10.0.0.2:5353 10.0.0.2 id 42\n')
    const before = wire.stdout.length
    service.signal('SIGTERM')
    expect((await service.finish(10_000)).status).toBe(0)
    await wire.waitFor(new RegExp(`^[^]{${before}}[^]*10\\.0\\.0\\.2\\.5353 > 224\\.0\\.0\\.251\\.5353: `))
  })
})
