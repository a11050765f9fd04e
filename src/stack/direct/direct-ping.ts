import { AbortError, SystemError, type SystemErrorCode } from '../../errors/index.ts'
import type { EchoHandler, EchoRequest, Icmp, Icmpv6 } from '../../icmp/index.ts'
import { IpErrorKind } from '../../ip/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import { checkInteger } from '../options.ts'
import type { PingOptions, PingReply } from '../stack.ts'
import { parseAddress } from './zones.ts'

const DEFAULT_TIMEOUT_MILLISECONDS = 5000

/** One echo request by this stack. @throws SystemError, AbortError, TypeError, RangeError */
export function ping(
  icmp: Icmp | null,
  icmpv6: Icmpv6 | null,
  address: string,
  zone: string,
  options: PingOptions,
): Promise<PingReply> {
  return new Promise((resolve, reject) => {
    const destination = parseAddress('address', address, zone, 'ping')
    const size = checkInteger('size', options.size ?? 56, 0, 65_507)
    const timeout = checkInteger('timeout', options.timeout ?? DEFAULT_TIMEOUT_MILLISECONDS, 1, 2 ** 31 - 1)
    const hopLimit = options.hopLimit === undefined ? 0 : checkInteger('hopLimit', options.hopLimit, 1, 255)
    if (options.signal?.aborted) throw new AbortError(options.signal.reason)
    const failure = (code: SystemErrorCode, hint?: string) => new SystemError(code, 'ping', { address, hint })
    const handler: EchoHandler = {
      echoReply(done: EchoRequest, packet: PacketBuffer) {
        options.signal?.removeEventListener('abort', aborted)
        resolve({
          address,
          size: packet.payloadEnd - packet.payload,
          hopLimit: done.hopLimit,
          roundTripMilliseconds: done.roundTrip / 1000,
        })
      },
      echoFailed(_done: EchoRequest, kind: IpErrorKind | null) {
        options.signal?.removeEventListener('abort', aborted)
        reject(failure(errorCode(kind)))
      },
    }
    const layer = destination.family === 4 ? icmp : icmpv6
    if (layer === null) throw failure('ENETUNREACH')
    const request = layer.ping(destination, handler, { size, hopLimit, timeout: timeout * 1000 })
    if (typeof request === 'string') {
      reject(
        failure(
          request,
          request === 'EACCES' ? 'only single hosts are asked, no group or broadcast address' : undefined,
        ),
      )
      return
    }
    function aborted(): void {
      if (typeof request !== 'string') layer?.cancel(request)
      reject(new AbortError(options.signal?.reason))
    }
    options.signal?.addEventListener('abort', aborted, { once: true })
  })
}

function errorCode(kind: IpErrorKind | null): SystemErrorCode {
  if (kind === null) return 'ETIMEDOUT'
  return kind === IpErrorKind.NetworkUnreachable ? 'ENETUNREACH' : 'EHOSTUNREACH'
}
