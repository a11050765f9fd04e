import { expect, test } from 'vitest'
import { expectedTarget } from './target.ts'

test('addresses, with brackets and zones, and names are targets', () => {
  for (const target of [
    '10.0.0.1',
    'fd00::1',
    '[fd00::1]',
    'fe80::1%eth0',
    'localhost',
    'bücher.example',
    'my_host.',
  ]) {
    expect(expectedTarget(target), target).toBeUndefined()
  }
})

test('what has a port, or is a URL, or no whole address, is none', () => {
  for (const target of ['10.0.0.1:80', '[fd00::1]:80', 'http://host/', '10.0.1', 'a b', '']) {
    expect(expectedTarget(target), target).toBe('an address or a name, without a port')
  }
})
