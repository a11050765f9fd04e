/** A service on tap0 as unmodified programs of the kernel's side meet it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { captureFileOnFailure } from '../support/capture-on-failure.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

const PROGRAMS = 'test/service/programs'

interface Report {
  heap: number
  external: number
  packets: number
  connections: number
  timeWaits: number
  receiveBytes: number
  timeouts: number
  neighbors: number
}

describeWithNamespaces('a service on tap0', () => {
  let namespace: Namespace
  let service: RunningProcess

  async function start(...args: string[]): Promise<RunningProcess> {
    const started = namespace.spawnNode(`${PROGRAMS}/service.ts`, args)
    await started.waitFor('ready')
    return started
  }

  async function report(from = service): Promise<Report> {
    const before = from.stdout.length
    from.write('report\n')
    for (;;) {
      const match = /report (\{.*\})\n/.exec(from.stdout.slice(before))
      if (match !== null) return JSON.parse(match[1])
      await from.waitFor(new RegExp(`^[^]{${before}}[^]*report .*\\n`))
    }
  }

  async function client(timeout: number, ...args: string[]) {
    const { stdout } = await namespace.runNode(`${PROGRAMS}/client.ts`, args, { timeout })
    return JSON.parse(stdout.trim().split('\n').at(-1)!)
  }

  beforeAll(async () => {
    namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    service = await start()
  })
  afterAll(async () => {
    await service?.kill()
    await namespace?.[Symbol.asyncDispose]()
  })

  test.each([
    ['56', 'ordinary'],
    ['1472', 'MTU-sized'],
  ])('answers every one of 200 pings of %s bytes (%s)', async (size) => {
    const { stdout } = await namespace.run('ping', ['-q', '-c', '200', '-i', '0.01', '-s', size, '10.0.0.2'])
    expect(stdout).toContain('200 packets transmitted, 200 received, 0% packet loss')
  })

  test('answers a neighbour that asks with curl, nc and nmap', async () => {
    const echoed = await namespace.run('nc', ['-N', '10.0.0.2', '7'], { input: 'hello over TCP\n' })
    expect(echoed.stdout).toBe('hello over TCP\n')
    const datagram = await namespace.run('nc', ['-u', '-w', '1', '10.0.0.2', '7'], { input: 'hello over UDP\n' })
    expect(datagram.stdout).toBe('hello over UDP\n')
    const refused = await namespace.run('curl', ['-sS', '-m', '5', 'http://10.0.0.2:81/'], { allowFailure: true })
    expect(refused.stderr).toMatch(/refused|connect/i)
    const scan = await namespace.run('nmap', ['-n', '-sS', '-p', '1-1024', '10.0.0.2'], { timeout: 60_000 })
    expect(scan.stdout).toMatch(/^7\/tcp\s+open/m)
    expect(scan.stdout).toMatch(/^9\/tcp\s+open/m)
    expect(scan.stdout).toMatch(/102[12] closed/)
    const udp = await namespace.run('nmap', ['-n', '-sU', '-p', '7,8', '10.0.0.2'], { timeout: 60_000 })
    expect(udp.stdout).toMatch(/^8\/udp\s+closed/m)
  })

  test('200 MB through the echo service come back with the same hash', { timeout: 120_000 }, async () => {
    expect(await client(110_000, 'echo', '200000000')).toEqual({ count: 200_000_000, equal: true })
    expect(await report()).toMatchObject({ packets: 0, receiveBytes: 0 })
  })

  test('2,000 connections at once are each served', { timeout: 60_000 }, async () => {
    expect(await client(50_000, 'hold', '2000')).toEqual({ served: 2000 })
  })

  test('a client that stops reading for 10 s and goes on loses nothing', { timeout: 60_000 }, async () => {
    expect(await client(50_000, 'stall', '50000000', '10')).toEqual({ count: 50_000_000, equal: true })
  })

  test('10,000 connections one after the other leave memory where it was', { timeout: 120_000 }, async () => {
    // The first ones fill caches and have code compiled.
    await client(60_000, 'sequence', '1000')
    const before = await report()
    await client(110_000, 'sequence', '10000')
    const after = await report()
    expect(after.packets).toBe(0)
    expect(after.connections).toBe(0)
    expect(after.heap - before.heap).toBeLessThan(2_000_000)
    expect(after.external - before.external).toBeLessThan(1_000_000)
  })

  test('clients that vanish are given up after the user timeout, and their memory freed', {
    timeout: 60_000,
  }, async () => {
    await service.kill()
    service = await start('--capture', captureFileOnFailure(), '--user-timeout', '3000')
    const peer = namespace.spawnNode(`${PROGRAMS}/client.ts`, ['vanish'])
    await peer.waitFor('open')
    // Long enough for the window of the one that does not read to close, of which nobody is told.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await namespace.run('ip', ['link', 'set', 'tap0', 'down'])
    expect((await report()).connections).toBe(2)
    await expect
      .poll(report, { timeout: 20_000, interval: 200 })
      .toMatchObject({ connections: 0, packets: 0, receiveBytes: 0, timeouts: 2 })
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    await peer.kill()
    // And it is still there for others.
    const { stdout } = await namespace.run('ping', ['-q', '-c', '3', '-i', '0.2', '10.0.0.2'])
    expect(stdout).toContain('0% packet loss')
  })

  test('ends cleanly on SIGTERM', async () => {
    const { status } = await service.kill('SIGTERM')
    expect(status).toBe(0)
    service = await start()
  })
})
