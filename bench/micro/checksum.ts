import { Checksum } from '../../src/checksum/index.ts'
import { compare, type MicroResult, measure } from './measure.ts'

/**
 * The checksum against what one would write in JavaScript, all over the same memory: the byte loop of RFC 1071,
 * section 4.1, and a loop over a `Uint16Array`, which wants an even position and a byte swap at the end.
 */

const SIZES = [20, 40, 64, 1472, 65_536]

const memory = new WebAssembly.Memory({ initial: 4, maximum: 4 })
const bytes = new Uint8Array(memory.buffer)
const words = new Uint16Array(memory.buffer)
/** Even and not aligned any further, as headers and payloads are. */
const POSITION = 130

/**
 * Only `&` and `>>>` on the sum, as it stays below 2^31 here: V8 then adds up integers. With anything else after the
 * loop it adds up doubles, and the loops would be half as fast as they can be.
 */
function fold31(sum: number): number {
  const folded = (sum & 0xffff) + (sum >>> 16)
  return (folded & 0xffff) + (folded >>> 16)
}

function byteLoop(position: number, length: number): number {
  let sum = 0
  const end = (position + length) | 0
  for (let i = position; i < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1]
  return fold31(sum)
}

function wordLoop(position: number, length: number): number {
  let sum = 0
  const end = (position + length) >> 1
  for (let i = position >> 1; i < end; i++) sum += words[i]
  const folded = fold31(sum)
  return ((folded & 0xff) << 8) | (folded >>> 8)
}

export async function checksumBenchmarks(): Promise<MicroResult[]> {
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24
  const checksum = new Checksum(memory)
  const results: MicroResult[] = []
  for (const size of SIZES) {
    if (checksum.sum(POSITION, size, 0) !== byteLoop(POSITION, size)) throw new Error(`wrong sum of ${size} bytes`)
    const operations = size > 10_000 ? 10 : 200
    const repeat = (name: string, sum: (position: number, length: number, initial: number) => number) => ({
      name: `checksum, ${name}`,
      bytes: size,
      operations,
      run() {
        let result = 0
        for (let i = 0; i < operations; i++) result += sum(POSITION, size, result & 1)
        return result
      },
    })
    const [ours, byBytes, byWords] = await measure([
      repeat('Checksum.sum', (position, length, initial) => checksum.sum(position, length, initial)),
      repeat('byte loop', (position, length, initial) => byteLoop(position, length) + initial),
      repeat('Uint16Array loop', (position, length, initial) => wordLoop(position, length) + initial),
    ])
    compare(ours, { 'byte loop': byBytes, 'Uint16Array loop': byWords })
    results.push(ours, byBytes, byWords)
  }
  return results
}
