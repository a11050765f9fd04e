import { describe, expect, test } from 'vitest'
import { isInterface, parseInterface } from '../open-netif.ts'
import { parseHostAndPort, parseTarget } from './target.ts'

describe('options behind an address', () => {
  const all = ['mac', 'mtu', 'reconnect', 'local'] as const

  test('are read from the end', () => {
    const target = parseTarget('/run/a,b=c,reconnect=1.5s,mtu=9000,mac=02:00:00:00:00:07', all)
    expect(target).toMatchObject({ address: '/run/a,b=c', reconnect: 1500, mtu: 9000 })
    expect(`${target?.mac}`).toBe('02:00:00:00:00:07')
    expect(parseTarget('/run/a', all)).toEqual({ address: '/run/a' })
  })

  test.each([
    ['/a,mtu=67'],
    ['/a,mtu=65522'],
    ['/a,mtu=1e3'],
    ['/a,mtu=1500,mtu=1500'],
    ['/a,mac=01:00:5e:00:00:01'],
    ['/a,mac=x'],
    ['/a,reconnect=1'],
    ['/a,reconnect=9ms'],
    ['/a,reconnect=2h'],
    ['/a,local='],
    [',mtu=1500'],
    [''],
  ])('%j is refused', (text) => {
    expect(parseTarget(text, all)).toBeUndefined()
  })

  test('one that the kind has not is refused', () => {
    expect(parseTarget('/a,reconnect=1s', ['mtu'])).toBeUndefined()
  })
})

test('hosts and ports', () => {
  expect(parseHostAndPort('127.0.0.1:5000')).toEqual({ host: '127.0.0.1', port: 5000 })
  expect(parseHostAndPort('[::1]:5000')).toEqual({ host: '::1', port: 5000 })
  expect(parseHostAndPort('localhost:5000')).toEqual({ host: 'localhost', port: 5000 })
  expect(parseHostAndPort('5000', '127.0.0.1')).toEqual({ host: '127.0.0.1', port: 5000 })
  for (const text of [
    '5000',
    ':5000',
    'a:',
    '::1:5000',
    '[1.2.3.4]:5',
    '1.2.3:5',
    'a:0',
    'a:65536',
    'a b:5',
    'a:5:6',
  ]) {
    expect(parseHostAndPort(text), text).toBeUndefined()
  }
})

describe('the texts of carriers', () => {
  test.each([
    ['unix:/run/vm.sock', 'unix'],
    ['unix:vm.sock,reconnect=1s', 'unix'],
    ['unix-listen:/run/vm.sock,mtu=9000', 'unix-listen'],
    ['tcp:127.0.0.1:5000', 'tcp'],
    ['tcp:[::1]:5000,reconnect=500ms', 'tcp'],
    ['tcp-listen:5000', 'tcp-listen'],
    ['tcp-listen:[::1]:5000', 'tcp-listen'],
  ])('%s', (text, kind) => {
    expect(isInterface(text)).toBe(true)
    expect(parseInterface(text)).toMatchObject({ kind: { kind }, name: kind })
  })

  test.each([
    'unix:',
    `unix:/${'x'.repeat(107)}`,
    'unix-listen:/a,reconnect=1s',
    'tcp:5000',
    'tcp:127.0.0.1',
    'tcp-listen:',
    'tcp-listen:5000,reconnect=1s',
  ])('%s is refused', (text) => {
    expect(isInterface(text)).toBe(false)
  })
})
