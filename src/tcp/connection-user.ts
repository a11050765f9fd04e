import type { SystemErrorCode } from '../errors/index.ts'
import type { Connection } from './connection.ts'

/** Whoever uses a connection: called at the end of a burst, never per segment. */
export interface ConnectionUser {
  /** The handshake is complete: the first call, for both kinds of opening. */
  onEstablished(connection: Connection): void
  /** Data, or the end of the stream, can be read. */
  onReadable(connection: Connection): void
  /** After `wantsWritable` was set: the send buffer has room again. */
  onWritable(connection: Connection): void
  /** The peer has acknowledged our FIN, and with it everything that was written. */
  onFinished(connection: Connection): void
  /** The connection is gone: null after a clean close of both sides. The last call. */
  onClosed(connection: Connection, error: SystemErrorCode | null): void
}
