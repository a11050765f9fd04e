import { expect, test } from 'vitest'
import { DEFAULT_TCP_SETTINGS, tcpSettings } from './settings.ts'

test('without overrides they are the defaults', () => {
  expect(tcpSettings()).toEqual(DEFAULT_TCP_SETTINGS)
})

test.each([
  [{ sendBuffer: 100 }, 'sendBuffer'],
  [{ receiveBuffer: Number.NaN }, 'receiveBuffer'],
  [{ userTimeout: 0 }, 'userTimeout'],
  [{ delayedAcknowledgment: 600_000 }, 'delayedAcknowledgment'],
  [{ maximumTimeWait: -1 }, 'maximumTimeWait'],
  [{ challengeAcknowledgments: 0 }, 'challengeAcknowledgments'],
  [{ ephemeralPorts: [0, 100] }, 'ephemeralPorts'],
  [{ ephemeralPorts: [100, 99] }, 'ephemeralPorts'],
  [{ ephemeralPorts: [100, 65_536] }, 'ephemeralPorts'],
] as const)('%j is refused by name', (overrides, name) => {
  expect(() => tcpSettings(overrides)).toThrow(RangeError)
  expect(() => tcpSettings(overrides)).toThrow(name)
})

test('the largest receive buffer is never less than the first', () => {
  expect(tcpSettings({ receiveBuffer: 1_000_000, maximumReceiveBuffer: 65_536 }).maximumReceiveBuffer).toBe(1_000_000)
})
