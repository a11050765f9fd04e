import { expect, test } from 'vitest'
import { interfaceExists, interfaceNames, misspeltInterface } from './interface-names.ts'

test('the loopback is there', () => {
  expect(interfaceNames()).toContain('lo')
  expect([interfaceExists('lo'), interfaceExists('l'), interfaceExists('')]).toEqual([true, false, false])
})

test.each([
  ['tpa0', ['lo', 'tap0'], 'tap0'],
  ['tao0', ['lo', 'tap0', 'eth0'], 'tap0'],
  ['upllink', ['lo', 'uplink'], 'uplink'],
  // Who makes a second tap has not misspelt the first.
  ['tap1', ['lo', 'tap0'], null],
  ['tap10', ['lo', 'tap1'], null],
  ['tap0', ['lo', 'eth0'], null],
  ['tap0', [], null],
])('%s beside %j: %s', (written, names, meant) => {
  expect(misspeltInterface(written, names)).toBe(meant)
})
