import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { established } from '../../test/support/scripted-peer.ts'
import { SECOND, VirtualClock } from '../clock/index.ts'
import { TimeWait, TimeWaitList } from './time-wait.ts'

describe('the TIME-WAIT list', () => {
  test('lets each record expire in its time, whatever is restarted and deleted meanwhile', () => {
    const { connection } = established()
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'restart', 'delete', 'wait'),
      which: fc.nat(20),
      seconds: fc.nat(40),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const clock = new VirtualClock()
        const expired: TimeWait[] = []
        const list = new TimeWaitList(clock, 60 * SECOND, (record) => void expired.push(record))
        /** When each ends, in order of that. */
        let model: { record: TimeWait; end: number }[] = []
        for (const { kind, which, seconds } of steps) {
          const chosen = model[which % Math.max(model.length, 1)]
          if (kind === 'add') {
            const record = new TimeWait(connection)
            list.add(record)
            model.push({ record, end: clock.now() + 60 * SECOND })
          } else if (kind === 'restart' && chosen !== undefined) {
            list.restart(chosen.record)
            model = [...model.filter((each) => each !== chosen), { ...chosen, end: clock.now() + 60 * SECOND }]
          } else if (kind === 'delete' && chosen !== undefined) {
            list.delete(chosen.record)
            model = model.filter((each) => each !== chosen)
          } else if (kind === 'wait') {
            clock.advance(seconds * SECOND)
            const over = model.filter((each) => each.end <= clock.now())
            expect(expired.splice(0)).toEqual(over.map((each) => each.record))
            model = model.filter((each) => each.end > clock.now())
          }
          expect(list.size).toBe(model.length)
          expect(list.oldest).toBe(model[0]?.record ?? null)
          expect(clock.armedTimers).toBe(model.length === 0 ? 0 : 1)
        }
        clock.advance(61 * SECOND)
        expect([list.size, clock.armedTimers]).toEqual([0, 0])
      }),
    )
  })

  test('closed, it holds nothing and no timer', () => {
    const { connection } = established()
    const clock = new VirtualClock()
    const list = new TimeWaitList(clock, 60 * SECOND, () => expect.unreachable())
    list.add(new TimeWait(connection))
    list.close()
    expect([list.size, list.oldest, clock.armedTimers]).toEqual([0, null, 0])
    clock.advance(100 * SECOND)
  })
})
