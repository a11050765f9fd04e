import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timer, TimingWheel } from './index.ts'

const DAY = 86_400_000_000
const TICK = 1024

/** What a timing wheel must do, done in the plainest way. */
class ModelWheel {
  readonly armed = new Map<number, { expiry: number; sequence: number }>()
  #sequence = 0

  insert(id: number, expiry: number): void {
    this.armed.set(id, { expiry, sequence: ++this.#sequence })
  }

  remove(id: number): void {
    this.armed.delete(id)
  }

  run(now: number, fire: (id: number) => void): void {
    const limit = this.#sequence
    for (;;) {
      const due = [...this.armed].filter(([, timer]) => timer.expiry <= now && timer.sequence <= limit)
      if (due.length === 0) return
      due.sort(([, a], [, b]) => a.expiry - b.expiry || a.sequence - b.sequence)
      const [id] = due[0]
      this.armed.delete(id)
      fire(id)
    }
  }

  nextExpiry(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.armed.values()].map((timer) => timer.expiry))
  }
}

type Action = { kind: 'arm'; id: number; delay: number } | { kind: 'disarm'; id: number }
type Operation = Action | { kind: 'run'; duration: number }

const TIMERS = 12

/** Delays near every boundary of the wheel: ticks, slots and spans of each level, and beyond all of them. */
const delay = fc.oneof(
  fc.integer({ min: -3000, max: 3000 }),
  fc.integer({ min: 0, max: 400_000 }),
  fc
    .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: -2, max: 2 }))
    .map(([level, multiple, near]) => TICK * 256 ** level * multiple + near),
  fc.integer({ min: 0, max: 120 * DAY }),
  fc.double({ min: 0, max: 5000, noNaN: true }),
)
const id = fc.nat(TIMERS - 1)
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('arm' as const), id, delay }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disarm' as const), id }) },
)
const duration = delay.map((value) => Math.abs(value))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: action },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('run' as const), duration }) },
)

/** Runs operations on wheel and model side by side; `scripts[id]` is what timer `id` does each time that it fires. */
function compare(start: number, operations: readonly Operation[], scripts: readonly (readonly Action[])[]): void {
  const wheel = new TimingWheel(start)
  const model = new ModelWheel()
  const fired: string[] = []
  const expected: string[] = []
  let now = start

  const timers = scripts.map((script, index) => {
    return new Timer({
      onTimer(timer) {
        fired.push(`${index} due ${timer.expiry}`)
        expect(timer.armed).toBe(false)
        for (const step of script) {
          if (step.kind === 'arm') wheel.insert(timers[step.id], now + step.delay)
          else wheel.remove(timers[step.id])
        }
      },
    })
  })
  const expiryOf = new Map<number, number>()
  const modelInsert = (index: number, expiry: number) => {
    expiryOf.set(index, expiry)
    model.insert(index, expiry)
  }
  const modelFire = (index: number) => {
    expected.push(`${index} due ${expiryOf.get(index)}`)
    for (const step of scripts[index]) {
      if (step.kind === 'arm') modelInsert(step.id, now + step.delay)
      else model.remove(step.id)
    }
  }

  for (const step of operations) {
    if (step.kind === 'arm') {
      wheel.insert(timers[step.id], now + step.delay)
      modelInsert(step.id, now + step.delay)
    } else if (step.kind === 'disarm') {
      wheel.remove(timers[step.id])
      model.remove(step.id)
    } else {
      now += step.duration
      const before = fired.length
      expect(wheel.run(now)).toBe(fired.length - before)
      model.run(now, modelFire)
    }
    expect(fired).toEqual(expected)
    expect(wheel.size).toBe(model.armed.size)
    for (const [index, timer] of timers.entries()) expect(timer.armed).toBe(model.armed.has(index))
    expect(wheel.nextExpiry()).toBe(model.nextExpiry())
    expect(wheel.nextWake()).toBeLessThanOrEqual(model.nextExpiry())
  }
}

describe('TimingWheel', () => {
  it('fires the same timers in the same order as a sorted list, whatever is armed, disarmed and run', () => {
    const starts = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 * DAY }), fc.constant(2 ** 42 - 5))
    const scripts = fc.array(fc.array(action, { maxLength: 3 }), { minLength: TIMERS, maxLength: TIMERS })
    fc.assert(fc.property(starts, fc.array(operation, { maxLength: 60 }), scripts, compare), { numRuns: 1500 })
  })

  it('fires every timer once in order, 100,000 of them', () => {
    const wheel = new TimingWheel(0)
    const fired: number[] = []
    const handler = { onTimer: (timer: Timer) => void fired.push(timer.expiry) }
    const expiries: number[] = []
    for (let i = 0; i < 100_000; i++) {
      // A spread from microseconds to months, with many at the same time.
      const expiry = Math.floor(((i * 7919) % 100_003) ** (1 + (i % 5) / 2.2))
      expiries.push(expiry)
      wheel.insert(new Timer(handler), expiry)
    }
    let now = 0
    let isMonotonic = true
    while (wheel.size > 0) {
      isMonotonic &&= wheel.nextWake() >= now
      now = wheel.nextWake()
      wheel.run(now)
    }
    expect(isMonotonic).toBe(true)
    expect(fired).toEqual(expiries.sort((a, b) => a - b))
  })

  it('arms and disarms at the same cost among 100,000 timers as among 1,000', () => {
    const costAmong = (count: number) => {
      const wheel = new TimingWheel(0)
      const handler = { onTimer() {} }
      // All within one slot of the second level and all distinct: the worst case for anything kept in order.
      for (let i = 0; i < count; i++) wheel.insert(new Timer(handler), 300_000 + i)
      const timers = Array.from({ length: 1000 }, () => new Timer(handler))
      let best = Number.POSITIVE_INFINITY
      for (let round = 0; round < 20; round++) {
        const begin = process.hrtime.bigint()
        for (let i = 0; i < timers.length; i++) wheel.insert(timers[i], 300_000 + i * 97)
        for (let i = 0; i < timers.length; i++) wheel.remove(timers[i])
        best = Math.min(best, Number(process.hrtime.bigint() - begin))
      }
      return best
    }
    costAmong(1000)
    // A sorted list would take 100 times as long; caches may cost some.
    expect(costAmong(100_000)).toBeLessThan(10 * costAmong(1000))
  })

  it('leaves what a handler arms for the present to the next run', () => {
    const wheel = new TimingWheel(0)
    let count = 0
    const again = new Timer({
      onTimer(timer) {
        count++
        wheel.insert(timer, 0)
      },
    })
    wheel.insert(again, 10)
    expect(wheel.run(10)).toBe(1)
    expect(wheel.run(10)).toBe(1)
    expect(count).toBe(2)
    expect(again.armed).toBe(true)
    expect(wheel.nextWake()).toBe(0)
  })

  it('keeps the other timers when a handler throws', () => {
    const wheel = new TimingWheel(0)
    const fired: string[] = []
    wheel.insert(
      new Timer({
        onTimer() {
          throw new Error('handler')
        },
      }),
      1,
    )
    wheel.insert(new Timer({ onTimer: () => void fired.push('other') }), 1)
    expect(() => wheel.run(5)).toThrow('handler')
    expect(wheel.size).toBe(1)
    expect(wheel.run(5)).toBe(1)
    expect(fired).toEqual(['other'])
  })

  it('refuses an expiry that is not a number, and takes an infinite one', () => {
    const wheel = new TimingWheel(0)
    const timer = new Timer({ onTimer() {} })
    expect(() => wheel.insert(timer, Number.NaN)).toThrow(RangeError)
    wheel.insert(timer, Number.POSITIVE_INFINITY)
    expect(wheel.run(365 * DAY)).toBe(0)
    expect(timer.armed).toBe(true)
    expect(wheel.nextWake()).toBe(Number.POSITIVE_INFINITY)
    wheel.remove(timer)
    expect(wheel.size).toBe(0)
  })
})
