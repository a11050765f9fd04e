import { setImmediate as check } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { delivery } from '../netif/index.ts'
import { Turns, type TurnTaker } from './turns.ts'

/** The next pass of turns, and what follows it. */
async function pass(): Promise<void> {
  await check()
  await check()
}

/** Tells `count` events, each by calling `work`. */
function taker(count: number, work: () => void = () => {}): TurnTaker & { told: number } {
  return {
    isQueued: false,
    isAsked: false,
    isReady: true,
    isBulk: false,
    told: 0,
    takeTurn() {
      if (this.told === count) return false
      this.told++
      work()
      return true
    },
  }
}

test('nobody is called at once, everybody in the same pass', async () => {
  const turns = new Turns()
  const both = [taker(1), taker(2)]
  for (const each of both) turns.add(each)
  expect(both.map(({ told }) => told)).toEqual([0, 0])
  await pass()
  expect(both.map(({ told }) => told)).toEqual([1, 2])
})

test('ticks and promises run after each event', async () => {
  const order: string[] = []
  const turns = new Turns()
  const noisy = (name: string) =>
    taker(2, () => {
      order.push(name)
      process.nextTick(() => order.push(`${name} tick`))
      Promise.resolve().then(() => order.push(`${name} promise`))
    })
  turns.add(noisy('a'))
  turns.add(noisy('b'))
  await pass()
  const each = (name: string) => [name, `${name} tick`, `${name} promise`]
  expect(order).toEqual([...each('a'), ...each('a'), ...each('b'), ...each('b')])
})

test('who asks twice has one turn', async () => {
  const turns = new Turns()
  const one = taker(1)
  turns.add(one)
  turns.add(one)
  await pass()
  expect([one.told, one.isQueued]).toEqual([1, false])
})

test('one that has much to tell lets the others have their turns', async () => {
  const order: string[] = []
  const turns = new Turns()
  turns.add(taker(40, () => order.push('much')))
  turns.add(taker(1, () => order.push('little')))
  await pass()
  expect(order.indexOf('little')).toBe(32)
  await pass()
  expect(order).toHaveLength(41)
})

test('a pass ends in time, and the rest has the next one', async () => {
  const turns = new Turns()
  const busy = () => {
    const end = performance.now() + 1
    while (performance.now() < end);
  }
  const all = Array.from({ length: 64 }, () => taker(1, busy))
  for (const each of all) turns.add(each)
  await pass()
  const told = () => all.filter((each) => each.told === 1).length
  expect(told()).toBeLessThan(64)
  while (told() < 64) await pass()
})

test('what one throws is an uncaught exception, and the others have their turns', async () => {
  const turns = new Turns()
  const failing = taker(2, () => {
    throw new Error('of the application')
  })
  const other = taker(1)
  turns.add(failing)
  turns.add(other)
  const caught: string[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error.message))
  try {
    for (let i = 0; i < 4; i++) await pass()
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  expect(caught).toEqual(['of the application', 'of the application'])
  expect([failing.told, other.told]).toEqual([2, 1])
})

test('what is sent is held back while others wait for their turn or more is to come, and goes out before the last', async () => {
  const happened: string[] = []
  const turns = new Turns({
    hold: () => happened.push('hold'),
    release: () => happened.push('release'),
    deliverLocal: () => false,
  })
  const named = (name: string) => taker(1, () => happened.push(name))
  turns.add(named('alone'))
  await pass()
  expect(happened.splice(0)).toEqual(['release', 'alone', 'release'])
  for (const name of ['first', 'second', 'last']) turns.add(named(name))
  await pass()
  expect(happened.splice(0)).toEqual(['hold', 'first', 'hold', 'second', 'release', 'last', 'release'])
  turns.add({ ...named('bulk'), isBulk: true })
  await pass()
  expect(happened.splice(0)).toEqual(['hold', 'bulk', 'release'])
})

test('what is held goes out when an application throws', async () => {
  const happened: string[] = []
  const turns = new Turns({
    hold: () => happened.push('hold'),
    release: () => happened.push('release'),
    deliverLocal: () => false,
  })
  turns.add(
    taker(1, () => {
      throw new Error('of the application')
    }),
  )
  turns.add(taker(1, () => happened.push('next')))
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const caught = new Promise((resolve) => process.once('uncaughtException', resolve))
  try {
    await caught
    await pass()
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  expect(happened.slice(0, 2)).toEqual(['hold', 'release'])
  expect(happened).toContain('next')
})

test('a pass comes in the phase of sockets: after the immediates and the closing of handles that the one before caused', async () => {
  const order: string[] = []
  const turns = new Turns()
  const again = taker(1, () => order.push('again'))
  turns.add(
    taker(1, () => {
      order.push('first')
      turns.add(again)
      const port = new MessageChannel().port1
      port.on('close', () => order.push('closed'))
      setImmediate(() => {
        order.push('immediate')
        port.close()
      })
    }),
  )
  while (again.told === 0) await check()
  expect(order).toEqual(['first', 'immediate', 'closed', 'again'])
})

/** Of a device, in the phase of sockets. */
function deliver(turns: Turns, ...takers: TurnTaker[]): void {
  delivery.isUnderWay = true
  try {
    for (const each of takers) turns.add(each)
  } finally {
    delivery.isUnderWay = false
  }
}

test('what a device has delivered is told in the phase in which it came, each time', async () => {
  const order: string[] = []
  const turns = new Turns()
  const { port1, port2 } = new MessageChannel()
  port2.on('message', (name: string) => {
    deliver(
      turns,
      taker(1, () => order.push(`${name} a`)),
      taker(1, () => {
        order.push(`${name} b`)
        setImmediate(() => order.push('immediate'))
      }),
    )
    expect(order).not.toContain(`${name} a`)
  })
  port1.postMessage('first')
  port1.postMessage('second')
  while (!order.includes('immediate')) await check()
  port1.close()
  expect(order.slice(0, 4)).toEqual(['first a', 'first b', 'second a', 'second b'])
})

test('what is left of what a device has delivered comes with the next phase of sockets, once', async () => {
  const turns = new Turns()
  const much = taker(100)
  deliver(turns, much)
  await Promise.resolve()
  expect(much.told).toBe(0)
  await check()
  const first = much.told
  expect(first).toBeGreaterThan(0)
  while (much.told < 100) await check()
  expect(much.isQueued).toBe(false)
  expect(turns.pass).toBeLessThanOrEqual(Math.ceil(100 / first) + 1)
})

test('one that comes last has its turn in the same pass, after the others', async () => {
  const order: string[] = []
  const turns = new Turns()
  const last = taker(1, () => order.push('last'))
  let isFirst = true
  const patient: TurnTaker = {
    ...last,
    takeTurn() {
      if (!isFirst) return last.takeTurn()
      isFirst = false
      turns.addLast(patient)
      return false
    },
  }
  turns.add(patient)
  turns.add(
    taker(1, () => {
      order.push('other')
      setImmediate(() => order.push('immediate'))
    }),
  )
  await pass()
  expect(order).toEqual(['other', 'last', 'immediate'])
})

test('what was sent to ourselves is delivered before anybody has a turn, answers to it as well', async () => {
  let waiting = 3
  const order: string[] = []
  const deliverLocal = () => {
    if (waiting === 0) return false
    waiting--
    order.push('delivered')
    if (waiting === 0) turns.add(taker(1, () => order.push('told')))
    return true
  }
  const turns = new Turns({ hold: () => {}, release: () => {}, deliverLocal })
  turns.wake()
  await pass()
  expect(order).toEqual(['delivered', 'delivered', 'delivered', 'told'])
})
