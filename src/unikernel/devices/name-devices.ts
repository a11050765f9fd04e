import type { LookupAddress } from 'node:dns'
import type { ConnectOptions, Flow, Stack } from '../../stack/index.ts'
import { type Device, device } from './device.ts'

/** The functions of `node:dns`, on the stack. */
export function resolverDevice(uses: { stack: Device<Stack> }): Device<Stack['dns']> {
  return device({ kind: 'resolver', uses: { stack: uses.stack }, create: ({ uses: { stack } }) => stack.dns })
}

/** The functions of `node:tls`, on the stack. */
export function tlsDevice(uses: { stack: Device<Stack> }): Device<Stack['tls']> {
  return device({ kind: 'tls', uses: { stack: uses.stack }, create: ({ uses: { stack } }) => stack.tls })
}

/** Connects to names: to whichever of their addresses, of both families, answers first. */
export interface HappyEyeballsConnector {
  /**
   * @param host a name or an address
   * @throws the errors of `Stack.connect` and of the name's resolution; AbortError
   */
  connect(host: string, port: number, options?: Omit<ConnectOptions, 'address' | 'port'>): Promise<Flow>
  /** All addresses of a name, in the order in which they would be tried. */
  resolve(host: string): Promise<readonly LookupAddress[]>
}

/** Happy Eyeballs (RFC 8305): the addresses of a name are tried one after the other, without waiting for each to fail. */
export function happyEyeballsDevice(uses: { stack: Device<Stack> }): Device<HappyEyeballsConnector> {
  return device({
    kind: 'happy-eyeballs',
    uses: { stack: uses.stack },
    create: ({ uses: { stack } }): HappyEyeballsConnector => ({
      connect: (host, port, options) => stack.connect({ ...options, address: host, port }),
      resolve: (host) => stack.dns.promises.lookup(host, { all: true }),
    }),
  })
}
