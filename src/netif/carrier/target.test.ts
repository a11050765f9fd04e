import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../clock/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { parseOptions, problemOf } from '../interface-text.ts'
import { interfaceProblem, isInterface, openNetif, parseInterface } from '../open-netif.ts'
import { COMMON, CONNECTING, parseHostAndPort } from './target.ts'

describe('options behind an address', () => {
  test('are read from the end', () => {
    const { address, options } = parseOptions('/run/a,b.c,reconnect=1.5s,mtu=9000,mac=02:00:00:00:00:07', CONNECTING)
    expect({ address, ...options }).toMatchObject({ address: '/run/a,b.c', reconnect: 1500, mtu: 9000 })
    expect(`${options.mac}`).toBe('02:00:00:00:00:07')
    expect(parseOptions('/run/a', CONNECTING)).toEqual({ address: '/run/a', options: {} })
  })

  test('two commas are one of the address', () => {
    expect(parseOptions('/run/a,,b=c,,,mtu=9000', COMMON)).toEqual({ address: '/run/a,b=c,', options: { mtu: 9000 } })
    expect(parseOptions('/run/a,,mtu=9000', COMMON)).toEqual({ address: '/run/a,mtu=9000', options: {} })
  })

  test.each([
    ['/a,mtu=67', 'expected mtu=N (68 to 65521), not "mtu=67"'],
    ['/a,mtu=65522', 'expected mtu=N (68 to 65521), not "mtu=65522"'],
    ['/a,mtu=1e3', 'expected mtu=N (68 to 65521), not "mtu=1e3"'],
    ['/a,mtu', 'expected mtu=N (68 to 65521), not "mtu"'],
    ['/a,mtu=1500,mtu=1500', 'expected mtu once, not twice'],
    ['/a,mac=01:00:5e:00:00:01', 'expected mac=ADDRESS (of one station), not "mac=01:00:5e:00:00:01"'],
    ['/a,mac=x', 'expected mac=ADDRESS (of one station), not "mac=x"'],
    ['/a,reconnect=1', 'expected reconnect=DURATION (10ms to 1h), not "reconnect=1"'],
    ['/a,reconnect=9ms', 'expected reconnect=DURATION (10ms to 1h), not "reconnect=9ms"'],
    ['/a,reconnect=2h', 'expected reconnect=DURATION (10ms to 1h), not "reconnect=2h"'],
  ])('%j: %s', (text, problem) => {
    expect(problemOf(() => parseOptions(text, CONNECTING))).toBe(problem)
  })

  test.each([
    ['tap0,foo=1', 'expected queues=N (1 to 16) behind the comma, not "foo=1"'],
    ['tap9,', 'expected queues=N (1 to 16) behind the comma, not nothing'],
    ['tap0,queues=2,', 'expected queues=N (1 to 16) behind the comma, not nothing'],
    ['tap0,queues=17', 'expected queues=N (1 to 16), not "queues=17"'],
    ['tap0,queues=', 'expected queues=N (1 to 16), not "queues="'],
    ['tap0,QUEUES=4', 'expected queues=N (1 to 16) behind the comma, not "QUEUES=4"'],
    ['tun:tun0,foo=1', 'expected nothing behind the comma, not "foo=1"'],
    ['packet:lo,foo=1', 'expected nothing behind the comma, not "foo=1"'],
    ['packet:', 'expected an interface\'s name of 1 to 15 characters such as tap0, not ""'],
    [
      'unix-listen:/p,foo=1',
      'expected mac=ADDRESS (of one station) or mtu=N (68 to 65521) behind the comma, not "foo=1"',
    ],
    [
      'unix-listen:/p,reconnect=1s',
      'expected mac=ADDRESS (of one station) or mtu=N (68 to 65521) behind the comma, not "reconnect=1s"',
    ],
    [`unix:/${'x'.repeat(107)}`, 'expected the path of a socket, 107 bytes at most, not one of 108'],
    ['unix:', 'expected the path of a socket, not nothing'],
    ['tcp:5000', 'expected HOST:PORT, not "5000"'],
    ['udp:127.0.0.1:5000', 'expected local=[ADDRESS:]PORT behind a comma, not nothing'],
    ['udp:127.0.0.1:5000,local=', 'expected local=[ADDRESS:]PORT, not "local="'],
    [
      'udp:127.0.0.1:5000,local=[::1]:5001',
      'expected local=[ADDRESS:]PORT of the family of 127.0.0.1, not "[::1]:5001"',
    ],
    ['ws:relay', 'expected ws://HOST[:PORT]/PATH, not "ws:relay"'],
    ['replay:a.pcap,speed=0', 'expected speed=N|max (0.001 to 1000000), not "speed=0"'],
    ['replay:,speed=2', 'expected a file, not nothing'],
  ])('%s: %s', (text, problem) => {
    expect(interfaceProblem(text)).toBe(problem)
  })

  test('what is opened by a program says the same', async () => {
    const context = { memory: new PacketMemory({ smallSlots: 16, largeSlots: 4 }), clock: new VirtualClock() }
    await expect(openNetif('tap0,foo=1', context)).rejects.toThrow(
      'interface tap0,foo=1: expected queues=N (1 to 16) behind the comma, not "foo=1"',
    )
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
