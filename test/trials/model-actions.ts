/** What may happen to a connection in the model, as data, so that a failing case can be made smaller and kept. */
import type { TcpSettings } from '../../src/tcp/index.ts'

export const End = { Client: 0, Server: 1 } as const
export type End = (typeof End)[keyof typeof End]

export type Action =
  | { kind: 'write'; end: End; size: number; inPlace: boolean }
  | { kind: 'read'; end: End; most: number }
  /** From now on everything is read as it comes, or only by `read`. */
  | { kind: 'keepReading'; end: End; on: boolean }
  | { kind: 'wait'; milliseconds: number }
  | { kind: 'shutdown'; end: End }
  /** Shuts the reading half down. */
  | { kind: 'discard'; end: End }
  | { kind: 'close'; end: End }
  | { kind: 'abort'; end: End }
  | { kind: 'cable'; up: boolean }
  /** The path turns out to carry less, as ICMP would tell. */
  | { kind: 'mtu'; end: End; mtu: number }
  | {
      kind: 'impair'
      loss: number
      duplication: number
      corruption: number
      reordering: number
      latency: number
      bandwidth: number
    }

export interface Case {
  seed: number
  settings: Partial<TcpSettings>
  actions: Action[]
}
