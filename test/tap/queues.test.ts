/** A tap with several queues, and the kernel's stack at its other end. */
import { beforeEach, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

describeWithNamespaces('a tap with several queues', () => {
  let namespace: Namespace
  beforeEach(async (context) => {
    requires(context, 'ping')
    namespace = await Namespace.create()
    return () => namespace[Symbol.asyncDispose]()
  })

  const addresses = ['ip', 'address', 'add', '10.0.0.1/24', 'dev', 'tap0']

  test('spreads many flows, each of which stays in one queue; closing gives all of them back', async () => {
    const sh = (script: string) => namespace.run('sh', ['-c', script])
    await sh(`ip tuntap add dev tap0 mode tap multi_queue && ${addresses.join(' ')} && ip link set tap0 up`)
    await sh('test -e /proc/net/if_inet6 && ip address add fd00::1/64 dev tap0 nodad || true')
    const service = namespace.spawnNode('test/tap/programs/queues.ts', ['tap0', '4'])
    await service.waitFor('ready')
    const flows = ['test/tap/programs/many-flows.mjs', '32', '100000', '10.0.0.2']
    expect((await namespace.run(process.execPath, flows)).stdout).toBe('right\n')
    service.write('\n')
    const [line] = await service.waitFor(/\{.*\}/)
    const { each, sum } = JSON.parse(line) as { each: [number, number][]; sum: Record<string, number> }
    for (const [received, sent] of each) {
      expect(received).toBeGreaterThan(10)
      expect(sent).toBeGreaterThan(10)
    }
    expect(sum.receivedFrames).toBe(each.reduce((total, [received]) => total + received, 0))
    expect(sum).toMatchObject({ transmitError: 0, receiveMalformed: 0 })

    // One flow: what it brings comes through one queue once our side has answered.
    await namespace.run(process.execPath, ['test/tap/programs/many-flows.mjs', '1', '3000000', '10.0.0.2'])
    service.write('\n')
    const [, after] = await service.waitFor(/\}\n(\{.*\})/)
    const gained = (JSON.parse(after) as { each: [number, number][] }).each.map(
      ([received], i) => received - each[i]![0],
    )
    // Others are left with the first of its segments, and what finds neighbours.
    expect(
      gained
        .sort((a, b) => a - b)
        .slice(0, 3)
        .reduce((total, count) => total + count, 0),
    ).toBeLessThan(20)
    expect(gained[3]).toBeGreaterThan(30)

    service.endInput()
    await service.waitFor('closed')
    await service.finish(5000)
    expect((await namespace.run('ip', ['-d', 'link', 'show', 'tap0'])).stdout).toMatch(/numqueues 0 /)
    const again = namespace.spawnNode('test/tap/programs/queues.ts', ['tap0', '16'])
    await again.waitFor('ready')
    await namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])
  })

  test('full queues are served in turns, however full one of them is', async () => {
    // Nothing else is to come in between.
    await namespace.run('sh', ['-c', 'sysctl -qw net.ipv6.conf.default.disable_ipv6=1 || true'])
    const { stdout } = await namespace.runNode('test/tap/programs/turns.ts', ['tap0', '4', '64', '20'])
    const bursts = JSON.parse(stdout) as [queue: number, frames: number][]
    const left = [0, 0, 0, 0]
    for (const [queue, frames] of bursts) left[queue]! += frames
    for (const waiting of left) expect(waiting).toBeGreaterThan(100)
    // Four bursts of 32 frames of each of the others, at most, before a queue has its turn again.
    const passed = [0, 0, 0, 0]
    for (const [served, frames] of bursts) {
      left[served]! -= frames
      for (const queue of left.keys()) {
        passed[queue] = queue === served || left[queue] === 0 ? 0 : passed[queue]! + frames
        expect(passed[queue]).toBeLessThanOrEqual(3 * 4 * 32)
      }
    }
    expect(left).toEqual([0, 0, 0, 0])
  })

  test('two processes may take a queue each; a tap for one queue is told so', { timeout: 60_000 }, async () => {
    const first = namespace.spawnNode('test/tap/programs/queues.ts', ['new%d', '1'])
    await first.waitFor('ready')
    const second = namespace.spawnNode('test/tap/programs/queues.ts', ['new0', '2'])
    await second.waitFor('ready')
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'one0', 'mode', 'tap'])
    const third = await namespace.runNode('test/tap/programs/queues.ts', ['one0', '2'], { allowFailure: true })
    expect(third.stderr).toMatch(/one0 exists and has one queue only: make it anew with "sudo ip tuntap del dev one0/)
    // Of what is no tap none can be made: the same line as without queues.
    await namespace.run('sh', ['-c', 'ip link add v0 type veth peer name v1; ip tuntap add tun0 mode tun'])
    for (const [name, instead] of [
      ['v0', '"packet:v0" takes an Ethernet interface that is there'],
      ['tun0', '"tun:tun0" takes a tun'],
    ] as const) {
      const { stderr } = await namespace.runNode('test/tap/programs/queues.ts', [name, '2'], { allowFailure: true })
      expect(stderr).toContain(`ioctl TUNSETIFF EINVAL (${name} exists and is of another kind: ${instead})`)
    }
    for (const each of [first, second]) {
      each.endInput()
      await each.waitFor('closed')
    }
    await Promise.all([first.finish(5000), second.finish(5000)])
    // It was made by them, and went with the last of them.
    const { stdout } = await namespace.run('ip', ['-o', 'link', 'show'])
    expect(stdout).toMatch(/one0/)
    expect(stdout).not.toMatch(/new0/)
  })

  test('is an interface of `tapstack run`', async () => {
    const service = namespace.spawn(process.execPath, [
      tapstack,
      'run',
      'examples/echo.ts',
      '--interface=tap0,queues=3',
      '--ipv4=10.0.0.2/24',
    ])
    await service.waitFor('answers on 10.0.0.2')
    await namespace.run('sh', ['-c', addresses.join(' ')])
    expect((await namespace.run('ip', ['-d', 'link', 'show', 'tap0'])).stdout).toMatch(/multi_queue.* numqueues 3 /)
    await namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])
  })
})
