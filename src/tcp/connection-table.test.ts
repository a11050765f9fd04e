import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../address/index.ts'
import { KeyedHash, SeededRandom } from '../clock/index.ts'
import { type ConnectionKey, ConnectionTable } from './connection-table.ts'

interface Entry extends ConnectionKey {
  name: number
}

function entry(remote: number, ports: number, name: number, isV6 = false): Entry {
  const address = (last: number) => (isV6 ? IpAddress.fromWords(0x20010db8, 0, 0, last) : IpAddress.v4(last))
  return { path: { source: address(0x0a000001), destination: address(remote) }, incomingPorts: ports, name }
}

function find(table: ConnectionTable<Entry>, key: ConnectionKey): Entry | null {
  const { source, destination } = key.path
  return table.find(
    source.word0,
    source.word1,
    source.word2,
    source.word3,
    destination.word0,
    destination.word1,
    destination.word2,
    destination.word3,
    key.incomingPorts,
  )
}

describe('the connection table', () => {
  test('does what a map does', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'add', 'delete', 'replace', 'find'),
      remote: fc.nat(7),
      ports: fc.nat(40),
      isV6: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 600 }), (seed, steps) => {
        const table = new ConnectionTable<Entry>(new KeyedHash(new SeededRandom(seed)))
        const model = new Map<string, Entry>()
        let names = 0
        for (const { kind, remote, ports, isV6 } of steps) {
          const made = entry(remote, ports, names++, isV6)
          const key = `${remote} ${ports} ${isV6}`
          const known = model.get(key) ?? null
          expect(find(table, made)).toBe(known)
          if (kind === 'add' && known === null) {
            table.add(made)
            model.set(key, made)
          } else if (kind === 'delete' && known !== null) {
            table.delete(known)
            model.delete(key)
          } else if (kind === 'replace' && known !== null) {
            table.replace(known, made)
            model.set(key, made)
          }
          expect(table.size).toBe(model.size)
        }
        for (const known of model.values()) expect(find(table, known)).toBe(known)
        const seen: Entry[] = []
        table.forEach((each) => void seen.push(each))
        expect(new Set(seen)).toEqual(new Set(model.values()))
      }),
      { numRuns: 60 },
    )
  })

  test('grows and shrinks', () => {
    const table = new ConnectionTable<Entry>(new KeyedHash(new SeededRandom(1)))
    const entries = Array.from({ length: 5000 }, (_, i) => entry(i, i * 7, i))
    for (const each of entries) table.add(each)
    for (const each of entries) expect(find(table, each)).toBe(each)
    for (const each of entries.slice(10)) table.delete(each)
    for (const each of entries) expect(find(table, each)).toBe(each.name < 10 ? each : null)
    expect(table.size).toBe(10)
  })

  test('a visitor may delete what it sees', () => {
    const table = new ConnectionTable<Entry>(new KeyedHash(new SeededRandom(1)))
    for (let i = 0; i < 500; i++) table.add(entry(i, i, i))
    let seen = 0
    table.forEach((each) => {
      seen++
      table.delete(each)
    })
    expect([seen, table.size]).toEqual([500, 0])
  })

  test('deleting what is not there is a mistake that shows', () => {
    const table = new ConnectionTable<Entry>(new KeyedHash(new SeededRandom(1)))
    expect(() => table.delete(entry(1, 1, 1))).toThrow('not in the connection table')
  })

  test('compares every word of both addresses and the ports', () => {
    const table = new ConnectionTable<Entry>(new KeyedHash(new SeededRandom(1)))
    const known = entry(1, 2, 3, true)
    table.add(known)
    const { source, destination } = known.path
    /** The address with one of its words changed. */
    const neighbors = ({ word0, word1, word2, word3 }: IpAddress) => [
      IpAddress.fromWords(word0 + 1, word1, word2, word3),
      IpAddress.fromWords(word0, word1 + 1, word2, word3),
      IpAddress.fromWords(word0, word1, word2 + 1, word3),
      IpAddress.fromWords(word0, word1, word2, word3 + 1),
    ]
    const others = [
      ...neighbors(source).map((each) => ({ ...known, path: { source: each, destination } })),
      ...neighbors(destination).map((each) => ({ ...known, path: { source, destination: each } })),
      { ...known, incomingPorts: known.incomingPorts + 1 },
    ]
    for (const other of others) expect(find(table, other)).toBe(null)
    // Also where the hash is the same.
    const collisions = new ConnectionTable<Entry>({ hash3: () => 7, hash9: () => 7 } as unknown as KeyedHash)
    collisions.add(known)
    for (const other of others) expect(find(collisions, other)).toBe(null)
    expect(find(collisions, { ...known })).toBe(known)
    expect(find(table, { ...known })).toBe(known)
  })
})
