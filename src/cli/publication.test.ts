import { expect, test } from 'vitest'
import { IpPrefix } from '../address/index.ts'
import { parsePort, parsePublication, resolvePublications } from './publication.ts'

test.each([
  ['8080:80', { hostPort: 8080, address: null, port: 80 }],
  ['0:65535', { hostPort: 0, address: null, port: 65535 }],
  ['8080:10.0.0.3:80', { hostPort: 8080, address: '10.0.0.3', port: 80 }],
  ['8080:[fd00::2]:80', { hostPort: 8080, address: 'fd00::2', port: 80 }],
])('reads %s', (text, expected) => {
  expect(parsePublication(text)).toEqual(expected)
})

test.each([
  '',
  '80',
  ':80',
  '8080:',
  '8080:0',
  '65536:80',
  '8080:65536',
  '8080:10.0.0:80',
  '8080:[x]:80',
  'a:b',
  '1:2:3',
])('refuses %j and says what is expected', (text) => {
  expect(() => parsePublication(text)).toThrow('Expected HOSTPORT:PORT')
})

test.each(['0', '65536', '-1', '80a', '', ' 80'])('refuses the port %j', (text) => {
  expect(() => parsePort(text)).toThrow('Expected a port, 1 to 65535')
})

test.each([
  ['10.0.0.1/24', '10.0.0.2'],
  ['10.0.0.2/24', '10.0.0.1'],
  ['192.168.7.200/16', '192.168.0.1'],
  ['10.0.0.1/31', '10.0.0.0'],
  ['fd00::1/64', 'fd00::2'],
])('takes the other end of the network of %s to be %s', (kernel, stack) => {
  const [publication] = resolvePublications([{ hostPort: 1, address: null, port: 2 }], IpPrefix.parse(kernel))
  expect(publication!.address).toBe(stack)
})

test('says so when the network has no other address', () => {
  expect(() => resolvePublications([{ hostPort: 1, address: null, port: 2 }], IpPrefix.parse('10.0.0.1/32'))).toThrow(
    'leaves no address',
  )
})
