/** A flood of SYNs at the full rate, from all over the Internet, while honest clients come and go. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { AttackedService } from './attacked-service.ts'

const ECHO = 7
/** A little above what is asked for, so that it is that much when starting and ending are counted in. */
const SYNS_PER_SECOND = 52_000
const ASKED_FOR = 50_000
const SECONDS = 5
/** A fifth of a second: on a small machine, attacker, service and client take turns. */
const QUEUE_LENGTH = 10_000
/** `src/stack/direct/direct-stack.ts`. */
const BACKLOG = 4096

describeWithNamespaces('a service under 50,000 SYNs a second', () => {
  let attacked: AttackedService

  beforeEach((context) => requires(context, 'cc', 'ping'))
  beforeAll(async () => {
    attacked = await AttackedService.start(['--gateway', '10.0.0.1'], QUEUE_LENGTH)
  })
  afterAll(async () => {
    await attacked?.[Symbol.asyncDispose]()
  })

  /** Frames that the kernel could not queue for the device. */
  async function droppedFrames(): Promise<number> {
    const { stdout } = await attacked.namespace.run('ip', ['-statistics', '-json', 'link', 'show', 'tap0'])
    return JSON.parse(stdout)[0].stats64.tx.dropped
  }

  test('serves everyone who is honest, within its memory', async () => {
    const before = await attacked.report()
    const droppedBefore = await droppedFrames()
    const client = attacked.bystander((SECONDS + 1) * 1000, 0)
    await client.waitFor('open')
    const begin = performance.now()
    const attacker = attacked.attack('flood', SYNS_PER_SECOND, SECONDS, ECHO)
    const heaps: number[] = []
    for (let i = 1; i < SECONDS; i++) {
      await new Promise((resolve) => setTimeout(resolve, begin + i * 1000 - performance.now()))
      const during = await attacked.report()
      heaps.push(during.heap)
      expect(during.connections).toBeLessThanOrEqual(BACKLOG + before.connections + 3)
    }
    const sent = Number((await attacker.finish(12_000)).stdout)
    const rate = sent / ((performance.now() - begin) / 1000)
    const { stdout } = await client.finish(20_000)
    const result = JSON.parse(stdout.trim().split('\n').at(-1)!)
    expect(result).toMatchObject({ changed: 0, failures: [] })
    expect(result.connections).toBeGreaterThan(100)
    expect(rate).toBeGreaterThan(ASKED_FOR)
    const after = await attacked.report()
    // Whatever the device's queue took has come to the stack, and that is nearly all.
    const seen = after.tcp.InSegs - before.tcp.InSegs
    expect(seen).toBeGreaterThanOrEqual(sent - ((await droppedFrames()) - droppedBefore))
    expect(seen).toBeGreaterThan(sent * 0.8)
    expect(after.tcp.SyncookiesSent).toBeGreaterThan(sent / 2)
    // Half-open connections, and nothing else.
    expect(Math.max(...heaps, after.heap)).toBeLessThan(before.heap + BACKLOG * 4096)
    // 60 bytes for each SYN would be more than this. Less would also tell of what a starved collector has yet to free.
    expect(after.external).toBeLessThan(before.external + 15_000_000)
    expect(after).toMatchObject({ packets: 0, receiveBytes: 0 })
    expect(attacked.complaints).toBe('')
  })
})
