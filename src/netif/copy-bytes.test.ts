import { expect, test } from 'vitest'
import { copyBytes } from './copy-bytes.ts'

test('copies within one memory, of any length and from anywhere, also onto itself', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const bytes = new Uint8Array(memory.buffer)
  const copy = copyBytes(memory)
  for (let i = 0; i < 1_000; i++) bytes[i] = i
  const expected = bytes.slice()
  for (const [to, from, length] of [
    [2_000, 3, 0],
    [2_001, 3, 1],
    [3_000, 7, 256],
    [100, 90, 50],
    [65_535, 1, 1],
  ]) {
    copy(to, from, length)
    expected.copyWithin(to, from, from + length)
    // `toEqual` would look at 65,536 elements one by one.
    expect(Buffer.compare(bytes, expected)).toBe(0)
  }
  expect(() => copy(65_535, 0, 2)).toThrow(WebAssembly.RuntimeError)
})
