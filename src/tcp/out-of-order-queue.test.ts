import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newTcpCounters } from './counters.ts'
import { OutOfOrderMemory, outOfOrderPages } from './out-of-order-memory.ts'
import { ISLANDS_PER_PAGE, MOST_ISLANDS, OutOfOrderQueue, PAGE_SIZE } from './out-of-order-queue.ts'
import { ReceiveQueue } from './receive-queue.ts'
import { sequenceNumber } from './sequence-number.ts'

/** Bytes that tell their place; `mark` stands for all of them instead, if it is not 0. */
function segment(place: number, length: number, mark = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = mark || (place + i) & 255
  return bytes
}

function queues(pages = 1000) {
  const counters = newTcpCounters()
  const memory = new OutOfOrderMemory(pages, counters)
  return { counters, memory, queue: new OutOfOrderQueue(memory) }
}

function insert(queue: OutOfOrderQueue, place: number, length = 1, now = 0, base = 0): boolean {
  return queue.insert(segment(place, length), 0, sequenceNumber(base + place), length, now)
}

/** Takes everything out, whatever is missing, as pairs of place and byte. */
function drain(queue: OutOfOrderQueue, base = 0): [place: number, byte: number][] {
  const got: [number, number][] = []
  while (queue.count > 0) {
    const start = sequenceNumber(queue.starts[0])
    expect(queue.isReady(sequenceNumber(start - 1))).toBe(false)
    expect(queue.isReady(start)).toBe(true)
    const target = new ReceiveQueue()
    const count = queue.shift(start, target)
    expect(target.length).toBe(count)
    let place = (start - base) | 0
    const take = (view: Uint8Array) => {
      for (const byte of view) got.push([place++, byte])
      return true
    }
    target.drain({ take })
  }
  return got
}

describe('the out-of-order queue', () => {
  test.each([
    [0, 300, 120],
    [0x7fffffc0, 300, 120],
    [0xffffffc0, 300, 120],
    [0xffff0000, 120_000, 40_000],
  ])('keeps every byte once and in order, from %s on', (base, places, longest) => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ place: fc.nat(places), length: fc.integer({ min: 1, max: longest }) }), { maxLength: 40 }),
        (segments) => {
          const { queue, memory } = queues()
          // The model: whether each byte is there, and in which pages there are any.
          const have = new Uint8Array(places + longest)
          const pages = new Set<number>()
          let bytes = 0
          for (const { place, length } of segments) {
            const end = place + length
            const first = have.subarray(0, end).indexOf(1, place)
            const behind = have.subarray(0, end).indexOf(0, Math.max(first, 0))
            const duplicate = first === -1 ? null : [first, behind === -1 ? end : behind]
            expect(insert(queue, place, length, 0, base)).toBe(true)
            for (let i = place; i < end; i++) {
              if (have[i] === 1) continue
              have[i] = 1
              bytes++
              pages.add(((base + i) >>> 0) >>> 14)
            }
            expect(queue.hasDuplicate).toBe(duplicate !== null)
            if (duplicate !== null) {
              expect([(queue.duplicateStart - base) | 0, (queue.duplicateEnd - base) | 0]).toEqual(duplicate)
            }
            expect(queue.bytes).toBe(bytes)
            expect([queue.pages, memory.used]).toEqual([pages.size, pages.size])
          }
          for (const place of [0, 50, 100, 250, places]) {
            const island = queue.find(base + place)
            expect(island >= 0).toBe(have[place] === 1)
          }
          const got = drain(queue, base)
          let next = -1
          const isNext = (place: number) => {
            next = have.indexOf(1, next + 1)
            return place === next
          }
          expect(got.every(([place, byte]) => isNext(place) && byte === (place & 255))).toBe(true)
          expect(got).toHaveLength(bytes)
          expect([queue.pages, queue.bytes, memory.used]).toEqual([0, 0, 0])
        },
      ),
      { numRuns: places > 1000 ? 20 : 100 },
    )
  })

  test('what is there stays: a peer cannot change it', () => {
    const { queue } = queues()
    for (const [place, length, mark] of [
      [10, 10, 1],
      [30, 5, 1],
      [15, 10, 2],
      [5, 40, 3],
    ]) {
      queue.insert(segment(0, length, mark), 0, sequenceNumber(place), length, 0)
    }
    const marks = drain(queue).map(([, mark]) => mark)
    const run = (count: number, mark: number) => new Array(count).fill(mark)
    expect(marks).toEqual([...run(5, 3), ...run(10, 1), ...run(5, 2), ...run(5, 3), ...run(5, 1), ...run(10, 3)])
  })

  test('is bounded in islands, and still takes what joins one', () => {
    const { queue, memory } = queues()
    for (let i = MOST_ISLANDS; i > 0; i--) expect(insert(queue, i * 2)).toBe(true)
    expect(insert(queue, 3000)).toBe(false)
    expect(insert(queue, 1)).toBe(true)
    expect(insert(queue, 2 * MOST_ISLANDS + 1, 100)).toBe(true)
    expect(queue.count).toBe(MOST_ISLANDS)
    queue.shift(sequenceNumber(1), null)
    expect(insert(queue, 3000)).toBe(true)
    queue.hasFin = true
    queue.clear()
    expect([queue.count, queue.bytes, queue.hasFin, memory.used]).toEqual([0, 0, false, 0])
  })

  test('takes every second segment of a large window', () => {
    const { queue, counters } = queues()
    for (let i = 0; i < 3000; i++) expect(insert(queue, 1 + i * 2 * 1448, 1448)).toBe(true)
    expect([queue.count, queue.bytes, counters.OfoPruned]).toEqual([3000, 3000 * 1448, 0])
    expect(queue.mostIslands).toBe(queue.pages * ISLANDS_PER_PAGE)
    for (let i = 0; i < 3000; i++) expect(queue.shift(sequenceNumber(1 + i * 2 * 1448), null)).toBe(1448)
    expect([queue.pages, queue.mostIslands]).toEqual([0, MOST_ISLANDS])
  })

  test('gives only what is not delivered yet', () => {
    const { queue } = queues()
    insert(queue, 10, 10)
    insert(queue, 30, 10)
    const target = new ReceiveQueue()
    expect(queue.shift(sequenceNumber(15), target)).toBe(5)
    expect(target.read(100)).toEqual(Buffer.from(segment(15, 5)))
    expect(queue.shift(sequenceNumber(50), target)).toBe(0)
    expect([target.length, queue.pages]).toEqual([0, 0])
  })
})

describe('memory for data ahead of gaps', () => {
  test('is a quarter of the receive budget', () => {
    expect(outOfOrderPages(2 ** 28)).toBe(2 ** 26 / PAGE_SIZE)
    expect(outOfOrderPages(65_536)).toBe(1)
    expect(outOfOrderPages(1)).toBe(1)
  })

  test('when it is used up, who has most gives up its end', () => {
    const { queue: large, memory, counters } = queues(10)
    const small = new OutOfOrderQueue(memory)
    expect(insert(large, 100, 9 * PAGE_SIZE)).toBe(true)
    expect(large.pages).toBe(10)
    for (let i = 0; i < 5; i++) expect(insert(small, i * PAGE_SIZE)).toBe(true)
    // Both have five: nobody gives way any more.
    expect(insert(small, 5 * PAGE_SIZE)).toBe(false)
    expect(insert(large, 9 * PAGE_SIZE)).toBe(false)
    expect([large.pages, small.pages, memory.used, counters.OfoPruned]).toEqual([5, 5, 10, 5])
    expect([large.count, large.bytes, large.ends[0]]).toEqual([1, 5 * PAGE_SIZE - 100, 5 * PAGE_SIZE])
    expect(drain(large).every(([place, byte]) => byte === (place & 255))).toBe(true)
    small.clear()
    expect(memory.used).toBe(0)
  })

  test('a page that is given up takes all islands in it along', () => {
    const { queue, memory } = queues(2)
    insert(queue, 100, 50)
    insert(queue, PAGE_SIZE - 10, 20)
    insert(queue, PAGE_SIZE + 50, 20)
    insert(queue, PAGE_SIZE + 100, 20)
    queue.prune()
    expect([queue.count, queue.bytes, queue.pages]).toEqual([2, 60, 1])
    queue.prune()
    expect([queue.count, queue.bytes, queue.pages, memory.used]).toEqual([0, 0, 0, 0])
    for (let i = 0; i < 500; i++) insert(queue, i * 2)
    queue.prune()
    expect([queue.count, queue.starts.length, queue.ends.length]).toEqual([0, 4, 4])
    expect(insert(queue, 7)).toBe(true)
  })

  test('pages are used again, but not those that the application has got', () => {
    const { queue, memory } = queues()
    insert(queue, 0, PAGE_SIZE - 1)
    insert(queue, 3 * PAGE_SIZE, 10)
    const target = new ReceiveQueue()
    queue.shift(sequenceNumber(0), target)
    const given = target.read(PAGE_SIZE)!
    queue.clear()
    const again = memory.takePage()
    expect(again.bytes.buffer).not.toBe(given.buffer)
    expect(again.bytes[0]).toBe((3 * PAGE_SIZE) & 255)
    // Nor one of which the application has the front, when its end is given up.
    insert(queue, 0, PAGE_SIZE - 100)
    insert(queue, PAGE_SIZE - 50, 50)
    queue.shift(sequenceNumber(0), target)
    const front = target.read(PAGE_SIZE)!
    queue.prune()
    expect([memory.used, queue.pages]).toEqual([0, 0])
    expect(memory.takePage().bytes.buffer).not.toBe(front.buffer)
  })

  test('who has been silent gives way to whoever has as much', () => {
    const { queue: silent, memory } = queues(4)
    const active = new OutOfOrderQueue(memory)
    const asks = new OutOfOrderQueue(memory)
    for (let i = 0; i < 2; i++) insert(silent, i * PAGE_SIZE, 1, 0)
    for (let i = 0; i < 2; i++) insert(active, i * PAGE_SIZE, 1, 0)
    insert(active, 2, 1, 9_000_000)
    expect(insert(asks, 0, 1, 9_000_000)).toBe(true)
    expect([silent.pages, active.pages]).toEqual([1, 2])
    expect(insert(asks, PAGE_SIZE, 1, 10_000_000)).toBe(false)
    expect(insert(asks, PAGE_SIZE, 1, 10_000_001)).toBe(true)
    expect([silent.pages, active.pages, asks.pages]).toEqual([0, 2, 2])
  })

  test('is never more than its limit, and each queue counts right, whatever happens', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            who: fc.nat(4),
            place: fc.nat(20 * PAGE_SIZE),
            length: fc.integer({ min: 1, max: 70_000 }),
            clear: fc.nat(9),
          }),
          { maxLength: 100 },
        ),
        (steps) => {
          const { memory } = queues(16)
          const all = Array.from({ length: 5 }, () => new OutOfOrderQueue(memory))
          steps.forEach(({ who, place, length, clear }, now) => {
            const queue = all[who]
            if (clear === 0) queue.clear()
            else if (clear === 1 && queue.count > 0) queue.shift(sequenceNumber(queue.starts[0]), null)
            else insert(queue, place, length, now * 1_000_000)
            expect(memory.used).toBeLessThanOrEqual(16)
            expect(memory.used).toBe(all.reduce((sum, { pages }) => sum + pages, 0))
            for (const { count, starts, ends, bytes } of all) {
              let sum = 0
              for (let i = 0; i < count; i++) {
                expect(ends[i]).toBeGreaterThan(starts[i])
                if (i > 0) expect(starts[i]).toBeGreaterThan(ends[i - 1])
                sum += ends[i] - starts[i]
              }
              expect(bytes).toBe(sum)
            }
          })
          for (const queue of all) expect(drain(queue).every(([place, byte]) => byte === (place & 255))).toBe(true)
          expect(memory.used).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })
})
