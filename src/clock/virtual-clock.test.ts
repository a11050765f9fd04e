import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MINUTE, SECOND, SeededRandom, Timer, VirtualClock } from './index.ts'

const HOUR = 60 * MINUTE

describe('VirtualClock', () => {
  it('fires each timer at its own expiry, in order', () => {
    const expiry = fc.oneof(fc.nat(5000), fc.nat(10 * SECOND), fc.nat(48 * HOUR))
    fc.assert(
      fc.property(
        fc.array(expiry, { maxLength: 50 }),
        fc.array(fc.nat(6 * HOUR), { maxLength: 20 }),
        (expiries, steps) => {
          const clock = new VirtualClock()
          const fired: [number, number][] = []
          for (const [index, at] of expiries.entries()) {
            clock.arm(
              new Timer({
                onTimer(timer) {
                  expect(clock.now()).toBe(timer.expiry)
                  fired.push([clock.now(), index])
                },
              }),
              at,
            )
          }
          // Nothing fires from inside `arm`: what is due at the start waits for the first advance, even one by nothing.
          expect(fired).toEqual([])
          clock.advance(0)
          let end = 0
          for (const step of steps) {
            clock.advance(step)
            end += step
            expect(clock.now()).toBe(end)
          }
          const expected = expiries.map((at, index): [number, number] => [at, index]).filter(([at]) => at <= end)
          expected.sort((a, b) => a[0] - b[0] || a[1] - b[1])
          expect(fired).toEqual(expected)
          expect(clock.armedTimers).toBe(expiries.length - fired.length)
        },
      ),
      { examples: [[[0], []]] },
    )
  })

  it('fires what is due when it is told to advance by nothing', () => {
    const clock = new VirtualClock(100)
    const fired: string[] = []
    const arm = (name: string, at: number) => clock.arm(new Timer({ onTimer: () => void fired.push(name) }), at)
    arm('past', 40)
    arm('present', 100)
    arm('future', 101)
    expect(fired).toEqual([])
    expect(clock.advance(0)).toBe(2)
    expect(fired).toEqual(['past', 'present'])
    arm('present again', 100)
    expect(clock.advanceTo(100)).toBe(1)
    expect(fired).toEqual(['past', 'present', 'present again'])
  })

  it('fires what handlers arm within the same advance, down to the microsecond', () => {
    const clock = new VirtualClock()
    const times: number[] = []
    clock.arm(
      new Timer({
        onTimer(timer) {
          times.push(clock.now())
          if (times.length < 5) clock.arm(timer, clock.now() + 3)
        },
      }),
      1_000_000,
    )
    clock.advanceTo(2_000_000)
    expect(times).toEqual([1_000_000, 1_000_003, 1_000_006, 1_000_009, 1_000_012])
    expect(clock.now()).toBe(2_000_000)
  })

  it('fires what a handler arms for the present at the same instant, after its contemporaries', () => {
    const clock = new VirtualClock()
    const order: string[] = []
    const late = new Timer({ onTimer: () => void order.push(`late ${clock.now()}`) })
    const first = new Timer({
      onTimer() {
        order.push('first')
        clock.arm(late, 0)
      },
    })
    clock.arm(first, 50)
    clock.arm(new Timer({ onTimer: () => void order.push('second') }), 50)
    clock.advanceTo(50)
    expect(order).toEqual(['first', 'second', 'late 50'])
  })

  it('says so when timers arm each other for the present without end', () => {
    const clock = new VirtualClock()
    clock.arm(new Timer({ onTimer: (timer) => clock.arm(timer, clock.now()) }), 10)
    expect(() => clock.advance(20)).toThrow(/without end at 10 us/)
  })

  it('does not go back, and refuses to be advanced by a timer', () => {
    const clock = new VirtualClock(100)
    expect(() => clock.advanceTo(99)).toThrow(RangeError)
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
    clock.arm(new Timer({ onTimer: () => void clock.advance(5) }), 200)
    expect(() => clock.advance(500)).toThrow(/ran the clock/)
  })

  it('knows the next expiry, exactly and far away', () => {
    const clock = new VirtualClock()
    expect(clock.nextExpiry()).toBeUndefined()
    const handler = { onTimer() {} }
    for (let i = 0; i < 100; i++) clock.arm(new Timer(handler), 90 * 24 * HOUR + i * 7 + 3)
    expect(clock.nextExpiry()).toBe(90 * 24 * HOUR + 3)
    clock.advance(90 * 24 * HOUR + 3)
    expect(clock.nextExpiry()).toBe(90 * 24 * HOUR + 10)
    expect(clock.armedTimers).toBe(99)
  })

  it('runs until idle, or to the limit', () => {
    const clock = new VirtualClock()
    let left = 3
    clock.arm(
      new Timer({
        onTimer(timer) {
          if (--left > 0) clock.arm(timer, clock.now() + HOUR)
        },
      }),
      5,
    )
    expect(clock.runUntilIdle(HOUR)).toBe(false)
    expect(clock.now()).toBe(HOUR)
    expect(clock.runUntilIdle(10 * HOUR)).toBe(true)
    expect(clock.now()).toBe(2 * HOUR + 5)
  })

  it('has the same wall-clock time at every run', () => {
    expect(new Date(new VirtualClock().epoch / 1000).toISOString()).toBe('2020-01-01T00:00:00.000Z')
  })
})

/** An application written with promises: it sleeps, and what it does next depends on who woke first. */
function sleeper(clock: VirtualClock) {
  return (duration: number) =>
    new Promise<void>((resolve) => {
      clock.arm(new Timer({ onTimer: () => resolve() }), clock.now() + duration)
    })
}

describe('VirtualClock with promises', () => {
  it('lets promises go on between timers', async () => {
    const clock = new VirtualClock()
    const sleep = sleeper(clock)
    const log: string[] = []
    const program = async (name: string, step: number) => {
      for (let i = 0; i < 3; i++) {
        await sleep(step)
        await Promise.resolve()
        log.push(`${name} ${clock.now()}`)
      }
    }
    const done = Promise.all([program('a', 100), program('b', 150)])
    await clock.advanceAsync(1000)
    await done
    // At 300 both are due, and b armed its timer first, at 150.
    expect(log).toEqual(['a 100', 'b 150', 'a 200', 'b 300', 'a 300', 'b 450'])
    expect(clock.now()).toBe(1000)
  })

  it('is deterministic: one seed, one history', async () => {
    const history = async (seed: number) => {
      const clock = new VirtualClock()
      const random = new SeededRandom(seed)
      const sleep = sleeper(clock)
      const log: string[] = []
      const program = async (name: number) => {
        for (let i = 0; i < 20; i++) {
          await sleep(random.below(10 * SECOND))
          log.push(`${name} ${clock.now()}`)
        }
      }
      const all = Promise.all(Array.from({ length: 10 }, (_, name) => program(name)))
      expect(await clock.runUntilIdleAsync()).toBe(true)
      await all
      return log.join('\n')
    }
    const first = await history(42)
    expect(await history(42)).toBe(first)
    expect(await history(43)).not.toBe(first)
  })

  it('settles a promise and stops there', async () => {
    const clock = new VirtualClock()
    const sleep = sleeper(clock)
    const value = sleep(5 * SECOND).then(() => 'value')
    sleep(10 * SECOND)
    expect(await clock.settle(value)).toBe('value')
    expect(clock.now()).toBe(5 * SECOND)
    await expect(clock.settle(Promise.reject(new Error('refused')))).rejects.toThrow('refused')
    await expect(clock.settle(sleep(SECOND), SECOND / 2)).rejects.toThrow(/500000 us have passed/)
    clock.runUntilIdle()
    await expect(clock.settle(new Promise(() => {}))).rejects.toThrow(/no timer is armed/)
  })
})
