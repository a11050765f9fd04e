import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import type BenchmarkClass from 'benchmark'

/**
 * The `benchmark` package, loaded without the TypeScript loader that bench/ runs under. That one reads CommonJS in a
 * WASM memory that it grows, which detaches an ArrayBuffer; and from the first detached one on, V8 checks for more at
 * every access to a typed array in the process. Loops in JavaScript then take 1.25 to 1.8 times as long, and comparing
 * with them would flatter what they are compared with. `node --trace-protector-invalidation` tells
 * (ArrayBufferDetaching; once is the loader's own thread).
 */
export const Benchmark = load('benchmark') as typeof BenchmarkClass

function load(name: string): unknown {
  const { resolve } = createRequire(import.meta.url)
  const loaded = { exports: {} }
  const body = readFileSync(resolve(name), 'utf8')
  const wrapped = compileFunction(body, ['module', 'exports', 'require'], { filename: name })
  wrapped.call(loaded.exports, loaded, loaded.exports, load)
  return loaded.exports
}
