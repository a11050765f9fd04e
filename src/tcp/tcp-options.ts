import type { IpAddress } from '../address/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import type { Log } from '../log/index.ts'
import type { CongestionControlName } from './congestion/index.ts'
import type { ConnectionUser } from './connection-user.ts'
import type { TcpSettings } from './settings.ts'

/** What `new Tcp` takes. */
export interface TcpOptions {
  clock: Clock
  random: Random
  settings?: Partial<TcpSettings>
  log?: Log
}

/** Where `Tcp.connect` leads, and how. */
export interface TcpConnectOptions {
  remote: IpAddress
  /** 1 to 65,535. */
  port: number
  local?: IpAddress | null
  /** 0 or left out: a free one. */
  localPort?: number
  /**
   * Sends the first data with the SYN, if the server's cookie is known: RFC 7413. The SYN then waits for data, but not for
   * long. Default false.
   */
  fastOpen?: boolean
  /** As the setting, for this connection: 88 to 65,495; the lower one counts. As Linux TCP_MAXSEG. */
  maximumSegmentSize?: number
  /** As the setting, for this connection; Linux TCP_CONGESTION. Default the setting. */
  congestionControl?: CongestionControlName
  /** May be set on the connection afterwards: nothing happens before this call returns. */
  user?: ConnectionUser | null
}
