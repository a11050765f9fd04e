import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { HostClock, MINUTE, SECOND, Timer } from './index.ts'

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

afterEach(() => {
  vi.restoreAllMocks()
})

describe('HostClock', () => {
  it('is monotonic, in whole microseconds, and knows the wall clock', async () => {
    const clock = new HostClock()
    let last = clock.now()
    for (let i = 0; i < 10_000; i++) {
      const now = clock.now()
      expect(now >= last && Number.isInteger(now)).toBe(true)
      last = now
    }
    const before = clock.now()
    await sleep(20)
    expect(clock.now() - before).toBeGreaterThan(15_000)
    expect(Math.abs(clock.epoch + clock.now() - Date.now() * 1000)).toBeLessThan(SECOND)
    clock.close()
  })

  it('fires in order and never early', async () => {
    const clock = new HostClock()
    const start = clock.now()
    const fired: number[] = []
    const delays = [9000, 1000, 0, 30_000, 4500, 1000, -5]
    await new Promise<void>((resolve) => {
      for (const delay of delays) {
        clock.arm(
          new Timer({
            onTimer(timer) {
              expect(clock.now()).toBeGreaterThanOrEqual(timer.expiry)
              fired.push(timer.expiry - start)
              if (fired.length === delays.length) resolve()
            },
          }),
          start + delay,
        )
      }
      expect(fired).toEqual([])
    })
    expect(fired).toEqual([...delays].sort((a, b) => a - b))
    expect(clock.armedTimers).toBe(0)
    clock.close()
  })

  it('touches the host timer only for an earlier deadline', () => {
    const clock = new HostClock()
    const setHostTimer = vi.spyOn(globalThis, 'setTimeout')
    const timers = Array.from({ length: 100 }, () => new Timer({ onTimer() {} }))
    for (const [index, timer] of timers.entries()) clock.arm(timer, clock.now() + SECOND + index)
    expect(setHostTimer).toHaveBeenCalledTimes(1)
    // The retransmission timer of a busy connection: always later, often disarmed.
    for (let i = 0; i < 10_000; i++) {
      clock.arm(timers[0], clock.now() + 2 * SECOND + i)
      clock.disarm(timers[1])
      clock.arm(timers[1], clock.now() + 2 * SECOND)
    }
    expect(setHostTimer).toHaveBeenCalledTimes(1)
    clock.arm(timers[2], clock.now() + SECOND / 2)
    expect(setHostTimer).toHaveBeenCalledTimes(2)
    clock.close()
  })

  it('goes on to a later deadline after the host timer fired for one that was disarmed', async () => {
    const clock = new HostClock()
    const fired: string[] = []
    const early = new Timer({ onTimer: () => void fired.push('early') })
    const late = new Timer({ onTimer: () => void fired.push('late') })
    clock.arm(early, clock.now() + 2000)
    clock.arm(late, clock.now() + 12_000)
    clock.disarm(early)
    await sleep(60)
    expect(fired).toEqual(['late'])
    clock.close()
  })

  it('fires what a handler arms for the present in a later run', async () => {
    const clock = new HostClock()
    let depth = 0
    let count = 0
    await new Promise<void>((resolve) => {
      const timer = new Timer({
        onTimer() {
          depth++
          expect(depth).toBe(1)
          if (++count < 50) clock.arm(timer, clock.now())
          else resolve()
          depth--
        },
      })
      clock.arm(timer, 0)
    })
    expect(count).toBe(50)
    clock.close()
  })

  it('fires nothing once closed', async () => {
    const clock = new HostClock()
    let fired = 0
    const timer = new Timer({ onTimer: () => void fired++ })
    clock.arm(timer, clock.now() + 1000)
    clock.close()
    clock.arm(new Timer({ onTimer: () => void fired++ }), clock.now())
    await sleep(20)
    expect(fired).toBe(0)
    clock.close()
  })
})

describe('HostClock and the life of the process', () => {
  /** Runs a script with `clock` and `timer` (10 minutes off) in a process of its own. @returns milliseconds it took */
  function lifetime(script: string): number {
    const index = fileURLToPath(new URL('./index.ts', import.meta.url))
    const program = `
      import { HostClock, Timer } from ${JSON.stringify(index)}
      const begin = performance.now()
      process.on('exit', () => process.stdout.write(String(performance.now() - begin)))
      const clock = new HostClock()
      const timer = new Timer({ onTimer() {} })
      ${script}`
    const result = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(result.stderr).toBe('')
    expect(result.signal).toBeNull()
    return Number(result.stdout)
  }

  it('keeps it alive while a timer is armed', () => {
    expect(lifetime('clock.arm(timer, clock.now() + 300_000)')).toBeGreaterThanOrEqual(300)
  })

  it.each([
    ['disarmed', `clock.arm(timer, clock.now() + ${10 * MINUTE}); clock.disarm(timer)`],
    ['unref', `clock.unref(); clock.arm(timer, clock.now() + ${10 * MINUTE})`],
    ['unref later', `clock.arm(timer, clock.now() + ${10 * MINUTE}); clock.unref()`],
    ['closed', `clock.arm(timer, clock.now() + ${10 * MINUTE}); clock.close()`],
    ['fired', `clock.arm(timer, clock.now() + 1000)`],
  ])('lets it end: %s', (_, script) => {
    expect(lifetime(script)).toBeLessThan(5000)
  })

  it('holds it up again when a timer is armed on an idle clock, or ref is called', () => {
    const wait = 300_000
    const idle = `clock.arm(timer, clock.now() + 100_000); clock.disarm(timer); clock.arm(timer, clock.now() + ${wait})`
    expect(lifetime(idle)).toBeGreaterThanOrEqual(300)
    expect(lifetime(`clock.unref(); clock.arm(timer, clock.now() + ${wait}); clock.ref()`)).toBeGreaterThanOrEqual(300)
  })
})
