import { AbortError, SystemError } from '../../errors/index.ts'
import { checkAddress, checkInteger } from '../options.ts'
import type { PingOptions, PingReply } from '../stack.ts'
import { loadRawSocket, rawSocketPing } from './raw-socket-ping.ts'
import { systemPing } from './system-ping.ts'

const DEFAULT_SIZE = 56
const LARGEST_SIZE = 65_507
const DEFAULT_TIMEOUT = 5_000

/** One echo request, checked and with its defaults filled in. */
export interface EchoRequest {
  readonly address: string
  readonly size: number
  /** Milliseconds. */
  readonly timeout: number
  /** Null for the system's own. */
  readonly hopLimit: number | null
  /** Ends the wait early; what is thrown then is the caller's business. */
  readonly signal: AbortSignal
}

/**
 * Sends an echo request by the way that is there: the optional package `raw-socket` where it is installed and the
 * process may open raw sockets, else the system's `ping` program, which needs no privilege of ours.
 * @throws SystemError ENOTSUP naming what is missing, if there is neither
 */
export async function ping(address: string, options: PingOptions, closing: AbortSignal): Promise<PingReply> {
  checkAddress('address', address)
  const size = checkInteger('size', options.size ?? DEFAULT_SIZE, 0, LARGEST_SIZE)
  const timeout = checkInteger('timeout', options.timeout ?? DEFAULT_TIMEOUT, 1, 2 ** 31 - 1)
  const hopLimit = options.hopLimit === undefined ? null : checkInteger('hopLimit', options.hopLimit, 1, 255)
  const asked = options.signal
  if (asked?.aborted) throw new AbortError(asked.reason)
  const signal = asked === undefined ? closing : AbortSignal.any([asked, closing])
  const request: EchoRequest = { address, size, timeout, hopLimit, signal }
  try {
    const rawSocket = await loadRawSocket()
    signal.throwIfAborted()
    // The package sets no TTL of a request.
    return await (rawSocket === null || hopLimit !== null ? systemPing(request) : rawSocketPing(rawSocket, request))
  } catch (error) {
    if (asked?.aborted) throw new AbortError(asked.reason)
    if (closing.aborted) throw new SystemError('ECONNABORTED', 'ping', { address })
    throw error
  }
}
