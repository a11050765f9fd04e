import { expect, test } from 'vitest'
import { addressText, parseAddress } from './socket-addresses.ts'

test('an address is read the same each time, and only as one of its family', () => {
  for (let again = 0; again < 2; again++) {
    expect(parseAddress('127.0.0.1', 4)).toMatchObject({ zone: '', address: { family: 4 } })
    expect(parseAddress('127.0.0.1', 6)).toBe(null)
    expect(parseAddress('::ffff:127.0.0.1', 6)?.address.toString()).toBe('127.0.0.1')
    expect(parseAddress('::ffff:127.0.0.1', 4)).toBe(null)
    expect(parseAddress('fe80::1%eth0', 6)).toMatchObject({ zone: 'eth0' })
    expect(parseAddress('fe80::1%eth1', 6)).toMatchObject({ zone: 'eth1' })
    expect(parseAddress('fe80::1', 6)).toMatchObject({ zone: '' })
    for (const none of ['', 'x', '1.2.3', '::g', '1.2.3.4:5']) expect(parseAddress(none, 4)).toBe(null)
  }
})

test('of many addresses each is read right, however many came before', () => {
  for (let i = 0; i < 3_000; i++) {
    const text = `fd00::${(1 + (i % 1_000)).toString(16)}`
    expect(addressText(parseAddress(text, 6)!.address, 6)).toBe(text)
  }
})

test('the name of an interface may be as long as anybody likes', () => {
  const zone = 'x'.repeat(1_000)
  for (let again = 0; again < 2; again++) expect(parseAddress(`fe80::1%${zone}`, 6)).toMatchObject({ zone })
})
