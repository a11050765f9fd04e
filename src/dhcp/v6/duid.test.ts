import { describe, expect, test } from 'vitest'
import { MacAddress } from '../../address/index.ts'
import { SECOND, VirtualClock } from '../../clock/index.ts'
import {
  duidFromEnterprise,
  duidFromLinkLayer,
  duidFromLinkLayerAndTime,
  duidFromUuid,
  duidText,
  ownDuid,
  parseDuid,
} from './duid.ts'

const MAC = MacAddress.parse('02:00:5e:ff:00:01')

class MemoryStore {
  text: string | null = null
  saves = 0
  load(): string | null {
    return this.text
  }
  save(text: string): void {
    this.text = text
    this.saves++
  }
}

describe('DUIDs, section 11', () => {
  test('by type', () => {
    expect(duidText(duidFromLinkLayer(MAC))).toBe('00:03:00:01:02:00:5e:ff:00:01')
    // 2000-01-01 and one second, and the time modulo 2^32.
    expect(duidText(duidFromLinkLayerAndTime(MAC, 946_684_801.9))).toBe('00:01:00:01:00:00:00:01:02:00:5e:ff:00:01')
    expect(duidText(duidFromLinkLayerAndTime(MAC, 946_684_801 + 2 ** 32))).toBe(
      '00:01:00:01:00:00:00:01:02:00:5e:ff:00:01',
    )
    expect(duidText(duidFromEnterprise(43_793, Uint8Array.of(1, 2)))).toBe('00:02:00:00:ab:11:01:02')
    expect(duidText(duidFromUuid(new Uint8Array(16).fill(0xab)))).toBe(`00:04${':ab'.repeat(16)}`)
  })

  test('what cannot be is refused', () => {
    expect(() => duidFromUuid(new Uint8Array(15))).toThrow('the length of a UUID is 16 to 16, not 15')
    expect(() => duidFromEnterprise(-1, new Uint8Array(1))).toThrow('an enterprise number')
    expect(() => duidFromEnterprise(1, new Uint8Array(125))).toThrow('the length of an identifier')
  })

  test.each(['', '00:01', '00:0g:01', 'hello', '0:1:2', '00'.repeat(10), Array(131).fill('00').join(':')])(
    '%j is none',
    (text) => {
      expect(() => parseDuid(text)).toThrow(`not a DHCP unique identifier: ${JSON.stringify(text)}`)
    },
  )
})

describe('ownDuid', () => {
  test('without a store it comes from the MAC address alone', async () => {
    expect(await ownDuid(MAC, new VirtualClock(), null)).toEqual(duidFromLinkLayer(MAC))
  })

  test('with a store it is made once, and stays when time and MAC address change', async () => {
    const store = new MemoryStore()
    const clock = new VirtualClock(5 * SECOND)
    const first = await ownDuid(MAC, clock, store)
    // The virtual clock begins in 2020.
    expect(first).toEqual(duidFromLinkLayerAndTime(MAC, 1_577_836_805))
    expect(store.text).toBe(`${duidText(first)}\n`)
    clock.advance(1000 * SECOND)
    expect(await ownDuid(MacAddress.parse('02:00:00:00:00:09'), clock, store)).toEqual(first)
    expect(store.saves).toBe(1)
  })

  test('what somebody else wrote there is refused, and not overwritten', async () => {
    const store = new MemoryStore()
    store.text = 'hello'
    await expect(ownDuid(MAC, new VirtualClock(), store)).rejects.toThrow('not a DHCP unique identifier: "hello"')
    expect(store.text).toBe('hello')
  })
})
