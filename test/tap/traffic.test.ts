import { beforeEach, expect, it } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

const FINAL = /^\{.*\}$/m

/** A namespace whose kernel is 10.0.0.1, with an echo program at 10.0.0.2 behind tap0. */
async function withEcho(mode: string) {
  const namespace = await Namespace.create()
  const echo = namespace.spawnNode('test/tap/programs/echo.ts', ['tap0', mode])
  await echo.waitFor('ready')
  await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
  return {
    namespace,
    async counters() {
      echo.signal('SIGTERM')
      await echo.finished
      return JSON.parse(echo.stdout.match(FINAL)![0])
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  }
}

/** Two namespaces, 10.0.0.1 and 10.0.0.2 (fd00::1 and fd00::2), joined by two taps and a program between them. */
async function withBridge(mode: string) {
  const left = await Namespace.create()
  const right = await Namespace.create()
  const bridge = left.spawnNode('test/tap/programs/bridge.ts', ['tap0', 'tap1', mode], {
    environment: { PEER: String(right.pid) },
  })
  await bridge.waitFor('ready')
  await right.run('ip', ['link', 'set', 'tap1', 'up'])
  for (const [namespace, device, host] of [
    [left, 'tap0', 1],
    [right, 'tap1', 2],
  ] as const) {
    await namespace.run('ip', ['address', 'add', `10.0.0.${host}/24`, 'dev', device])
    await namespace.run('ip', ['address', 'add', `fd00::${host}/64`, 'dev', device, 'nodad'])
  }
  return {
    left,
    right,
    async counters() {
      bridge.signal('SIGTERM')
      const finished = await bridge.finished
      expect(finished.status, finished.describe()).toBe(0)
      return JSON.parse(finished.stdout.match(/^counters (.*)$/m)![1])
    },
    async [Symbol.asyncDispose]() {
      await left[Symbol.asyncDispose]()
      await right[Symbol.asyncDispose]()
    },
  }
}

describeWithNamespaces.each(['offload', 'plain'])('frames between the kernel and a tap, %s', (mode) => {
  beforeEach((context) => requires(context, 'ping'))

  it.each([0, 56, 1472])('ping with %i bytes loses nothing', async (size) => {
    await using echo = await withEcho(mode)
    const ping = await echo.namespace.run('ping', ['-q', '-c', '200', '-i', '0.005', '-s', `${size}`, '10.0.0.2'])
    expect(ping.stdout).toContain('200 packets transmitted, 200 received')
    expect(await echo.counters()).toMatchObject({
      receiveMalformed: 0,
      transmitError: 0,
      receiveNoMemory: 0,
      inUse: 64,
    })
  })

  it('UDP comes back with the checksum that the kernel left to the device', async () => {
    await using echo = await withEcho(mode)
    const script = `
      const socket = require('node:dgram').createSocket('udp4'), { randomBytes } = require('node:crypto')
      let left = 50, data
      const next = () => { data = randomBytes(1 + left * 29); socket.send(data, 7, '10.0.0.2') }
      socket.on('message', (answer) => {
        if (!answer.equals(data)) throw new Error('another datagram')
        if (--left > 0) next(); else { console.log('all equal'); socket.close() }
      })
      next()`
    const finished = await echo.namespace.run(process.execPath, ['-e', script], { timeout: 10_000 })
    expect(finished.stdout).toContain('all equal')
  })

  it.each([
    ['10.0.0.2', '10.0.0.1'],
    ['fd00::2', 'fd00::1'],
  ])('TCP to %s, both ways at once, keeps every byte', { timeout: 60_000 }, async (there, here) => {
    await using bridge = await withBridge(mode)
    const { left, right } = bridge
    const megabytes = mode === 'plain' ? 40 : 100
    const servers = [
      right.spawnNode('test/tap/programs/transfer.ts', ['serve', there, '5001']),
      left.spawnNode('test/tap/programs/transfer.ts', ['serve', here, '5001']),
    ]
    for (const server of servers) await server.waitFor('ready')
    const results = await Promise.all([
      left.runNode('test/tap/programs/transfer.ts', ['send', there, '5001', `${megabytes}`], { timeout: 50_000 }),
      right.runNode('test/tap/programs/transfer.ts', ['send', here, '5001', `${megabytes}`], { timeout: 50_000 }),
    ])
    for (const result of results) expect(JSON.parse(result.stdout)).toMatchObject({ agrees: true })
    const { counters, inUse } = await bridge.counters()
    for (const tap of counters) {
      expect(tap).toMatchObject({ receiveMalformed: 0, receiveNoMemory: 0, transmitQueueFull: 0 })
      expect(tap.receivedBytes).toBeGreaterThan(megabytes * 1e6)
      // With offload, segments of many times the MTU; without, none.
      const mean = tap.receivedBytes / tap.receivedFrames
      if (mode === 'plain') expect(mean).toBeLessThan(1515)
      else expect(mean).toBeGreaterThan(5000)
    }
    expect(inUse).toBe(0)
    const speeds = results.map((result) => JSON.parse(result.stdout).gigabitsPerSecond.toFixed(2))
    console.log(`tap to tap, ${mode}, ${there}: ${speeds.join(' and ')} Gbit/s (both ways at once, hashing both ends)`)
  })
})

describeWithNamespaces('the speed of a tap', () => {
  it.each([
    ['60', 50_000],
    ['1514', 50_000],
    ['60000', 10_000],
  ])('with frames of %s bytes', async (size, least) => {
    await using namespace = await Namespace.create()
    const finished = await namespace.runNode('test/tap/programs/blaster.ts', ['tap0', size])
    const { framesPerSecond, gigabitsPerSecond, transmitError } = JSON.parse(finished.stdout)
    console.log(`${size} bytes: ${framesPerSecond} frames/s, ${gigabitsPerSecond.toFixed(1)} Gbit/s sent`)
    expect(transmitError).toBe(0)
    // Far below what any machine does: this catches a poll or a copy gone wrong, not a slow day.
    expect(framesPerSecond).toBeGreaterThan(least)
  })
})
