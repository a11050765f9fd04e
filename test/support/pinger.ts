/** Who asks for echoes in tests, and keeps what came of it. */

import { IpAddress } from '../../src/address/index.ts'
import type { EchoRequest } from '../../src/icmp/echo-requests.ts'
import type { IpErrorKind } from '../../src/ip/index.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'
import { PEER_ADDRESS, type TestHost } from './test-host.ts'

/** Hears what became of requests, as lines. */
export class Pinger {
  readonly events: string[] = []
  echoReply(request: EchoRequest, packet: PacketBuffer): void {
    const size = packet.payloadEnd - packet.payload
    this.events.push(`${request.path.destination} ${size} bytes ttl ${request.hopLimit} in ${request.roundTrip} us`)
  }
  echoFailed(request: EchoRequest, kind: IpErrorKind | null): void {
    this.events.push(`${request.path.destination} failed ${kind}`)
  }
}

/** One request, and the frame that it went out in. */
export function ping(host: TestHost, to = PEER_ADDRESS, settings = {}) {
  const pinger = new Pinger()
  const request = host.icmp.ping(IpAddress.parse(to), pinger, settings)
  if (typeof request === 'string') throw new Error(request)
  return { pinger, request, frame: host.netif.takeFrame()! }
}
