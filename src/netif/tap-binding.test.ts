import { expect, test } from 'vitest'
import { freeBuffer, loadAddon } from './tap-binding.ts'

test('the memory of a buffer that nobody needs is given back, but of none that others see a part of', () => {
  loadAddon()
  const own = new Uint8Array(20_000)
  freeBuffer(own)
  expect(own.length).toBe(0)
  const shared = new ArrayBuffer(20_000)
  const part = new Uint8Array(shared, 0, 16_384)
  freeBuffer(part)
  expect(part.length).toBe(16_384)
  // Pages of WebAssembly cannot be given back, and nothing happens.
  const pages = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer)
  freeBuffer(pages)
  expect(pages.length).toBe(65_536)
})
