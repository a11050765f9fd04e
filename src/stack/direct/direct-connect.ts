import { type Clock, Timer } from '../../clock/index.ts'
import { AbortError, SystemError } from '../../errors/index.ts'
import type { Tcp } from '../../tcp/index.ts'
import { checkBoolean, checkInteger, checkPort } from '../options.ts'
import type { ConnectOptions, Flow } from '../stack.ts'
import { DirectFlow, type FlowOwner } from './direct-flow.ts'
import { parseAddress } from './zones.ts'

/** Of which stack a connection is. */
export interface Connecting {
  readonly tcp: Tcp
  readonly clock: Clock
  /** What stands behind link-local addresses. */
  readonly zone: string
  readonly owner: FlowOwner
}

/**
 * A connection to an address, not to a name.
 * @returns the flow once it is established, or at once where the first data goes with the SYN (RFC 7413); rejects as
 *   `Stack.connect` says
 */
export function connectToAddress({ tcp, clock, zone, owner }: Connecting, options: ConnectOptions): Promise<Flow> {
  return new Promise((resolve, reject) => {
    const remote = parseAddress('address', options.address, zone, 'connect')
    const port = checkPort('port', options.port, 1)
    const { localAddress } = options
    const local = localAddress === undefined ? null : parseAddress('localAddress', localAddress, zone, 'connect')
    const localPort = checkPort('localPort', options.localPort ?? 0, 0)
    if (options.timeout !== undefined) checkInteger('timeout', options.timeout, 1, 2 ** 31 - 1)
    const { signal, fastOpen, maximumSegmentSize, congestionControl } = options
    if (fastOpen !== undefined) checkBoolean('fastOpen', fastOpen)
    if (options.noDelay !== undefined) checkBoolean('noDelay', options.noDelay)
    if (signal?.aborted) throw new AbortError(signal.reason)
    const settings = { fastOpen, maximumSegmentSize, congestionControl }
    const connection = tcp.connect({ remote, port, local, localPort, ...settings })
    const flow = new DirectFlow(connection, owner)
    connection.user = flow
    connection.noDelay = options.noDelay ?? false
    // The first data goes with the SYN.
    if (connection.fastOpen?.isDeferred) resolve(flow)
    const settle = () => {
      flow.whenEstablished = null
      clock.disarm(timer)
      signal?.removeEventListener('abort', aborted)
    }
    const giveUp = (reason: Error) => {
      settle()
      reject(reason)
      flow.abort()
    }
    const timer = new Timer({ onTimer: () => giveUp(new SystemError('ETIMEDOUT', 'connect', flow.remote)) })
    const aborted = () => giveUp(new AbortError(signal?.reason))
    flow.whenEstablished = (error) => {
      settle()
      if (error === null) resolve(flow)
      else reject(error)
    }
    if (options.timeout !== undefined) clock.arm(timer, clock.now() + options.timeout * 1000)
    signal?.addEventListener('abort', aborted)
  })
}
