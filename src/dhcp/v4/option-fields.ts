/**
 * Options as code and bytes: RFC 2132, section 2, spread over up to three fields of a message (option overload, section
 * 9.3), long ones in pieces (RFC 3396).
 */

import { OptionCode } from './codes.ts'
import * as wire from './wire.ts'

/** Values of option overload, RFC 2132, section 9.3. */
const OVERLOADS_FILE = 1
const OVERLOADS_SERVER_NAME = 2
const LONGEST_PIECE = 255
const PIECE_HEADER = 2
/** The overload option with its value. */
const OVERLOAD_LENGTH = 3
/** RFC 951. */
const LEAST_MESSAGE = 300

/** One option, its pieces joined. */
export interface RawOption {
  code: number
  bytes: Uint8Array
  /** Bytes of its first piece: what counts of an option of fixed size that came twice. */
  firstLength: number
}

/**
 * All options of a message, in the order of their first pieces.
 * @returns null if one runs over the end of its field
 */
export function readOptions(message: Uint8Array): Map<number, RawOption> | null {
  const pieces = new Map<number, Uint8Array[]>()
  if (!readField(message, wire.OPTIONS, message.length, pieces)) return null
  const overload = pieces.get(OptionCode.Overload)?.[0]
  const fields = overload?.length === 1 && overload[0] <= (OVERLOADS_FILE | OVERLOADS_SERVER_NAME) ? overload[0] : 0
  pieces.delete(OptionCode.Overload)
  // RFC 3396, section 5: first the options field, then file, then sname.
  if ((fields & OVERLOADS_FILE) !== 0 && !readField(message, wire.FILE, wire.FILE + wire.FILE_LENGTH, pieces))
    return null
  const nameEnd = wire.SERVER_NAME + wire.SERVER_NAME_LENGTH
  if ((fields & OVERLOADS_SERVER_NAME) !== 0 && !readField(message, wire.SERVER_NAME, nameEnd, pieces)) return null
  pieces.delete(OptionCode.Overload)
  const options = new Map<number, RawOption>()
  for (const [code, parts] of pieces) {
    options.set(code, { code, bytes: joined(parts), firstLength: parts[0].length })
  }
  return options
}

/** A field without an end option ends with the field, as Linux's clients take it. */
function readField(message: Uint8Array, start: number, end: number, pieces: Map<number, Uint8Array[]>): boolean {
  let at = start
  while (at < end) {
    const code = message[at++]
    if (code === OptionCode.Pad) continue
    if (code === OptionCode.End) break
    if (at >= end) return false
    const length = message[at++]
    if (at + length > end) return false
    const piece = message.slice(at, at + length)
    const before = pieces.get(code)
    if (before === undefined) pieces.set(code, [piece])
    else before.push(piece)
    at += length
  }
  return true
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * Writes options behind a header that is there, into file and sname as well if they do not fit otherwise.
 * @param header the first 240 bytes of the message
 * @param maximumSize of the whole message, 300 or more
 * @returns the message, and how many options at the end of the list found no room
 */
export function writeOptions(
  header: Uint8Array,
  options: readonly Omit<RawOption, 'firstLength'>[],
  maximumSize: number,
): { message: Uint8Array; left: number } {
  const needed = options.reduce((size, { bytes }) => size + sizeOf(bytes), 1)
  const isOverloaded = wire.OPTIONS + needed > maximumSize
  // RFC 1542, section 2.1: some relay agents drop what is shorter than a BOOTP message.
  const message = new Uint8Array(Math.max(Math.min(wire.OPTIONS + needed, maximumSize), LEAST_MESSAGE))
  message.set(header)
  const fields = [new FieldWriter(message, wire.OPTIONS, message.length - (isOverloaded ? OVERLOAD_LENGTH : 0))]
  if (isOverloaded) {
    fields.push(new FieldWriter(message, wire.FILE, wire.FILE + wire.FILE_LENGTH))
    fields.push(new FieldWriter(message, wire.SERVER_NAME, wire.SERVER_NAME + wire.SERVER_NAME_LENGTH))
  }
  let written = 0
  for (const { code, bytes } of options) {
    // Whole or not at all: half an option would be taken for a whole one.
    if (bytes.length > fields.reduce((room, field) => room + field.room, 0)) break
    let at = 0
    for (const field of fields) {
      if (at < bytes.length || bytes.length === 0) at += field.write(code, bytes, at)
      if (bytes.length === 0) break
    }
    written++
  }
  const [main, file, serverName] = fields
  const overload = (file?.isUsed ? OVERLOADS_FILE : 0) | (serverName?.isUsed ? OVERLOADS_SERVER_NAME : 0)
  if (overload !== 0) {
    main.extend(OVERLOAD_LENGTH)
    main.write(OptionCode.Overload, Uint8Array.of(overload), 0)
  }
  for (const field of fields) if (field === main || field.isUsed) field.end()
  return { message, left: options.length - written }
}

/** Bytes that an option takes, in pieces of 255. */
function sizeOf(bytes: Uint8Array): number {
  return bytes.length + PIECE_HEADER * Math.max(1, Math.ceil(bytes.length / LONGEST_PIECE))
}

class FieldWriter {
  isUsed = false
  readonly #bytes: Uint8Array
  #at: number
  /** Where the end option has its place at the latest. */
  #end: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end - 1
  }

  /** Bytes of one option that still fit, in pieces. */
  get room(): number {
    const left = this.#end - this.#at
    return Math.max(0, left - PIECE_HEADER * Math.ceil(left / (LONGEST_PIECE + PIECE_HEADER)))
  }

  extend(more: number): void {
    this.#end += more
  }

  /** @returns how many of the bytes from `from` on it has taken */
  write(code: number, bytes: Uint8Array, from: number): number {
    let at = from
    do {
      const length = Math.min(bytes.length - at, this.#end - this.#at - PIECE_HEADER, LONGEST_PIECE)
      if (length < 0 || (length === 0 && at < bytes.length)) break
      this.#bytes[this.#at++] = code
      this.#bytes[this.#at++] = length
      this.#bytes.set(bytes.subarray(at, at + length), this.#at)
      this.#at += length
      at += length
      this.isUsed = true
    } while (at < bytes.length)
    return at - from
  }

  end(): void {
    this.#bytes[this.#at] = OptionCode.End
  }
}
