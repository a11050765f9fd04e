/** Datagrams in fragments, between the kernel and us. */
import { beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

describeWithNamespaces('the largest datagrams, between a stack and the kernel', () => {
  beforeEach((context) => requires(context, 'ping'))

  test('pass both ways, byte for byte', async () => {
    await using namespace = await Namespace.create()
    const ours = namespace.spawnNode('test/ipv4/programs/datagrams.ts', ['direct', '10.0.0.2/24'])
    await ours.waitFor('ready')
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    const kernel = namespace.spawnNode('test/ipv4/programs/datagrams.ts', ['socket'])
    await kernel.waitFor('ready')

    const { stdout } = await namespace.run('ping', ['-c', '3', '-i', '0.2', '-s', '65507', '10.0.0.2'])
    expect(stdout).toContain('3 received')
    expect(stdout).not.toContain('wrong data')
    ours.write('ping 10.0.0.1 65507\n')
    await ours.waitFor('ping 65507\n')
    ours.write('udp 10.0.0.1 65507\n')
    await ours.waitFor('udp 65507 the same\n')
    kernel.write('udp 10.0.0.2 65507\n')
    await kernel.waitFor('udp 65507 the same\n')
    kernel.write('udp 10.0.0.2 1473\n')
    await kernel.waitFor('udp 1473 the same\n')
  })
})
