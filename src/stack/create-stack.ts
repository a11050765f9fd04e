import type { Clock, Random } from '../clock/index.ts'
import type { LogFactory } from '../log/index.ts'
import type { Netif } from '../netif/index.ts'
import type { Stack } from './stack.ts'

export interface CreateStackOptions {
  /** `direct`: this stack over a tap device or `netif`; `socket`: the operating system's sockets. Default `direct`. */
  net?: 'direct' | 'socket'
  /** Name of the tap device, default `tap0`. Ignored with `netif`. */
  interface?: string
  /** Any other frame carrier instead of a tap device. */
  netif?: Netif
  /** `10.0.0.2/24`. Default `10.0.0.2/24`. */
  ipv4?: string
  ipv4Gateway?: string
  /** Writes every frame to this pcapng file. */
  capture?: string
  /** Default: the host's monotonic clock, cryptographic randomness, no logs. */
  clock?: Clock
  random?: Random
  logs?: LogFactory
}

/** Picks and composes a stack: the long way of `DirectStack` or `SocketStack` in one call. */
export declare function createStack(options?: CreateStackOptions): Promise<Stack>
