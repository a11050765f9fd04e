import { describe, expect, test } from 'vitest'
import { MILLISECOND } from '../../clock/index.ts'
import { type HappyAction, type HappyAddress, HappyEyeballs, interleaved } from './happy-eyeballs.ts'
import { type HappyEyeballsSettings, happyEyeballsSettings } from './settings.ts'

/** `6a` is an address of IPv6, `4a` one of IPv4. */
const address = (name: string): HappyAddress => ({ address: name, family: name.startsWith('6') ? 6 : 4 })
const list = (names: string) => (names === '' ? [] : names.split(' ').map(address))
/** IPv6 before IPv4, as it is with addresses of both. */
const sort = (addresses: readonly HappyAddress[]) => addresses.toSorted((a, b) => b.family - a.family)

function written(action: HappyAction): string {
  switch (action.type) {
    case 'resolve':
      return `ask${action.family}`
    case 'connect':
      return `connect ${action.attempt}=${action.address.address}`
    case 'cancel':
      return `cancel ${action.attempt}`
    case 'connected':
      return `connected ${action.attempt}`
    case 'stopResolving':
      return 'stop'
    case 'failed':
      return `failed (${action.errors.map(({ message }) => message).join(', ')})`
  }
}

type Step = [milliseconds: number, event: string, ...actions: string[]]

/**
 * Plays a table: at each time what happens, and what is done about it. `timer` has to be when the machine wants it; where a
 * table has another event, the machine must not have wanted its timer before.
 */
function play(steps: Step[], given: Partial<HappyEyeballsSettings> = {}, families: (4 | 6)[] = [4, 6]): void {
  const machine = new HappyEyeballs(
    happyEyeballsSettings(given),
    sort,
    ({ address }) => new Error(`timeout ${address}`),
  )
  steps.forEach(([milliseconds, event, ...expected], index) => {
    const now = milliseconds * MILLISECOND
    const [what, argument = '', ...rest] = event.split(' ')
    const where = `step ${index}, ${event} at ${milliseconds} ms`
    if (what === 'timer') expect(machine.nextTimer, where).toBe(now)
    else if (index > 0) expect(machine.nextTimer, where).toBeGreaterThanOrEqual(now)
    const actions = (() => {
      switch (what) {
        case 'start':
          return machine.start(now, families)
        case 'addresses':
          return machine.startWith(now, list([argument, ...rest].join(' ').trim()))
        case 'got6':
          return machine.resolved(now, 6, list([argument, ...rest].join(' ').trim()))
        case 'got4':
          return machine.resolved(now, 4, list([argument, ...rest].join(' ').trim()))
        case 'no6':
          return machine.resolveFailed(now, 6, new Error('no6'))
        case 'no4':
          return machine.resolveFailed(now, 4, new Error('no4'))
        case 'fails':
          return machine.attemptFailed(now, Number(argument), new Error(`refused ${argument}`))
        case 'opens':
          return machine.attemptSucceeded(Number(argument))
        case 'abort':
          return machine.abort()
        default:
          return machine.timer(now)
      }
    })()
    expect(actions.map(written), where).toEqual(expected)
  })
}

describe('resolution (RFC 8305, 3)', () => {
  test('IPv6 comes first: it is tried at once', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [20, 'got6 6a', 'connect 1=6a'],
      [30, 'got4 4a'],
      [40, 'opens 1', 'connected 1'],
    ])
  })

  test('IPv4 comes first: it waits 50 ms for IPv6', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [20, 'got4 4a'],
      [70, 'timer', 'connect 1=4a'],
      [90, 'opens 1', 'stop', 'connected 1'],
    ])
  })

  test('... which comes in time, and is tried first', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [20, 'got4 4a'],
      [69, 'got6 6a', 'connect 1=6a'],
      [319, 'timer', 'connect 2=4a'],
    ])
  })

  test.each(['no6', 'got6'])('... which says that there is none (%s): IPv4 is tried at once', (event) => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [20, 'got4 4a'],
      [30, event, 'connect 1=4a'],
      [40, 'opens 1', 'connected 1'],
    ])
  })

  test('IPv6 that comes late is tried next', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [0, 'got4 4a 4b 4c'],
      [50, 'timer', 'connect 1=4a'],
      [100, 'got6 6a 6b'],
      [300, 'timer', 'connect 2=6a'],
      [550, 'timer', 'connect 3=4b'],
      [800, 'timer', 'connect 4=6b'],
      [1050, 'timer', 'connect 5=4c'],
    ])
  })

  test('the delay can be set; 0 is none', () => {
    play(
      [
        [0, 'start', 'ask6', 'ask4'],
        [20, 'got4 4a'],
        [220, 'timer', 'connect 1=4a'],
      ],
      { resolutionDelay: 200 },
    )
    play(
      [
        [0, 'start', 'ask6', 'ask4'],
        [20, 'got4 4a', 'connect 1=4a'],
      ],
      { resolutionDelay: 0 },
    )
  })

  test('of one family alone nobody waits for the other', () => {
    play(
      [
        [0, 'start', 'ask4'],
        [20, 'got4 4a', 'connect 1=4a'],
      ],
      {},
      [4],
    )
    play(
      [
        [0, 'start', 'ask6'],
        [20, 'got6', 'failed ()'],
      ],
      {},
      [6],
    )
  })

  test('nothing is known of either', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [20, 'no6'],
      [30, 'no4', 'failed (no6, no4)'],
    ])
  })

  test('no answer: it is asked again every second, three times', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [1000, 'timer', 'ask6', 'ask4'],
      [1500, 'no4'],
      [2000, 'timer', 'ask6'],
      [3000, 'timer', 'ask6'],
      [4000, 'timer', 'stop', 'failed (no4)'],
    ])
    play(
      [
        [0, 'start', 'ask6', 'ask4'],
        [200, 'timer', 'stop', 'failed ()'],
      ],
      { resolveTimeout: 200, resolveRetries: 0 },
    )
  })

  test('while IPv6 is awaited IPv4 goes on', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [0, 'got4 4a'],
      [50, 'timer', 'connect 1=4a'],
      [60, 'fails 1'],
      [1000, 'timer', 'ask6'],
      [1100, 'got6 6a', 'connect 2=6a'],
      [1110, 'opens 2', 'connected 2'],
    ])
  })
})

describe('attempts (RFC 8305, 5)', () => {
  const begun: Step[] = [
    [0, 'start', 'ask6', 'ask4'],
    [0, 'got6 6a 6b 6c', 'connect 1=6a'],
    [0, 'got4 4a'],
  ]

  test('each has 250 ms before the next begins beside it; families take turns', () => {
    play([
      ...begun,
      [250, 'timer', 'connect 2=4a'],
      [500, 'timer', 'connect 3=6b'],
      [750, 'timer', 'connect 4=6c'],
      [760, 'opens 2', 'cancel 1', 'cancel 3', 'cancel 4', 'connected 2'],
    ])
  })

  test('one that fails makes way for the next at once', () => {
    play([
      ...begun,
      [10, 'fails 1', 'connect 2=4a'],
      [260, 'timer', 'connect 3=6b'],
      [270, 'fails 2', 'connect 4=6c'],
      [280, 'fails 4'],
      [290, 'fails 3', 'failed (refused 1, refused 2, refused 4, refused 3)'],
    ])
  })

  test('one that takes too long is given up', () => {
    play(
      [
        ...begun,
        [250, 'timer', 'connect 2=4a'],
        [400, 'timer', 'cancel 1', 'connect 3=6b'],
        [650, 'timer', 'cancel 2', 'connect 4=6c'],
        [800, 'timer', 'cancel 3'],
        [1050, 'timer', 'cancel 4', 'failed (timeout 6a, timeout 4a, timeout 6b, timeout 6c)'],
      ],
      { attemptTimeout: 400 },
    )
  })

  test('the delay can be set', () => {
    play([...begun, [10, 'timer', 'connect 2=4a'], [20, 'timer', 'connect 3=6b']], { attemptDelay: 10 })
  })

  test('what is told of an attempt that was given up changes nothing', () => {
    play([
      ...begun,
      [250, 'timer', 'connect 2=4a'],
      [260, 'opens 1', 'cancel 2', 'connected 1'],
      [270, 'opens 2'],
      [280, 'fails 2'],
      [290, 'got6 6z'],
    ])
  })

  test('an address that both answers have is tried once', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [0, 'got6 6a 6a', 'connect 1=6a'],
      [1, 'got4 6a'],
      [2, 'fails 1', 'failed (refused 1)'],
    ])
  })

  test('addresses that are known are tried without asking', () => {
    play([
      [0, 'addresses 4a 6a 4b', 'connect 1=6a'],
      [250, 'timer', 'connect 2=4a'],
      [260, 'fails 1', 'connect 3=4b'],
      [270, 'opens 3', 'cancel 2', 'connected 3'],
    ])
    play([[0, 'addresses', 'failed ()']])
  })

  test('who gives up cancels everything', () => {
    play([
      [0, 'start', 'ask6', 'ask4'],
      [0, 'got6 6a 6b', 'connect 1=6a'],
      [250, 'timer', 'connect 2=6b'],
      [260, 'abort', 'stop', 'cancel 1', 'cancel 2'],
      [270, 'abort'],
      [280, 'got4 4a'],
    ])
  })
})

test('a timer of a coarse grid makes delays longer', () => {
  play(
    [
      [0, 'start', 'ask6', 'ask4'],
      [7, 'got4 4a 4b'],
      [100, 'timer', 'connect 1=4a'],
      [400, 'timer', 'connect 2=4b'],
    ],
    { timerInterval: 100 },
  )
})

test.each([
  ['6a 6b 4a 4b', null, '6a 4a 6b 4b'],
  ['4a 6a 6b', null, '4a 6a 6b'],
  ['6a 6b 4a', 6, '4a 6a 6b'],
  ['6a 6b 4a', 4, '6a 4a 6b'],
  ['4a 4b', 4, '4a 4b'],
  ['', 4, ''],
] as const)('%s after %s: %s', (sorted, last, expected) => {
  expect(
    interleaved(list(sorted), last)
      .map(({ address }) => address)
      .join(' '),
  ).toBe(expected)
})

test('settings out of range are refused by name', () => {
  expect(() => happyEyeballsSettings({ attemptDelay: 9 })).toThrow(/happyEyeballs.attemptDelay/)
  expect(() => happyEyeballsSettings({ resolveRetries: 1.5 })).toThrow(RangeError)
  expect(() => happyEyeballsSettings({ patience: 1 } as object)).toThrow(/no setting patience/)
})
