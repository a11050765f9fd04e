/**
 * What an application may write, as the stack's buffers, and the device that gathers from them, take it: the bytes of any view.
 * @throws TypeError naming what was given, for anything else
 */
export function writtenBytes(data: Uint8Array | string): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  if (data instanceof Uint8Array) return data
  const given: unknown = data
  if (ArrayBuffer.isView(given)) return new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
  const shown = given === null || typeof given !== 'object' ? String(given) : `an object of ${given.constructor?.name}`
  throw new TypeError(`what is written is a string or a Uint8Array, not ${shown}`)
}
