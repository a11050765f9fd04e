import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { compileLoadGenerator } from '../bench/load-generator.ts'
import { measurements } from '../bench/measurements.ts'
import { packetMeasurements } from '../bench/packet-measurements.ts'
import { summarize } from '../bench/profile.ts'
import { formatOutcomes, isMet, median, type Outcome, type Round, withFurtherFigures } from '../bench/report.ts'
import { requires } from './requirements.ts'
import { describeWithNamespaces, Namespace } from './support/namespace.ts'

const execute = promisify(execFile)

describe('the load generator, against node:net on loopback', () => {
  let generator: { path: string; remove: () => void }
  /** What the server does with the bytes of the next connections. */
  let answer: (data: Buffer) => Buffer | null = (data) => data
  let closesAtOnce = false
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    if (closesAtOnce) {
      socket.end()
      socket.resume()
      return
    }
    socket.on('data', (data) => {
      const response = answer(data)
      if (response !== null) socket.write(response)
    })
    socket.on('end', () => socket.end())
  })

  beforeAll(async () => {
    generator = compileLoadGenerator()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    server.close()
    generator.remove()
  })

  async function load(mode: string, ...rest: (string | number)[]): Promise<Record<string, unknown>> {
    const { port } = server.address() as AddressInfo
    const parameters = ['--congestion', 'system', '--warmup', 0.05, mode, '127.0.0.1', port, ...rest].map(String)
    const { stdout } = await execute(generator.path, parameters).catch((error: { stdout: string }) => error)
    return JSON.parse(stdout)
  }

  test('echo accepts what comes back unchanged', async () => {
    answer = (data) => data
    expect(await load('echo', 5_000_000)).toMatchObject({ mode: 'echo', bytes: 5_000_000 })
  })

  test('echo finds one changed byte and says where', async () => {
    let seen = 0
    answer = (data) => {
      const place = 3_000_000 - seen
      seen += data.length
      const copy = Buffer.from(data)
      if (place >= 0 && place < copy.length) copy[place] ^= 1
      return copy
    }
    expect(await load('echo', 5_000_000)).toEqual({ error: 'echo: byte 3000000 came back changed' })
  })

  test('echo misses bytes that never come back', async () => {
    let seen = 0
    answer = (data) => {
      const left = Math.max(0, 1000 - seen)
      seen += data.length
      return data.subarray(0, left)
    }
    expect(await load('echo', 5000)).toEqual({ error: 'echo: 5000 bytes sent, 1000 came back' })
  })

  test('pingpong, send, connect and hold report what they measured', async () => {
    answer = (data) => data
    expect(await load('pingpong', 64, 0.1)).toMatchObject({ size: 64, roundTripsPerSecond: expect.any(Number) })
    expect(await load('hold', 50)).toMatchObject({ connections: 50 })
    answer = () => null
    expect(await load('send', 0.4)).toMatchObject({ mode: 'send', retransmitted: expect.any(Number) })
    closesAtOnce = true
    expect(await load('connect', 0.1, 4)).toMatchObject({ concurrency: 4, failed: 0 })
    closesAtOnce = false
  })

  test('crowd reports what the subject says of its memory, with few and with many', async () => {
    answer = (data) => data
    const closing = net.createServer((socket) => socket.on('error', () => {}).end())
    let asked = 0
    const memory = net.createServer((socket) => socket.end(`{"heapUsed":${++asked},"external":0}\n`))
    const ports: number[] = []
    for (const each of [closing, memory]) {
      await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))
      ports.push((each.address() as AddressInfo).port)
    }
    const result = await load('crowd', 200, 0.1, ...ports, 0.1)
    closing.close()
    memory.close()
    expect(result).toMatchObject({ few: 100, many: 200, fewRate: expect.any(Number), manyRate: expect.any(Number) })
    const memories = [result.fewMemory, result.idleMemory, result.activeMemory, result.usedMemory]
    expect(memories).toEqual([1, 2, 3, 4].map((heapUsed) => ({ heapUsed, external: 0 })))
  })

  test('a refused connection is one line', async () => {
    const { stdout } = await execute(generator.path, ['send', '127.0.0.1', '1', '1']).catch((error) => error)
    expect(JSON.parse(stdout)).toEqual({ error: 'connect: Connection refused' })
  })
})

describeWithNamespaces('the relay', () => {
  let generator: { path: string; remove: () => void }
  beforeEach((context) => requires(context, 'cc', 'ping'))
  beforeAll(() => {
    generator = compileLoadGenerator()
  })
  afterAll(() => generator?.remove())

  /** Pings through a relay. @returns how many came back, their least round trip in milliseconds, and what the relay says */
  async function ping(count: number, milliseconds: number, loss: number) {
    await using left = await Namespace.create()
    await using right = await Namespace.create()
    for (const [namespace, address, mac, peer, peerMac] of [
      [left, '10.0.0.1/24', '02:00:00:00:00:01', '10.0.0.2', '02:00:00:00:00:02'],
      [right, '10.0.0.2/24', '02:00:00:00:00:02', '10.0.0.1', '02:00:00:00:00:01'],
    ] as const) {
      await namespace.run('ip', ['tuntap', 'add', 'link0', 'mode', 'tap'])
      await namespace.run('ip', ['link', 'set', 'link0', 'address', mac])
      await namespace.run('ip', ['address', 'add', address, 'dev', 'link0'])
      await namespace.run('ip', ['link', 'set', 'link0', 'up'])
      // A lost ARP frame would keep the kernel from sending a hundred echo requests, which the relay then never sees.
      await namespace.run('ip', ['neighbour', 'add', peer, 'lladdr', peerMac, 'dev', 'link0', 'nud', 'permanent'])
    }
    const ends = [left, right].map(({ pid }) => `tap:/proc/${pid}/ns/net:link0`)
    const relay = left.spawn(generator.path, ['relay', ...ends, String(milliseconds), String(loss), '1'])
    await relay.waitFor('ready')
    const parameters = ['-q', '-c', String(count), '-i', '0.01', '-W', '1', '10.0.0.2']
    const { stdout } = await left.run('ping', parameters, { allowFailure: true })
    relay.kill('SIGTERM')
    const finished = await relay.finish(5000)
    return {
      received: Number(/(\d+) received/.exec(stdout)?.[1]),
      least: Number(/= ([\d.]+)\//.exec(stdout)?.[1]),
      counts: JSON.parse(finished.stdout.split('\n')[1]),
    }
  }

  test('holds every packet for its time', async () => {
    const { received, least, counts } = await ping(20, 10, 0)
    expect(received).toBe(20)
    expect(least).toBeGreaterThan(20)
    expect(least).toBeLessThan(30)
    expect(counts).toMatchObject({ dropped: 0, overflowed: 0 })
    expect(counts.passed).toBeGreaterThanOrEqual(40)
  })

  test('loses its share of them', async () => {
    const { received, counts } = await ping(200, 0, 0.3)
    // Half come back; five standard deviations.
    expect(received).toBeGreaterThan(62)
    expect(received).toBeLessThan(135)
    expect(counts.dropped).toBeGreaterThan(50)
  })
})

describe('the report', () => {
  const rounds = (...values: number[]): Round[] =>
    values.map((value) => ({ value, processor: null, details: {}, counters: null }))
  const outcome = (ours: number[], theirs: number[]): Outcome => ({
    measurement: measurements.find((each) => each.name === 'receive')!,
    rounds: { tapstack: rounds(...ours), 'node:net': rounds(...theirs), packet: [] },
    failures: {},
  })

  test('medians, also of an even number', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
  })

  test('one run tells several figures', () => {
    const measurement = measurements.find((each) => each.name === 'connections-idle')!
    const memory = (heapUsed: number) => ({ heapUsed, external: 0 })
    const details = { few: 1000, many: 101_000, fewRate: 10, manyRate: 9, fewMemory: memory(5), idleMemory: memory(5) }
    const round = { value: 3, processor: null, counters: null, details: { ...details, usedMemory: memory(200_005) } }
    const outcome: Outcome = { measurement, rounds: { tapstack: [round], 'node:net': [], packet: [] }, failures: {} }
    const figures = withFurtherFigures(measurement, outcome)
    expect(figures.map((each) => [each.measurement.name, each.rounds.tapstack[0].value, isMet(each)])).toEqual([
      ['connections-idle', 3, true],
      ['connections-used', 2, true],
      ['connections-rate', 0.9, true],
    ])
  })

  test('a goal is met, missed or unknown', () => {
    expect(isMet(outcome([11, 12, 1], [10, 10, 10]))).toBe(true)
    expect(isMet(outcome([7, 7, 7], [10, 10, 10]))).toBe(false)
    expect(isMet(outcome([7], []))).toBeNull()
    const most = { ...measurements.find((each) => each.name === 'connections-idle')!, goal: { most: 7 } }
    expect(isMet({ ...outcome([7], []), measurement: most })).toBe(true)
    expect(isMet({ ...outcome([8], []), measurement: most })).toBe(false)
    expect(formatOutcomes([outcome([7, 7, 7], [10, 10, 10])])).toMatch(/7\.00\s+±0%\s+10\.00\s+±0%\s+0\.70.*MISSED$/m)
  })

  test('a packet socket is measured by the tap beside it, in a table of its own', () => {
    const measurement = packetMeasurements.find((each) => each.name === 'send-packet')!
    const packet: Outcome = {
      measurement,
      rounds: { tapstack: rounds(10), 'node:net': [], packet: rounds(8) },
      failures: {},
    }
    expect(isMet(packet)).toBe(true)
    const [usual, table] = formatOutcomes([packet, outcome([7], [10])])
      .split('\n\n')
      .reverse()
    expect(usual).toMatch(/tapstack {2}node:net/)
    expect(table).toMatch(/packet {2}tapstack.*send-packet: .* 8\.00 +10\.00 +0\.80.*met$/s)
  })
})

test('a profile is summed up by function, recursion counted once, inside a window', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-profile-'))
  const file = join(folder, 'a.cpuprofile')
  const frame = (functionName: string) => ({ functionName, url: 'node:x', lineNumber: 0, columnNumber: 0 })
  const profile = {
    nodes: [
      { id: 1, callFrame: { ...frame('(root)'), url: '' }, children: [2] },
      { id: 2, callFrame: frame('outer'), children: [3] },
      { id: 3, callFrame: frame('toString'), children: [4] },
      { id: 4, callFrame: frame('outer') },
    ],
    startTime: 1000,
    endTime: 1600,
    // At 1100, 1200, 1300, 1400, 1500; each stands for the 100 microseconds that follow it.
    samples: [2, 3, 4, 4, 2],
    timeDeltas: [100, 100, 100, 100, 100],
  }
  try {
    writeFileSync(file, JSON.stringify(profile))
    const { duration, functions } = summarize(file, { begin: 1150, end: 1450 })
    expect(duration).toBe(300)
    expect(functions).toEqual([
      { name: 'outer', where: 'node:x:1', self: 200, total: 300 },
      { name: 'toString', where: 'node:x:1', self: 100, total: 300 },
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
