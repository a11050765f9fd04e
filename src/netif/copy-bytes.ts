/** Copying within packet memory: for a few hundred bytes a third cheaper than `Uint8Array.copyWithin`, which leaves the engine. */

/** @param to and `from`: positions @param length 0 and more; all within the memory */
export type CopyBytes = (to: number, from: number, length: number) => void

/**
 * ```wat
 * (module
 *   (import "packet" "memory" (memory 1))
 *   (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))
 * ```
 */
const MODULE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  // Types: (i32, i32, i32) -> nothing.
  ...[0x01, 0x07, 0x01, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x00],
  // Imports: packet.memory.
  ...[0x02, 0x12, 0x01, 0x06, ...Buffer.from('packet'), 0x06, ...Buffer.from('memory'), 0x02, 0x00, 0x01],
  // Functions: one of that type, exported as copy.
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x08, 0x01, 0x04, ...Buffer.from('copy'), 0x00, 0x00],
  // Its code: three times local.get, memory.copy.
  ...[0x0a, 0x0e, 0x01, 0x0c, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfc, 0x0a, 0x00, 0x00, 0x0b],
)

let compiled: WebAssembly.Module | null = null

/** Copies within this memory, which must not grow. */
export function copyBytes(memory: WebAssembly.Memory): CopyBytes {
  compiled ??= new WebAssembly.Module(MODULE)
  return new WebAssembly.Instance(compiled, { packet: { memory } }).exports.copy as CopyBytes
}
