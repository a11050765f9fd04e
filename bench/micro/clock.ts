import { HostClock, KeyedHash, SECOND, SecureRandom, SeededRandom, Timer } from '../../src/clock/index.ts'
import { type MicroResult, measure } from './measure.ts'

/** What the layers ask of src/clock for every packet: the time, a timer, a place in a table. */

const OPERATIONS = 500

export async function clockBenchmarks(): Promise<MicroResult[]> {
  const clock = new HostClock()
  const handler = { onTimer() {} }
  // A stack with 10,000 connections, each with a timer; the clock is never idle.
  const crowd = Array.from({ length: 10_000 }, () => new Timer(handler))
  for (const [index, timer] of crowd.entries()) clock.arm(timer, clock.now() + 3600 * SECOND + index)
  const timers = Array.from({ length: 64 }, () => new Timer(handler))
  const base = clock.now() + 60 * SECOND
  const secure = new SecureRandom()
  const seeded = new SeededRandom(1)
  const hash = new KeyedHash(seeded)

  const results = await measure([
    {
      name: 'clock: now',
      operations: OPERATIONS,
      run() {
        let last = 0
        for (let i = 0; i < OPERATIONS; i++) last = clock.now()
        return last & 1
      },
    },
    {
      name: 'timer: arm and disarm',
      operations: OPERATIONS,
      run() {
        for (let i = 0; i < OPERATIONS; i++) {
          const timer = timers[i & 63]
          clock.arm(timer, base + i * 10_000)
          clock.disarm(timer)
        }
        return timers[0].list
      },
    },
    {
      name: 'timer: arm again, another slot',
      operations: OPERATIONS,
      run() {
        for (let i = 0; i < OPERATIONS; i++) clock.arm(timers[i & 63], base + i * 300_000)
        return timers[0].list
      },
    },
    {
      name: 'timer: arm again, same slot',
      operations: OPERATIONS,
      run() {
        for (let i = 0; i < OPERATIONS; i++) clock.arm(timers[i & 63], base + i)
        return timers[0].list
      },
    },
    {
      name: 'keyed hash: IPv4 connection (3 words)',
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) result ^= hash.hash3(0x0a000002, 0x0a000001, i)
        return result
      },
    },
    {
      name: 'keyed hash: connection of either family (9 words)',
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) result ^= hash.hash9(0, 0, 0xffff, 0x0a000002, 0, 0, 0xffff, i, i)
        return result
      },
    },
    {
      name: 'random: secure int32',
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) result ^= secure.int32()
        return result
      },
    },
    {
      name: 'random: seeded int32',
      operations: OPERATIONS,
      run() {
        let result = 0
        for (let i = 0; i < OPERATIONS; i++) result ^= seeded.int32()
        return result
      },
    },
  ])
  clock.close()
  return results
}
