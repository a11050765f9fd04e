/**
 * Packet checkers for vitest, in the spirit of gVisor's: import this file, then
 *
 *     expect(frame).toBeTcp({ flags: 'SA', ack: isn + 1, mss: 1460 })
 *     expect(frame).toBeUdp({ destinationPort: 53, payload: 'hello' })
 *     expect(frame).toBeArp({ operation: 1, targetAddress: '10.0.0.1' })
 *     expect(frame).toBeIcmp({ icmpType: 3, code: 3 })
 *
 * A frame is a `Uint8Array` or a `PacketBuffer`. Only the fields that are given are compared; a value may be an
 * asymmetric matcher (`expect.any(Number)`). In any case the frame must be well formed, and its checksums right, or
 * `partial` with the right seed if it is a packet that leaves them to the device: a frame that is wrong on purpose
 * is matched with `checksum: 'wrong'`.
 */
import { expect } from 'vitest'
import {
  type ArpView,
  canonicalAddress,
  canonicalFlags,
  type Dissection,
  dissect,
  type Frame,
  type IcmpView,
  type IpView,
  summarize,
  type TcpView,
  type UdpView,
} from './dissect.ts'

/** Expected fields: any of the view's, payloads also as text. */
export type Expected<View> = { [Field in keyof View]?: Field extends 'payload' ? Uint8Array | string : View[Field] }

export interface PacketMatchers<R = unknown> {
  toBeTcp(fields?: Expected<TcpView>): R
  toBeUdp(fields?: Expected<UdpView>): R
  /** ICMP or ICMPv6; `family` tells. */
  toBeIcmp(fields?: Expected<IcmpView>): R
  toBeArp(fields?: Expected<ArpView>): R
  /** IP of either family, whatever it carries. */
  toBeIp(fields?: Expected<IpView>): R
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the declaration that this merges with has it so
  interface Matchers<T = any> extends PacketMatchers<T> {}
}

/** What `expect.extend` binds as `this`, as far as it is used here. */
interface MatcherContext {
  isNot?: boolean
  equals(a: unknown, b: unknown): boolean
}

type Layer = 'tcp' | 'udp' | 'icmp' | 'arp' | 'ip'

const NAMES: Record<Layer, string> = { tcp: 'TCP', udp: 'UDP', icmp: 'ICMP', arp: 'ARP', ip: 'IP' }
const ADDRESSES = ['source', 'destination', 'senderAddress', 'targetAddress']

function matcher(layer: Layer) {
  return function (this: MatcherContext, received: Frame, fields: Record<string, unknown> = {}) {
    if (received === undefined || received === null) {
      return { pass: false, message: () => `expected ${article(layer)} frame, but there is none` }
    }
    const dissection = dissect(received)
    const view = dissection[layer] as unknown as Record<string, unknown> | null
    if (view === null) {
      return { pass: false, message: () => `expected ${article(layer)} frame, but got\n  ${summarize(received)}` }
    }
    const actual: Record<string, unknown> = {}
    const expected: Record<string, unknown> = {}
    for (const [field, value] of Object.entries(fields)) {
      if (value === undefined) continue
      if (!(field in view)) throw new TypeError(`${article(layer)} frame has no field "${field}"`)
      expected[field] = canonical(field, value)
      actual[field] = readable(view[field], expected[field])
    }
    if ('checksum' in view && !('checksum' in expected) && view.checksum === 'wrong') {
      actual.checksum = 'wrong'
      expected.checksum = 'right'
    }
    const excused = dissection.problems.filter(
      (problem) => !(problem.includes('header checksum') && 'headerChecksum' in expected),
    )
    const wrong = Object.keys(expected).filter((field) => !this.equals(actual[field], expected[field]))
    return {
      pass: wrong.length === 0 && excused.length === 0,
      actual,
      expected,
      message: () => explain(layer, received, dissection, wrong, actual, expected, this.isNot ?? false),
    }
  }
}

function explain(
  layer: Layer,
  received: Frame,
  dissection: Dissection,
  wrong: string[],
  actual: Record<string, unknown>,
  expected: Record<string, unknown>,
  isNot: boolean,
): string {
  if (isNot) return `expected no ${NAMES[layer]} frame with these fields, but got\n  ${summarize(received)}`
  const lines = wrong.map((field) => `  ${field}: expected ${show(expected[field])}, got ${show(actual[field])}`)
  lines.push(...dissection.problems.map((problem) => `  ${problem}`))
  return `${NAMES[layer]} frame is not as expected\n${lines.join('\n')}\nin\n  ${summarize(received)}`
}

/** Expected values in the form in which frames are dissected. */
function canonical(field: string, value: unknown): unknown {
  // Sequence numbers are computed by adding to signed or unsigned ones.
  if ((field === 'seq' || field === 'ack') && typeof value === 'number') return value >>> 0
  if (field === 'flags' && typeof value === 'string') return canonicalFlags(value)
  if (ADDRESSES.includes(field) && typeof value === 'string') return canonicalAddress(value)
  if (field.endsWith('Mac') && typeof value === 'string') return value.toLowerCase()
  return value
}

/** A payload is shown as text when it is expected as text. */
function readable(actual: unknown, expected: unknown): unknown {
  if (actual instanceof Uint8Array) {
    return typeof expected === 'string' ? Buffer.from(actual).toString() : new Uint8Array(actual)
  }
  return actual
}

function article(layer: Layer): string {
  return `${/^[AI]/.test(NAMES[layer]) ? 'an' : 'a'} ${NAMES[layer]}`
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, 48)).toString('hex')
    return `${value.length} bytes ${hex}${value.length > 48 ? '...' : ''}`
  }
  return typeof value === 'function' ? String(value) : (JSON.stringify(value) ?? String(value))
}

expect.extend({
  toBeTcp: matcher('tcp'),
  toBeUdp: matcher('udp'),
  toBeIcmp: matcher('icmp'),
  toBeArp: matcher('arp'),
  toBeIp: matcher('ip'),
})
