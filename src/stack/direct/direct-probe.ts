/** How far packets get: what traceroute(8) is made of. */
import type { IpAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, Timer } from '../../clock/index.ts'
import { AbortError, SystemError } from '../../errors/index.ts'
import type { EchoHandler, Icmp, Icmpv6 } from '../../icmp/index.ts'
import { IpErrorKind } from '../../ip/index.ts'
import type { Udp } from '../../udp/index.ts'
import { checkInteger, checkPort } from '../options.ts'
import { addressText, parseAddress } from './zones.ts'

/** Where nobody listens, as traceroute(8) has it. */
const DEFAULT_PORT = 33_434
const DEFAULT_TIMEOUT_MILLISECONDS = 5000

/** What `DirectStack.probe` takes. */
export interface ProbeOptions {
  /** TTL or hop limit: routers it may pass, 1 to 255. */
  hopLimit: number
  /** An echo request, or a datagram to a port where nobody listens. Default `udp`. */
  protocol?: 'icmp' | 'udp'
  /** Of a datagram; default 33,434. */
  port?: number
  /** Payload bytes, 0 to 65,507; default 32. */
  size?: number
  /** Milliseconds to wait, 1 to 2^31 - 1; default 5,000. */
  timeout?: number
  signal?: AbortSignal
}

/** What became of a probe. */
export interface ProbeAnswer {
  /** Who has answered, null for nobody. */
  readonly address: string | null
  readonly roundTripMilliseconds: number
  /**
   * `reached`: the destination itself. `passed`: a router where the probe's hop limit ended. Otherwise why it goes no further;
   * `silent` if nobody has said anything.
   */
  readonly kind:
    | 'reached'
    | 'passed'
    | 'silent'
    | 'network-unreachable'
    | 'host-unreachable'
    | 'protocol-unreachable'
    | 'too-big'
    | 'prohibited'
    | 'problem'
}

export interface ProbeLayers {
  readonly clock: Clock
  readonly icmp: Icmp | null
  readonly icmpv6: Icmpv6 | null
  readonly udp: Udp
  readonly zone: string
  flush(): void
}

const KINDS: Readonly<Record<IpErrorKind, ProbeAnswer['kind']>> = {
  [IpErrorKind.NetworkUnreachable]: 'network-unreachable',
  [IpErrorKind.HostUnreachable]: 'host-unreachable',
  [IpErrorKind.ProtocolUnreachable]: 'protocol-unreachable',
  [IpErrorKind.PortUnreachable]: 'reached',
  [IpErrorKind.PacketTooBig]: 'too-big',
  [IpErrorKind.Prohibited]: 'prohibited',
  [IpErrorKind.TimeExceeded]: 'passed',
  [IpErrorKind.ParameterProblem]: 'problem',
}

/** @throws SystemError ENETUNREACH, EACCES, EADDRINUSE, ENOBUFS; AbortError; TypeError or RangeError for an option */
export function probe(layers: ProbeLayers, address: string, options: ProbeOptions): Promise<ProbeAnswer> {
  return new Promise((resolve, reject) => {
    const { signal, protocol = 'udp' } = options
    const destination = parseAddress('address', address, layers.zone, 'probe')
    const hopLimit = checkInteger('hopLimit', options.hopLimit, 1, 255)
    const size = checkInteger('size', options.size ?? 32, 0, 65_507)
    const timeout = checkInteger('timeout', options.timeout ?? DEFAULT_TIMEOUT_MILLISECONDS, 1, 2 ** 31 - 1) * 1000
    const port = checkPort('port', options.port ?? DEFAULT_PORT, 1)
    if (protocol !== 'udp' && protocol !== 'icmp') throw new TypeError(`protocol is icmp or udp, not ${protocol}`)
    if (signal?.aborted) throw new AbortError(signal.reason)

    const sentAt = layers.clock.now()
    const finish = (kind: ProbeAnswer['kind'], from: IpAddress | null) => {
      signal?.removeEventListener('abort', aborted)
      const roundTripMilliseconds = (layers.clock.now() - sentAt) / 1000
      resolve({ address: from === null ? null : addressText(from, layers.zone), roundTripMilliseconds, kind })
    }
    const failed = (kind: IpErrorKind | null, from: IpAddress | null) => {
      finish(kind === null ? 'silent' : KINDS[kind], from)
    }
    const send = protocol === 'udp' ? sendDatagram : sendEcho
    const cancel = send(layers, destination, { hopLimit, size, timeout, port }, failed, () =>
      finish('reached', destination),
    )
    function aborted(): void {
      if (typeof cancel !== 'string') cancel()
      reject(new AbortError(signal?.reason))
    }
    if (typeof cancel === 'string') reject(new SystemError(cancel, 'probe', { address }))
    else signal?.addEventListener('abort', aborted, { once: true })
  })
}

interface Sending {
  readonly hopLimit: number
  readonly size: number
  readonly timeout: Microseconds
  readonly port: number
}
type Failed = (kind: IpErrorKind | null, from: IpAddress | null) => void
type Code = 'ENETUNREACH' | 'EADDRNOTAVAIL' | 'EACCES' | 'EADDRINUSE' | 'EINVAL' | 'ENOBUFS' | 'EMSGSIZE'

/** @returns what gives it up, or why it cannot be sent */
function sendEcho(layers: ProbeLayers, to: IpAddress, sending: Sending, failed: Failed, reached: () => void) {
  const layer = to.family === 4 ? layers.icmp : layers.icmpv6
  if (layer === null) return 'ENETUNREACH' satisfies Code
  const { hopLimit, size, timeout } = sending
  const handler: EchoHandler = {
    echoReply: reached,
    echoFailed: (_request, kind, reporter) => failed(kind, reporter),
  }
  const request = layer.ping(to, handler, { size, timeout, hopLimit })
  return typeof request === 'string' ? (request satisfies Code) : () => layer.cancel(request)
}

/** From a port of its own, so that an error about it is about nothing else. */
function sendDatagram(layers: ProbeLayers, to: IpAddress, sending: Sending, failed: Failed, reached: () => void) {
  const { clock, udp } = layers
  const { hopLimit, size, timeout, port } = sending
  const end = () => {
    clock.disarm(timer)
    binding.close()
  }
  const receiver = {
    datagram() {
      end()
      reached()
    },
    error(kind: IpErrorKind, reporter: IpAddress) {
      end()
      failed(kind, reporter)
    },
  }
  const bound = udp.bind(receiver, { remote: { address: to, port } })
  if (typeof bound === 'string') return bound satisfies Code
  const binding = bound
  const timer = new Timer({
    onTimer() {
      end()
      failed(null, null)
    },
  })
  binding.hopLimit = hopLimit
  const refusal = binding.send(new Uint8Array(size))
  if (refusal !== null) {
    binding.close()
    return refusal === 'EDESTADDRREQ' ? ('EINVAL' satisfies Code) : (refusal satisfies Code)
  }
  layers.flush()
  clock.arm(timer, clock.now() + timeout)
  return end
}
