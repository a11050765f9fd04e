import { expect, test } from 'vitest'
import { SECOND } from '../clock/index.ts'
import { DEFAULT_TCP_SETTINGS, type TcpSettings, tcpSettings } from './settings.ts'

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
  [{ ephemeralPorts: 5 }, 'ephemeralPorts'],
  [{ ephemeralPorts: {} }, 'ephemeralPorts is two ports from 1 to 65535 in order, such as [32768, 60999], not {}'],
  [{ ephemeralPorts: [1.5, 9] }, 'ephemeralPorts'],
  [{ synRetries: 1.5 }, 'synRetries is an integer, 0 to 127, not 1.5'],
  [{ receiveBudget: Number.POSITIVE_INFINITY }, 'receiveBudget is an integer, 65536 or more, not Infinity'],
  [{ timeWait: 1e12 }, 'timeWait is 1 to 240000000 microseconds, not 1000000000000'],
  [{ sendBuffer: '65536' }, 'sendBuffer'],
  [{ timestamps: 'no' }, 'timestamps is true or false, not no'],
  [{ synCookies: null }, 'synCookies is true or false, not null'],
  [{ congestionControl: 'vegas' }, 'congestionControl is one of cubic, newreno, bbr, not vegas'],
  [{ ecn: true }, 'ecn is one of on, accept, off, not true'],
  [{ mtuProbing: 1 }, 'mtuProbing is one of off, blackhole, always, not 1'],
  [{ congestion: 'bbr' }, 'there is no TCP setting congestion'],
  [{ toString: 1 }, 'there is no TCP setting toString'],
  ['bbr', "the TCP settings are an object such as { congestionControl: 'bbr' }, not bbr"],
  [null, 'not null'],
] as const)('%j is refused by name', (overrides, name) => {
  // What JavaScript lets through, and TypeScript would not.
  const settings = overrides as Partial<TcpSettings>
  expect(() => tcpSettings(settings)).toThrow(RangeError)
  expect(() => tcpSettings(settings)).toThrow(name)
})

test('times may be fractions of a microsecond', () => {
  expect(tcpSettings({ userTimeout: 1.1 * SECOND }).userTimeout).toBeCloseTo(1_100_000)
})

test('one that is undefined is its default', () => {
  expect(tcpSettings({ congestionControl: undefined, sendBuffer: undefined } as object)).toEqual(DEFAULT_TCP_SETTINGS)
})

test('the largest receive buffer is never less than the first', () => {
  expect(tcpSettings({ receiveBuffer: 1_000_000, maximumReceiveBuffer: 65_536 }).maximumReceiveBuffer).toBe(1_000_000)
})
