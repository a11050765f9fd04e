import { describe, expect, test } from 'vitest'
import { INTERFACE_KINDS, interfaceKinds, isInterface, parseInterface } from './open-netif.ts'

describe('the text of --interface', () => {
  test.each([
    ['tap0', 'tap', 'tap0'],
    ['tap:tap0', 'tap', 'tap0'],
    ['packet:eth0', 'packet', 'eth0'],
    // No kind of that name: the text as it is, which no tap can have.
    ['paket:eth0', 'tap', 'paket:eth0'],
    [':eth0', 'tap', ':eth0'],
  ])('%s is a %s with %s', (text, kind, target) => {
    const parsed = parseInterface(text)
    expect([parsed.kind.kind, parsed.target, parsed.name]).toEqual([kind, target, target])
  })

  test('is refused where no device can be called so', () => {
    expect(['tap0', 'packet:eth0', 'tap%d'].map(isInterface)).toEqual([true, true, true])
    expect(['', 'packet:', 'a b', 'a/b', '..', 'paket:eth0', 'sixteen-letters-'].map(isInterface)).not.toContain(true)
  })

  test('a tap may be asked to have several queues', () => {
    expect(['tap0,queues=4', 'tap:tap0,queues=16'].map((text) => parseInterface(text).name)).toEqual(['tap0', 'tap0'])
    expect(['tap0,queues=4', 'tap:tap0,queues=16'].map(isInterface)).toEqual([true, true])
    const wrong = ['tap0,queues=', 'tap0,queues=x', 'tap0,queues=0', 'tap0,queues=17', ',queues=2', 'a b,queues=2']
    expect(wrong.map(isInterface)).not.toContain(true)
  })

  test('every kind but the first is named in help, once', () => {
    const kinds = INTERFACE_KINDS.map(({ kind }) => kind)
    expect(new Set(kinds).size).toBe(kinds.length)
    expect(interfaceKinds().split(', ')).toHaveLength(kinds.length - 1)
  })
})
