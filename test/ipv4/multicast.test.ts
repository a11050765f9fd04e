/** The example responder of multicast DNS, asked from the kernel. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

/** Prints what goes over tap0. (tcpdump would give up being root, which an ordinary user who is root in a namespace cannot.) */
async function watch(namespace: Namespace) {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-tshark-'))
  const words = ['-i', 'tap0', '-n', '-l', '-f', 'igmp or udp port 5353']
  const wire = namespace.spawn('tshark', words, { environment: { TMPDIR: folder } })
  while (!wire.stderr.includes('Capture started')) {
    if (wire.hasEnded) throw new Error((await wire.finished).describe())
    await setTimeout(20)
  }
  return Object.assign(wire, {
    // Killed, it would leave behind the process that captures.
    async [Symbol.asyncDispose]() {
      await wire.kill('SIGTERM')
      rmSync(folder, { recursive: true })
    },
  })
}

describeWithNamespaces('examples/mdns.ts', () => {
  beforeEach((context) => requires(context, 'tshark'))

  test('joins the group, is found under its name, and says good-bye', async () => {
    await using namespace = await Namespace.create()
    const words = ['run', 'examples/mdns.ts', '--host', 'cellar', '--ipv4', '10.0.0.2/24', '--ipv4-only']
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    await using wire = await watch(namespace)
    const service = namespace.spawn(process.execPath, ['bin/tapstack.mjs', ...words])
    await wire.waitFor(/10\.0\.0\.2 . 224\.0\.0\.22 +IGMPv3 .*Join group 224\.0\.0\.251 for any sources/)
    await wire.waitFor(/10\.0\.0\.2 . 224\.0\.0\.251 +MDNS .*response.* A, cache flush 10\.0\.0\.2/)
    const asking = namespace.spawnNode('test/ipv4/programs/group-query.ts', ['cellar', '10.0.0.1'])
    await asking.waitFor('10.0.0.2:5353 10.0.0.2 id 42\n')
    const before = wire.stdout.length
    service.signal('SIGTERM')
    expect((await service.finish(10_000)).status).toBe(0)
    await wire.waitFor(new RegExp(`^[^]{${before}}[^]*10\\.0\\.0\\.2 . 224\\.0\\.0\\.251 +MDNS `))
  })
})
