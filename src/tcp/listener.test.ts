import { describe, expect, test } from 'vitest'
import { IpAddress } from '../address/index.ts'
import { Listener, ListenerTable } from './listener.ts'

const ACCEPTOR = { accept() {} }
const A = IpAddress.parse('10.0.0.1')
const B = IpAddress.parse('10.0.0.2')
const V6 = IpAddress.parse('fd00::1')

function table(...listeners: [IpAddress | null, number][]) {
  const made = new ListenerTable()
  const all = listeners.map(([address, port]) => new Listener(address, port, 1, ACCEPTOR))
  for (const listener of all) made.add(listener)
  const find = (port: number, { word0, word1, word2, word3 }: IpAddress) =>
    made.find(port, word0, word1, word2, word3)?.members[0] ?? null
  return { made, all, find }
}

describe('the listener table', () => {
  test('finds by port and address; all addresses are of both families', () => {
    const { all, find } = table([null, 80], [A, 81], [B, 81], [V6, 82])
    expect(find(80, A)).toBe(all[0])
    expect(find(80, V6)).toBe(all[0])
    expect(find(81, A)).toBe(all[1])
    expect(find(81, B)).toBe(all[2])
    expect(find(81, V6)).toBe(null)
    expect(find(82, V6)).toBe(all[3])
    expect(find(82, A)).toBe(null)
    expect(find(83, A)).toBe(null)
  })

  test('a specific address wins over all, in whichever order they came', () => {
    for (const order of [
      [null, A],
      [A, null],
    ]) {
      const { all, find } = table(...order.map((address): [IpAddress | null, number] => [address, 80]))
      const specific = all[order.indexOf(A)]
      expect(find(80, A)).toBe(specific)
      expect(find(80, B)).not.toBe(specific)
    }
  })

  test('a port is taken for an address by the same address and by all', () => {
    const { made } = table([A, 80], [null, 81])
    expect(made.isTaken(80, A, false)).toBe(true)
    expect(made.isTaken(80, B, false)).toBe(false)
    expect(made.isTaken(80, null, false)).toBe(true)
    expect(made.isTaken(81, B, false)).toBe(true)
    expect(made.isTaken(82, null, false)).toBe(false)
  })

  test('forgets what is deleted, and only that', () => {
    const { made, all, find } = table([A, 80], [B, 80])
    made.delete(all[0])
    made.delete(all[0])
    expect(find(80, A)).toBe(null)
    expect(find(80, B)).toBe(all[1])
    made.delete(all[1])
    expect([...made]).toEqual([])
    expect(made.isTaken(80, null, false)).toBe(false)
  })
})
