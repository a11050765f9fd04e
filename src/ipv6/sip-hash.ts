/**
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): 64 bits of a message that nobody can
 * foretell or undo without the key of 128 bits. For what is computed seldom and seen by others, such as interface
 * identifiers; tables use `KeyedHash`.
 */

const WORD = 0xffff_ffff_ffff_ffffn

/** Bytes of a key. */
export const SIP_KEY_LENGTH = 16

/**
 * @param key 16 bytes
 * @returns an integer of 64 bits
 * @throws RangeError for a key of another length
 */
export function sipHash24(key: Uint8Array, message: Uint8Array): bigint {
  if (key.length !== SIP_KEY_LENGTH) throw new RangeError(`a key has ${SIP_KEY_LENGTH} bytes, not ${key.length}`)
  const key0 = littleEndian64(key, 0)
  const key1 = littleEndian64(key, 8)
  // Section 2.2, initialization.
  const state = [
    key0 ^ 0x736f_6d65_7073_6575n,
    key1 ^ 0x646f_7261_6e64_6f6dn,
    key0 ^ 0x6c79_6765_6e65_7261n,
    key1 ^ 0x7465_6462_7974_6573n,
  ]
  const whole = message.length & ~7
  for (let at = 0; at < whole; at += 8) compress(state, littleEndian64(message, at))
  // The last word holds what is left and, in its top byte, the length.
  const last = new Uint8Array(8)
  last.set(message.subarray(whole))
  last[7] = message.length
  compress(state, littleEndian64(last, 0))
  state[2] ^= 0xffn
  for (let i = 0; i < 4; i++) round(state)
  return state[0] ^ state[1] ^ state[2] ^ state[3]
}

function compress(state: bigint[], word: bigint): void {
  state[3] ^= word
  round(state)
  round(state)
  state[0] ^= word
}

/** Section 2.4, SipRound. */
function round(state: bigint[]): void {
  let [v0, v1, v2, v3] = state
  v0 = (v0 + v1) & WORD
  v1 = rotate(v1, 13n) ^ v0
  v0 = rotate(v0, 32n)
  v2 = (v2 + v3) & WORD
  v3 = rotate(v3, 16n) ^ v2
  v0 = (v0 + v3) & WORD
  v3 = rotate(v3, 21n) ^ v0
  v2 = (v2 + v1) & WORD
  v1 = rotate(v1, 17n) ^ v2
  v2 = rotate(v2, 32n)
  state[0] = v0
  state[1] = v1
  state[2] = v2
  state[3] = v3
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) & WORD) | (value >> (64n - bits))
}

function littleEndian64(bytes: Uint8Array, position: number): bigint {
  let value = 0n
  for (let i = 7; i >= 0; i--) value = (value << 8n) | BigInt(bytes[position + i])
  return value
}
