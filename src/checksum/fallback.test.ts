import { afterEach, expect, it, vi } from 'vitest'

afterEach(() => {
  vi.restoreAllMocks()
  vi.resetModules()
})

it('falls back to JavaScript where WebAssembly has no SIMD', async () => {
  vi.resetModules()
  vi.spyOn(WebAssembly, 'Module').mockImplementation(() => {
    throw new WebAssembly.CompileError('wasm simd unsupported')
  })
  const { Checksum } = await import('./checksum.ts')
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  new Uint8Array(memory.buffer).fill(1, 10, 110)
  const checksum = new Checksum(memory)
  expect(checksum.engine).toBe('javascript')
  expect(checksum.sum(10, 100, 7)).toBe(0x0101 * 50 + 7)
  expect(() => new Checksum(memory, 'simd')).toThrow(/no WebAssembly SIMD/)
})
