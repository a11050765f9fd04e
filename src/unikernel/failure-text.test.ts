import { expect, test } from 'vitest'
import { IpPrefix } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { explainFailure } from './failure-text.ts'

const own = { net: 'socket', ipv4: IpPrefix.parse('192.0.2.1/24'), publicIpv6: IpPrefix.parse('2001:db8::9/64') }

test('an address that the machine has not is the argument that names it', () => {
  const of = (address: string, values: object, hint?: string) =>
    explainFailure(new SystemError('EADDRNOTAVAIL', 'listen', { address, port: 80, hint }), values as never)
  const why = '(no interface of this machine has this address)'
  expect(of('192.0.2.1', own)).toBe(`--ipv4: listen EADDRNOTAVAIL 192.0.2.1:80 ${why}`)
  const both = { ...own, publicNet: 'host' }
  expect(of('2001:db8::9', both)).toBe(`--public-ipv6: listen EADDRNOTAVAIL [2001:db8::9]:80 ${why}`)
  // On a stack of our own it has another cause, which the error says.
  const ours = { ipv6: IpPrefix.parse('fd00::2/64'), net: 'direct' }
  expect(of('fd00::2', ours, 'gone')).toBe('--ipv6: listen EADDRNOTAVAIL [fd00::2]:80 (gone)')
  expect(of('fd00::3', own)).toBe('listen EADDRNOTAVAIL [fd00::3]:80')
})

test('an IPv6 address with its port stands as one would type it, whoever has written the message', () => {
  const error = Object.assign(new Error('connect ECONNREFUSED ::1:80'), {
    code: 'ECONNREFUSED',
    address: '::1',
    port: 80,
  })
  expect(explainFailure(error, {})).toBe('connect ECONNREFUSED [::1]:80')
})

test('a file is the argument that names it, and all is one line', () => {
  const error = Object.assign(new Error('EACCES: open\n  /x'), { path: '/x' })
  expect(explainFailure(error, { capture: '/x', other: '/y' })).toBe('--capture: EACCES: open /x')
  expect(explainFailure('plain', {})).toBe('plain')
  expect(explainFailure(null, {})).toBe('null')
})
