/** The life of a run as its process and its network show it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCapture } from '../../src/capture/index.ts'
import { tapstack, until } from '../cli/process.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-lifecycle-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function withTap(): Promise<Namespace> {
  const namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    'ip tuntap add tap0 mode tap && ip link set tap0 up && ip address add 10.0.0.1/24 dev tap0',
  ])
  return namespace
}

async function service(namespace: Namespace, ...words: string[]) {
  const file = 'test/lifecycle/programs/service.mjs'
  const given = ['--ipv4=10.0.0.2/24', '--ipv4-only', '--logs-format=text', '--reports', folder, ...words]
  const running = namespace.spawn(process.execPath, [tapstack, 'run', file, ...given])
  await running.waitFor('ready, 1 stacks, memory')
  return running
}

describeWithNamespaces('lifecycle', () => {
  test('SIGTERM during 100 transfers: those that end in time do, the rest are reset, exit code 0, and the tap stays', async () => {
    await using namespace = await withTap()
    const running = await service(namespace, '--grace=2s')
    const clients = namespace.spawnNode('test/lifecycle/programs/hundred.mjs', ['10.0.0.2'])
    await clients.waitFor('all have begun')
    const started = performance.now()
    running.signal('SIGTERM')
    await clients.waitFor('{')
    const { status, stdout, stderr } = await running.finished
    expect(performance.now() - started).toBeGreaterThan(1_900)
    expect(JSON.parse(clients.stdout.slice(clients.stdout.indexOf('{')))).toEqual({
      'short: 100000 bytes': 50,
      'endless: ECONNRESET': 50,
    })
    expect(status).toBe(0)
    expect(stdout).toMatch(/told to exit, turns are counted\n$/)
    expect(stderr).toMatch(/info {2}unikernel: SIGTERM: shutting down\n$/)
    await namespace.run('ip', ['link', 'show', 'tap0'])
  })

  test('a tap that the runner has made is gone at the end', async () => {
    await using namespace = await Namespace.create()
    const running = await service(namespace, '--interface=tap9')
    await namespace.run('ip', ['link', 'show', 'tap9'])
    running.signal('SIGTERM')
    expect((await running.finished).status).toBe(0)
    expect((await namespace.run('ip', ['link', 'show', 'tap9'], { allowFailure: true })).status).toBe(1)
  })

  test('SIGUSR2 saves the last frames, SIGTSTP stops, SIGCONT goes on, and the application ends it', async () => {
    await using namespace = await withTap()
    const running = await service(namespace)
    const pid = running.pid
    await namespace.run('ping', ['-c', '3', '-i', '0.2', '10.0.0.2'])
    running.signal('SIGUSR2')
    const saved = join(folder, `service-${pid}-frames-1.pcapng`)
    await until(
      () => readdirSync(folder).includes(`service-${pid}-frames-1.pcapng`),
      5_000,
      () => 'the frames',
    )
    await until(
      () => running.stderr.includes(saved),
      5_000,
      () => 'a line about the frames',
    )
    expect([...readCapture(saved)].length).toBeGreaterThanOrEqual(6)

    running.signal('SIGTSTP')
    const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1][0]
    await until(
      () => state() === 'T',
      5_000,
      () => 'it to stop',
    )
    running.signal('SIGCONT')
    await running.waitFor('told to suspend\ntold to resume')
    await namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])

    await namespace.run('nc', ['-w', '3', '10.0.0.2', '82'], { allowFailure: true, input: '' })
    expect((await running.finished).status).toBe(9)
  })

  test('a crash leaves a report with the last frames', async () => {
    await using namespace = await withTap()
    const running = await service(namespace)
    const pid = running.pid
    await namespace.run('nc', ['-w', '3', '10.0.0.2', '81'], { allowFailure: true, input: '' })
    const { status, stderr } = await running.finished
    expect(status).toBe(1)
    const file = join(folder, `service-${pid}-crash.json`)
    expect(stderr).toBe(
      `service: failed: not what was expected\nservice: a report with the last frames is in ${file}\n`,
    )
    const report = JSON.parse(readFileSync(file, 'utf8'))
    expect(report).toMatchObject({
      name: 'service',
      error: {
        message: 'not what was expected',
        stack: expect.arrayContaining([expect.stringContaining('service.mjs')]),
      },
      process: { pid },
      stacks: [{ kind: 'direct', addresses: ['10.0.0.2/24'], interface: 'tap0', counters: { receiveMalformed: 0 } }],
    })
    const frames = [...readCapture(report.frames[0])]
    expect(frames.length).toBeGreaterThan(3)
    // The SYN to port 81 is among them.
    expect(frames.some(({ bytes }) => bytes[23] === 6 && bytes[36] === 0 && bytes[37] === 81)).toBe(true)
  })
})
