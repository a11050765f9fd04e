/** Active open: RFC 9293, 3.10.1 (OPEN). Where to, from which address and port, and the first segment. */
import { SystemError, type SystemErrorCode } from '../errors/index.ts'
import type { Ip } from '../ip/index.ts'
import { congestionControlName } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import type { LocalPorts } from './local-ports.ts'
import type { Opening } from './opening.ts'
import { State } from './state.ts'
import type { TcpContext } from './tcp-context.ts'
import type { TcpConnectOptions } from './tcp-options.ts'

export class ActiveOpen {
  readonly #context: TcpContext
  readonly #opening: Opening
  readonly #localPorts: LocalPorts

  constructor(context: TcpContext, opening: Opening, localPorts: LocalPorts) {
    this.#context = context
    this.#opening = opening
    this.#localPorts = localPorts
  }

  /** See `Tcp.connect`. @param ips the internet layers to choose from */
  connect(options: TcpConnectOptions, ips: readonly Ip[]): Connection {
    const { remote, port, congestionControl } = options
    if (congestionControl !== undefined) congestionControlName(congestionControl)
    const failure = (code: SystemErrorCode) => new SystemError(code, 'connect', { address: remote.toString(), port })
    const ip = ips.find((candidate) => candidate.family === remote.family)
    if (ip === undefined || remote.isUnspecified) throw failure('ENETUNREACH')
    if (remote.isMulticast) throw failure('ENETUNREACH')
    const local = options.local?.isUnspecified ? null : options.local
    const path = ip.path(remote, local)
    if (typeof path === 'string') throw failure(path)
    if (path.isBroadcast) throw failure('ENETUNREACH')
    if (this.#opening.isFull) throw failure('ENOBUFS')
    let localPort = options.localPort ?? 0
    const isFree = (candidate: number) => this.#localPorts.isFree(path, candidate, port)
    if (localPort === 0) {
      localPort = this.#localPorts.pick(isFree)
      if (localPort === 0) throw failure('EADDRNOTAVAIL')
    } else if (!isFree(localPort)) {
      throw failure('EADDRINUSE')
    }
    const connection = this.#opening.make(path, localPort, port)
    connection.user = options.user ?? null
    if (options.maximumSegmentSize !== undefined) connection.limitSegmentSize(options.maximumSegmentSize)
    if (congestionControl !== undefined) connection.congestionControl = congestionControl
    connection.state = State.SynSent
    if (options.fastOpen) connection.fastOpen = this.#context.fastOpen.begin(connection)
    this.#context.counters.ActiveOpens++
    this.#opening.start(connection, null)
    this.#context.settle(connection)
    return connection
  }
}
