import { expect, it } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

describeWithNamespaces('a tap that is deleted while it is open', () => {
  it('says so once, without spinning, and lets the process end', async () => {
    await using namespace = await Namespace.create()
    const watcher = namespace.spawnNode('test/tap/programs/watch.ts', ['tap0'])
    await watcher.waitFor('ready')
    await namespace.run('ip', ['link', 'delete', 'tap0'])
    const result = JSON.parse((await watcher.waitFor(/^\{.*\}$/m))[0])
    expect(result).toMatchObject({
      code: 'ENODEV',
      syscall: 'read',
      message: 'read ENODEV (interface tap0 was deleted)',
      transmitError: 1,
      inUse: 0,
    })
    // Microseconds out of 500,000; a loop that spins would take them all.
    expect(result.cpu).toBeLessThan(150_000)
    expect(await watcher.finish(5000)).toMatchObject({ status: 0 })
  })

  it('says so when its namespace goes', async () => {
    await using namespace = await Namespace.create()
    let watcher: ReturnType<Namespace['spawnNode']>
    {
      await using other = await Namespace.create()
      await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
      watcher = namespace.spawnNode('test/tap/programs/watch.ts', ['tap0'])
      await watcher.waitFor('ready')
      await namespace.run('ip', ['link', 'set', 'tap0', 'netns', String(other.pid)])
    }
    expect(JSON.parse((await watcher.waitFor(/^\{.*\}$/m))[0])).toMatchObject({ code: 'ENODEV', inUse: 0 })
  })
})

describeWithNamespaces('opening and closing', () => {
  // The kernel takes 20 ms to make and delete a device of ours, so only the persistent one is opened often.
  it.each([
    ['10000', 'persistent'],
    ['200', 'own'],
  ])('%s times leaves nothing behind (%s tap)', { timeout: 60_000 }, async (times, kind) => {
    await using namespace = await Namespace.create()
    if (kind === 'persistent') await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    const node = ['--expose-gc', '--import', import.meta.resolve('tsx'), 'test/tap/programs/repeat.ts', times, kind]
    const finished = await namespace.run(process.execPath, node, { timeout: 60_000 })
    const { descriptors, bytes, inUse } = JSON.parse(finished.stdout)
    console.log(`${times} opens (${kind}): ${descriptors} descriptors, ${(bytes / 1024).toFixed(0)} KiB more`)
    expect(descriptors).toBeLessThanOrEqual(0)
    expect(inUse).toBe(0)
    // The collector leaves some 3 MB of its own behind, five times as much on a busy machine, which hides what 200 would
    // leak. The rings of 10,000 leaked devices are 300 MB.
    if (kind === 'persistent') expect(bytes).toBeLessThan(32_000_000)
  })
})

describeWithNamespaces('taps in worker threads', () => {
  it('go with their worker, however it ends', async () => {
    await using namespace = await Namespace.create()
    const finished = await namespace.runNode('test/tap/programs/workers.ts')
    expect(finished.stderr).toBe('')
    expect(JSON.parse(finished.stdout)).toEqual({
      before: 0,
      after: 0,
      ended: [
        'close 0',
        'leave 0',
        'exit 3',
        'throw 1 from frame',
        'terminate 1',
        'terminate 1',
        'terminate 1',
        'terminate 1',
      ],
    })
  })
})

describeWithNamespaces('a receiver that throws', () => {
  it('is an uncaught exception of the process, and the tap goes on', async (context) => {
    requires(context, 'ping')
    await using namespace = await Namespace.create()
    const watcher = namespace.spawnNode('test/tap/programs/watch.ts', ['tap0', 'throw'])
    await watcher.waitFor('ready')
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'broadcast', '+', 'dev', 'tap0'])
    await namespace.run('ping', ['-b', '-c', '10', '-i', '0.05', '-W', '1', '10.0.0.255'], { allowFailure: true })
    await watcher.waitFor('caught from frame')
    await watcher.waitFor('in use 0')
    expect(await watcher.finish(5000)).toMatchObject({ status: 0, stderr: '' })
  })
})
