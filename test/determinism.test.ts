/** Under a virtual clock and a seeded random source, all that happens on a network is a function of the seed. */
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../src/address/index.ts'
import { MemorySink, PcapngWriter, readCapture } from '../src/capture/index.ts'
import { MILLISECOND } from '../src/clock/index.ts'
import type { PacketBuffer } from '../src/packet/index.ts'
import type { TcpSettings } from '../src/tcp/index.ts'
import { Udp, UdpBinding } from '../src/udp/index.ts'
import { dissect } from './support/dissect.ts'
import { pattern } from './support/scripted-peer.ts'
import { Collector, Recorder, type VirtualHost, VirtualWorld } from './support/virtual-hosts.ts'

/** What three hosts on bad links say to each other in a minute, as a capture file. */
function run(seed: number, settings: Partial<TcpSettings> = {}): Uint8Array {
  const world = new VirtualWorld(seed)
  const { clock, network } = world
  const sink = new MemorySink()
  const writer = new PcapngWriter(sink)
  network.capture(writer)
  const link = {
    latency: 5 * MILLISECOND,
    loss: 0.03,
    duplication: 0.02,
    corruption: 0.01,
    reordering: { probability: 0.05, distance: 4 },
    bandwidth: 20e6,
  }
  const hosts = [
    world.host(link, settings),
    world.host({ ...link, offload: true }, settings),
    world.host({ latency: 1 }, settings),
  ]
  const udps = hosts.map((host) => new Udp([host.ipv4], world.random))

  echoOverUdp(udps[2])
  const asking = udps[0].bind({ datagram() {}, error() {} }) as UdpBinding
  expect(asking).toBeInstanceOf(UdpBinding)
  serve(hosts[1])
  const talks = hosts.map((host, i) => talk(host, pattern(100_000, i * 1000)))
  for (let i = 0; i < 600; i++) {
    if (i % 7 === 0) hosts[0].icmp.ping(address(3), { echoReply() {}, echoFailed() {} }, { size: i })
    if (i % 3 === 0) asking.send(pattern(i), address(3), 7)
    if (i === 300) for (const { connection } of talks) connection.shutdownWrite()
    clock.advance(100 * MILLISECOND)
  }
  // So that there is something to compare: what was sent has come back.
  for (const { user } of talks) expect([user.data.length, user.error, user.isClosed]).toEqual([100_000, null, true])
  writer.flush()
  return sink.bytes()
}

function address(host: number): IpAddress {
  return IpAddress.parse(`10.0.0.${host}`)
}

function echoOverUdp(udp: Udp): void {
  const binding = udp.bind(
    {
      datagram(packet: PacketBuffer, remotePort: number) {
        const data = packet.memory.bytes.slice(packet.payload, packet.payloadEnd)
        ;(binding as UdpBinding).reply(packet, remotePort, data)
      },
      error() {},
    },
    { port: 7 },
  )
  expect(binding).toBeInstanceOf(UdpBinding)
}

/** An echo service over TCP. */
function serve(host: VirtualHost): void {
  const acceptor = new Collector()
  acceptor.onAccept = (connection, recorder) => {
    recorder.reading = false
    recorder.whenReadable = () => {
      for (let data = connection.read(1 << 20); data !== null; data = connection.read(1 << 20)) {
        connection.write(data, null)
      }
      if (connection.atEndOfStream) connection.shutdownWrite()
    }
  }
  host.tcp.listen(null, 7, 16, acceptor)
}

/** Sends data to the echo service, one of the hosts to itself. */
function talk(host: VirtualHost, data: Buffer) {
  const user = new Recorder()
  const connection = host.tcp.connect({ remote: address(2), port: 7, user })
  connection.write(data, null)
  return { user, connection }
}

describe('a network in virtual time', () => {
  test('gives the same capture for the same seed, byte for byte', () => {
    const first = run(1)
    const second = run(1)
    expect(Buffer.compare(first, second)).toBe(0)
  })

  test.each<Partial<TcpSettings>>([
    { congestionControl: 'cubic' },
    { congestionControl: 'newreno', selectiveAcknowledgments: false },
    { congestionControl: 'bbr', timestamps: false },
  ])('gives the same capture with %o', (settings) => {
    expect(Buffer.compare(run(2, settings), run(2, settings))).toBe(0)
  })

  test('gives another for another seed', () => {
    expect(Buffer.compare(run(1), run(2))).not.toBe(0)
  })

  test('holds all kinds of traffic', () => {
    const kinds = new Map<string, number>()
    for (const frame of readCapture(run(1))) {
      const { arp, tcp, udp, icmp } = dissect(frame.bytes)
      const kind = arp !== null ? 'arp' : tcp !== null ? 'tcp' : udp !== null ? 'udp' : icmp !== null ? 'icmp' : 'other'
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    expect(kinds.get('tcp')).toBeGreaterThan(500)
    expect(kinds.get('udp')).toBeGreaterThan(100)
    expect(kinds.get('icmp')).toBeGreaterThan(50)
    expect(kinds.get('arp')).toBeGreaterThan(3)
  })
})
