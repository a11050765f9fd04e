/** A host whose IPv4 is watched from above: what it delivers, and packets to send. */
import { expect } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import type { IpErrorKind, Path } from '../../src/ip/index.ts'
import type { Ipv4Path } from '../../src/ipv4/ipv4-path.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'
import { ethernet, type Ipv4Fields, ipv4 } from './frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost, type TestHostOptions } from './test-host.ts'

/** A protocol above that is nobody's. */
export const PROTOCOL = 200

export const address = (text: string) => IpAddress.parse(text)

export const text = (payload: string) => new TextEncoder().encode(payload)

/** That protocol: it keeps what it gets. */
export class Recorder {
  readonly seen: {
    payload: string
    source: string
    destination: string
    hopLimit: number
    trafficClass: number
    multicast: boolean
  }[] = []
  readonly errors: IpErrorKind[] = []
  bursts = 0
  onReceive: (packet: PacketBuffer) => void = () => {}
  receive(packet: PacketBuffer): void {
    expect(packet.transport).toBe(packet.start)
    this.seen.push({
      payload: Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString(),
      source: IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3).toString(),
      destination: IpAddress.fromWords(
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
      ).toString(),
      hopLimit: packet.hopLimit,
      trafficClass: packet.trafficClass,
      multicast: packet.multicast,
    })
    this.onReceive(packet)
  }
  receiveError(kind: IpErrorKind): void {
    this.errors.push(kind)
  }
  endOfBurst(): void {
    this.bursts++
  }
  get payloads(): string[] {
    return this.seen.map((packet) => packet.payload)
  }
}

export function setUp(options: TestHostOptions = {}) {
  const host = new TestHost(options)
  const recorder = new Recorder()
  host.ipv4.addProtocol(PROTOCOL, recorder)
  return { host, recorder }
}

/** A packet of the peer to us, as its bytes on the wire. */
export const frame = (fields: Partial<Ipv4Fields> = {}, payload = 'data', destination = OUR_MAC) =>
  ethernet(
    { source: PEER_MAC, destination },
    ipv4({ source: PEER_ADDRESS, destination: OUR_ADDRESS, protocol: PROTOCOL, ...fields }, text(payload)),
  )

export function pathTo(host: TestHost, to: string, from: string | null = null): Ipv4Path {
  const path = host.ipv4.path(address(to), from === null ? null : address(from))
  if (typeof path === 'string') throw new Error(path)
  return path
}

export function makePacket(host: TestHost, payload: string | number): PacketBuffer {
  const bytes = typeof payload === 'string' ? text(payload) : new Uint8Array(payload)
  const packet = host.memory.allocate(bytes.length)!
  packet.end = packet.start + bytes.length
  host.memory.bytes.set(bytes, packet.start)
  return packet
}

/** Sends at once. */
export function send(
  host: TestHost,
  to: string | Path,
  payload: string | number = 'data',
  hopLimit = 0,
  trafficClass = 0,
) {
  host.ipv4.send(
    makePacket(host, payload),
    typeof to === 'string' ? pathTo(host, to) : to,
    PROTOCOL,
    hopLimit,
    trafficClass,
  )
  host.ipv4.flush()
}
