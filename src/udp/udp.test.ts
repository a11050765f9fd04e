import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC, ethernet, icmp, ipv4, type UdpFields, udp as udpLayer } from '../../test/support/frames.ts'
import { packetFrom } from '../../test/support/packets.ts'
import {
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  TestHost,
  type TestHostOptions,
} from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { SeededRandom } from '../clock/index.ts'
import { FIRST_EPHEMERAL_PORT, IpErrorKind, LAST_EPHEMERAL_PORT, pickEphemeralPort } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import type { UdpCounters } from './counters.ts'
import type { UdpBindOptions } from './udp.ts'
import type { UdpBinding } from './udp-binding.ts'

const address = (text: string) => IpAddress.parse(text)
const text = (payload: string) => new TextEncoder().encode(payload)

class Recorder {
  readonly got: string[] = []
  readonly errors: IpErrorKind[] = []
  onDatagram: (packet: PacketBuffer, port: number) => void = () => {}
  datagram(packet: PacketBuffer, remotePort: number): void {
    const { bytes } = packet.memory
    const from = IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
    this.got.push(`${from}:${remotePort} ${Buffer.from(bytes.slice(packet.payload, packet.payloadEnd))}`)
    this.onDatagram(packet, remotePort)
  }
  error(kind: IpErrorKind): void {
    this.errors.push(kind)
  }
}

function bind(host: TestHost, options: UdpBindOptions = {}): { binding: UdpBinding; recorder: Recorder } {
  const recorder = new Recorder()
  const binding = host.udp.bind(recorder, options)
  if (typeof binding === 'string') throw new Error(binding)
  return { binding, recorder }
}

function setUp(options: UdpBindOptions = { port: 53 }, hostOptions: TestHostOptions = {}) {
  const host = new TestHost(hostOptions)
  return { host, ...bind(host, options) }
}

const datagram = (
  fields: Partial<UdpFields>,
  payload = 'data',
  ip: { source?: string; destination?: string } = {},
  mac = OUR_MAC,
) =>
  ethernet(
    { source: PEER_MAC, destination: mac },
    ipv4(
      { source: PEER_ADDRESS, destination: OUR_ADDRESS, ...ip },
      udpLayer({ sourcePort: 4000, destinationPort: 53, ...fields }, payload),
    ),
  )

describe('receiving', () => {
  test('hands the data to whoever is bound to the port', () => {
    const { host, recorder } = setUp()
    expect(host.receive(datagram({}), datagram({ sourcePort: 1 }, ''))).toEqual([])
    expect(recorder.got).toEqual(['10.0.0.1:4000 data', '10.0.0.1:1 '])
    host.expectNoLeaks()
  })

  test('the length field counts, not what follows it', () => {
    const { host, recorder } = setUp()
    // The checksum covers what the length field says.
    const short = datagram({ length: 10, checksum: 0 }, 'data')
    host.receive(short)
    expect(recorder.got).toEqual(['10.0.0.1:4000 da'])
  })

  test('no checksum is fine over IPv4, a wrong one is not', () => {
    const { host, recorder } = setUp()
    host.receive(datagram({ checksum: 0 }, 'none'), datagram({ checksum: 'wrong' }, 'wrong'))
    expect(recorder.got).toEqual(['10.0.0.1:4000 none'])
    expect(host.udp.counters.checksum).toBe(1)
  })

  test('a checksum that is 0 and sent as 0xffff is right', () => {
    const { host, recorder } = setUp()
    let found = 0
    for (let sourcePort = 1; sourcePort < 0x10000; sourcePort++) {
      const frame = datagram({ sourcePort }, '')
      if (frame[40] !== 0xff || frame[41] !== 0xff) continue
      found++
      host.receive(frame)
    }
    expect(found).toBe(1)
    expect(recorder.got).toHaveLength(1)
  })

  test.each([ChecksumState.Verified, ChecksumState.Partial])('checksum state %i of the device is trusted', (state) => {
    const { host, recorder } = setUp()
    const packet = packetFrom(host.memory, datagram({ checksum: 'wrong' }))
    packet.checksum = state
    host.netif.receivePackets(packet)
    expect(recorder.got).toHaveLength(1)
  })

  test.each<[string, keyof UdpCounters, Uint8Array]>([
    ['7 bytes', 'truncated', new TestHost().fromPeer.ip(new Uint8Array(7), { protocol: 17 })],
    ['a length beyond the packet', 'truncated', datagram({ length: 13 })],
    ['a length of 65,535', 'truncated', datagram({ length: 65_535 })],
    ['a length of 7', 'badLength', datagram({ length: 7 })],
    ['a length of 0', 'badLength', datagram({ length: 0 })],
    ['a wrong checksum', 'checksum', datagram({ checksum: 'wrong' })],
  ])('%s is counted and dropped in silence', (_, counter, frame) => {
    const { host, recorder } = setUp()
    expect(host.receive(frame)).toEqual([])
    expect(recorder.got).toEqual([])
    expect(host.udp.counters[counter]).toBe(1)
  })

  test('nobody there: port unreachable, except to groups', () => {
    const { host } = setUp()
    const frame = datagram({ destinationPort: 54 })
    expect(host.receive(frame)[0]).toBeIcmp({ icmpType: 3, code: 3, payload: frame.subarray(14) })
    expect(host.receive(datagram({ destinationPort: 54 }, 'x', { destination: '10.0.0.255' }, BROADCAST_MAC))).toEqual(
      [],
    )
    expect(host.udp.counters.noPort).toBe(2)
  })

  test('a connected binding goes before a specific address, and that before the wildcard', () => {
    const { host, recorder: wildcard } = setUp({ port: 53, shared: true })
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    const specific = bind(host, { port: 53, address: address('10.0.0.7'), shared: true }).recorder
    const connected = bind(host, { port: 53, remote: { address: address(PEER_ADDRESS), port: 9 } }).recorder
    host.receive(
      datagram({ sourcePort: 9 }, 'from the peer'),
      datagram({ sourcePort: 10 }, 'from another port'),
      datagram({ sourcePort: 9 }, 'from another host', { source: '10.0.0.9' }),
      datagram({ sourcePort: 9 }, 'to another address', { destination: '10.0.0.7' }),
    )
    expect(connected.got).toEqual(['10.0.0.1:9 from the peer'])
    expect(wildcard.got).toEqual(['10.0.0.1:10 from another port', '10.0.0.9:9 from another host'])
    expect(specific.got).toEqual(['10.0.0.1:9 to another address'])
  })

  test('a binding to one address hears nothing of another', () => {
    const { host, recorder } = setUp({ port: 53, address: address(OUR_ADDRESS) })
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    expect(host.receive(datagram({}, 'x', { destination: '10.0.0.7' }))).toHaveLength(1)
    expect(recorder.got).toEqual([])
  })

  test('what is to everybody goes to all that fit', () => {
    const { host, recorder } = setUp({ port: 53, shared: true })
    const second = bind(host, { port: 53, shared: true }).recorder
    const elsewhere = bind(host, { port: 54 }).recorder
    const narrow = bind(host, { port: 53, address: address(OUR_ADDRESS), shared: true }).recorder
    host.receive(datagram({}, 'all', { destination: '10.0.0.255' }, BROADCAST_MAC))
    expect([recorder.got.length, second.got.length, elsewhere.got.length, narrow.got.length]).toEqual([1, 1, 0, 0])
    expect(host.udp.counters.delivered).toBe(2)
  })

  test('a binding may close itself or others while it receives', () => {
    const { host, binding, recorder } = setUp({ port: 53, shared: true })
    const second = bind(host, { port: 53, shared: true })
    recorder.onDatagram = second.recorder.onDatagram = () => {
      binding.close()
      second.binding.close()
    }
    host.receive(datagram({}, 'all', { destination: '10.0.0.255' }, BROADCAST_MAC))
    expect(host.udp.portCount).toBe(0)
    expect(host.receive(datagram({}))).toHaveLength(1)
  })
})

describe('sending', () => {
  test('a datagram with a right checksum', () => {
    const { host, binding } = setUp()
    for (const payload of ['', 'x', 'hello', 'y'.repeat(1472)]) {
      expect(binding.send(text(payload), address(PEER_ADDRESS), 4000)).toBeNull()
      expect(host.netif.takeFrame()).toBeUdp({
        source: OUR_ADDRESS,
        destination: PEER_ADDRESS,
        sourcePort: 53,
        destinationPort: 4000,
        payload,
        checksum: 'right',
      })
    }
    host.expectNoLeaks()
  })

  test('the checksum is left to a device that computes it', () => {
    const { host, binding } = setUp({ port: 53 }, { offload: true })
    binding.send(text('hello'), address(PEER_ADDRESS), 4000)
    const packet = host.netif.takePacket()!
    expect(packet).toBeUdp({ checksum: 'partial' })
    packet.release()
  })

  test('never the checksum 0, which would mean none (RFC 768)', () => {
    const { host, binding } = setUp()
    for (let i = 0; i < 0x10000; i++) {
      binding.send(Uint8Array.of(i >>> 8, i), address(PEER_ADDRESS), 4000)
      const frame = host.netif.takeFrame()!
      if (frame[40] === 0 && frame[41] === 0) throw new Error(`checksum 0 for ${i}`)
      if (frame[40] === 0xff && frame[41] === 0xff) expect(frame).toBeUdp({ checksum: 'right' })
    }
  })

  test('filled in place', () => {
    const { host, binding } = setUp()
    const fill = (bytes: Uint8Array, start: number, end: number) => bytes.fill(0x61, start, end)
    expect(binding.sendInto(5, fill, address(PEER_ADDRESS), 4000)).toBeNull()
    expect(host.netif.takeFrame()).toBeUdp({ payload: 'aaaaa' })
  })

  test('is flushed at the end of a burst, or when asked', () => {
    const { host, binding, recorder } = setUp()
    binding.send(text('x'), address(PEER_ADDRESS), 4000)
    expect(host.netif.unflushed).toBe(1)
    host.udp.flush()
    expect(host.netif.unflushed).toBe(0)
    recorder.onDatagram = (packet, port) => binding.reply(packet, port, text('y'))
    host.netif.receive(datagram({}))
    expect(host.netif.unflushed).toBe(0)
    expect(host.netif.takeFrames()).toHaveLength(2)
  })

  test('a reply leaves from the address that was asked', () => {
    const { host, binding, recorder } = setUp()
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    recorder.onDatagram = (packet, port) => expect(binding.reply(packet, port, text('answer'))).toBeNull()
    const answers = host.receive(
      datagram({}),
      datagram({}, 'x', { destination: '10.0.0.7' }),
      datagram({ sourcePort: 9 }, 'x', { destination: '10.0.0.7' }),
      datagram({}, 'x', { destination: '10.0.0.255' }, BROADCAST_MAC),
    )
    expect(answers).toHaveLength(4)
    expect(answers[0]).toBeUdp({
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      destinationPort: 4000,
      payload: 'answer',
    })
    expect(answers[1]).toBeUdp({ source: '10.0.0.7' })
    expect(answers[2]).toBeUdp({ source: '10.0.0.7', destinationPort: 9 })
  })

  test('a connected binding sends to its peer, and may send elsewhere', () => {
    const { host, binding } = setUp({ remote: { address: address(PEER_ADDRESS), port: 7 } })
    expect(binding.send(text('x'))).toBeNull()
    expect(host.netif.takeFrame()).toBeUdp({ destination: PEER_ADDRESS, destinationPort: 7, sourcePort: binding.port })
    expect(binding.address?.toString()).toBe(OUR_ADDRESS)
    expect(binding.send(text('x'), address('10.0.0.1'), 8)).toBeNull()
    expect(host.netif.takeFrame()).toBeUdp({ destinationPort: 8 })
  })

  test('follows a change of routes', () => {
    const { host, binding } = setUp()
    binding.send(text('x'), address('8.8.8.8'), 1)
    expect(host.netif.takeFrame()).toBeUdp({})
    host.ipv4.setGateway(null)
    expect(binding.send(text('x'), address('8.8.8.8'), 1)).toBe('ENETUNREACH')
  })

  test('to ourselves', () => {
    const { host, binding, recorder } = setUp()
    binding.send(text('x'), address(OUR_ADDRESS), 53)
    binding.send(text('y'), address('127.0.0.1'), 53)
    binding.send(new Uint8Array(65_507), address('127.0.0.1'), 54)
    host.advance(1)
    expect(recorder.got).toEqual(['10.0.0.2:53 x', '127.0.0.1:53 y'])
    host.expectNoLeaks()
  })

  test('says why not', () => {
    const { host, binding } = setUp({ port: 53 }, { ipv4: { gateway: undefined } })
    const peer = address(PEER_ADDRESS)
    expect(binding.send(text('x'))).toBe('EDESTADDRREQ')
    expect(binding.send(text('x'), peer, 0)).toBe('EINVAL')
    expect(binding.send(text('x'), peer, 65_536)).toBe('EINVAL')
    expect(binding.send(text('x'), address('8.8.8.8'), 1)).toBe('ENETUNREACH')
    expect(binding.send(text('x'), address('fd00::1'), 1)).toBe('ENETUNREACH')
    expect(binding.send(text('x'), address('10.0.0.255'), 1)).toBe('EACCES')
    expect(binding.send(new Uint8Array(65_508), peer, 1)).toBe('EMSGSIZE')
    expect(binding.send(new Uint8Array(65_508), address(OUR_ADDRESS), 1)).toBe('EMSGSIZE')
    binding.broadcast = true
    expect(binding.send(text('x'), address('10.0.0.255'), 1)).toBeNull()
    expect(host.netif.takeFrame()).toBeUdp({ destinationMac: BROADCAST_MAC })
    const all: PacketBuffer[] = []
    for (let packet = host.memory.takeSmall(); packet !== null; packet = host.memory.takeSmall()) all.push(packet)
    expect(binding.send(text('x'), peer, 1)).toBe('ENOBUFS')
    for (const packet of all) packet.release()
    host.expectNoLeaks()
  })
})

describe('binding', () => {
  test('a port is taken once, unless addresses differ or both share', () => {
    const { host } = setUp({ port: 53 })
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    const again = (options: UdpBindOptions) => host.udp.bind(new Recorder(), options)
    expect(again({ port: 53 })).toBe('EADDRINUSE')
    expect(again({ port: 53, shared: true })).toBe('EADDRINUSE')
    expect(again({ port: 53, address: address(OUR_ADDRESS) })).toBe('EADDRINUSE')
    expect(again({ port: 53, address: address('0.0.0.0') })).toBe('EADDRINUSE')
    const remote = { address: address(PEER_ADDRESS), port: 9 }
    expect(typeof again({ port: 53, remote })).toBe('object')
    expect(again({ port: 53, remote })).toBe('EADDRINUSE')
    expect(typeof again({ port: 54, address: address(OUR_ADDRESS) })).toBe('object')
    expect(typeof again({ port: 54, address: address('10.0.0.7') })).toBe('object')
    expect(again({ port: 54 })).toBe('EADDRINUSE')
  })

  test('a closed port is free again', () => {
    const { host, binding } = setUp()
    const connected = bind(host, { port: 53, remote: { address: address(PEER_ADDRESS), port: 9 } })
    binding.close()
    binding.close()
    expect(host.udp.portCount).toBe(1)
    bind(host, { port: 53 })
    connected.binding.close()
    expect(host.udp.portCount).toBe(1)
  })

  test('refuses what is not ours or not a port', () => {
    const host = new TestHost({ ipv4: { gateway: undefined } })
    const attempt = (options: UdpBindOptions) => host.udp.bind(new Recorder(), options)
    expect(attempt({ address: address('10.0.0.9') })).toBe('EADDRNOTAVAIL')
    expect(attempt({ address: address('fd00::1') })).toBe('EADDRNOTAVAIL')
    expect(attempt({ port: -1 })).toBe('EINVAL')
    expect(attempt({ port: 65_536 })).toBe('EINVAL')
    expect(attempt({ port: 1.5 })).toBe('EINVAL')
    expect(attempt({ remote: { address: address(PEER_ADDRESS), port: 0 } })).toBe('EINVAL')
    expect(attempt({ remote: { address: address('8.8.8.8'), port: 1 } })).toBe('ENETUNREACH')
    expect(attempt({ remote: { address: address('10.0.0.255'), port: 1 } })).toBe('EACCES')
    expect(typeof attempt({ remote: { address: address('10.0.0.255'), port: 1 }, broadcast: true })).toBe('object')
    expect(typeof attempt({ address: address('127.0.0.1') })).toBe('object')
  })

  test('port 0 takes a random free one, different with every seed', () => {
    const ports = new Set<number>()
    for (let seed = 1; seed <= 20; seed++) {
      const { binding } = setUp({}, { seed })
      expect(binding.port).toBeGreaterThanOrEqual(FIRST_EPHEMERAL_PORT)
      expect(binding.port).toBeLessThanOrEqual(LAST_EPHEMERAL_PORT)
      ports.add(binding.port)
    }
    expect(ports.size).toBeGreaterThan(15)
  })

  test('all ports can be taken, each once, and then no more', () => {
    const random = new SeededRandom(1)
    const taken = new Set<number>()
    const isFree = (port: number) => !taken.has(port)
    taken.add(FIRST_EPHEMERAL_PORT)
    for (let port = FIRST_EPHEMERAL_PORT + 2; port <= LAST_EPHEMERAL_PORT; port++) taken.add(port)
    expect(pickEphemeralPort(random, isFree)).toBe(FIRST_EPHEMERAL_PORT + 1)
    taken.add(FIRST_EPHEMERAL_PORT + 1)
    expect(pickEphemeralPort(random, isFree)).toBe(0)
  })
})

describe('errors', () => {
  const errorAbout = (
    fields: Partial<UdpFields>,
    code = 3,
    rest = 0,
    totalLength?: number,
    source = OUR_ADDRESS,
    destination = PEER_ADDRESS,
  ) =>
    ethernet(
      { source: PEER_MAC, destination: OUR_MAC },
      ipv4(
        { source: PEER_ADDRESS, destination: OUR_ADDRESS },
        icmp(
          { type: 3, code, rest },
          ipv4(
            { source, destination, ...(totalLength ? { totalLength } : {}) },
            udpLayer({ sourcePort: 53, destinationPort: 7, ...fields }, 'x'),
          ).bytes,
        ),
      ),
    )

  test('reach the connected binding that they are about', () => {
    const { host, recorder } = setUp({ port: 53, remote: { address: address(PEER_ADDRESS), port: 7 } })
    const bystander = bind(host, { port: 53, remote: { address: address(PEER_ADDRESS), port: 8 } }).recorder
    const unconnected = bind(host, { port: 54 }).recorder
    host.receive(errorAbout({}), errorAbout({}, 1))
    expect(recorder.errors).toEqual([IpErrorKind.PortUnreachable, IpErrorKind.HostUnreachable])
    host.receive(
      errorAbout({ destinationPort: 9 }),
      errorAbout({ sourcePort: 54 }),
      errorAbout({ sourcePort: 99 }),
      errorAbout({}, 3, 0, undefined, OUR_ADDRESS, '10.0.0.9'),
    )
    expect([...bystander.errors, ...unconnected.errors]).toEqual([])
    expect(recorder.errors).toHaveLength(2)
    expect(host.udp.counters).toMatchObject({ errorsDelivered: 2, errorsIgnored: 4 })
  })

  test('a smaller path MTU holds for the next datagram', () => {
    const { host, binding, recorder } = setUp({ port: 53, remote: { address: address(PEER_ADDRESS), port: 7 } })
    expect(binding.send(new Uint8Array(1400))).toBeNull()
    host.netif.takeFrames()
    host.receive(errorAbout({}, 4, 1000, 1428))
    expect(recorder.errors).toEqual([IpErrorKind.PacketTooBig])
    expect(binding.send(new Uint8Array(973))).toBeNull()
    expect(host.netif.takeFrames()).toHaveLength(2)
    expect(binding.send(new Uint8Array(972))).toBeNull()
    expect(host.netif.takeFrame()).toBeUdp({ dontFragment: true })
  })

  test('a smaller path MTU holds for unconnected bindings, too, which would send into a black hole', () => {
    const { host, binding, recorder } = setUp({ port: 53 }, { ipv4: { pathCacheSize: 16 } })
    const peer = address(PEER_ADDRESS)
    expect(binding.send(new Uint8Array(1400), peer, 7)).toBeNull()
    // The path that the binding keeps leaves the cache.
    for (let i = 0; i < 40; i++) host.ipv4.path(address(`10.0.1.${i}`))
    host.netif.takeFrames()
    host.receive(errorAbout({ sourcePort: 54 }, 4, 1000, 1428))
    expect(host.udp.counters).toMatchObject({ mtuLowered: 0, errorsIgnored: 1 })
    expect(binding.send(new Uint8Array(1400), peer, 7)).toBeNull()
    host.receive(errorAbout({}, 4, 1000, 1428))
    expect(host.udp.counters).toMatchObject({ mtuLowered: 1, errorsDelivered: 0, errorsIgnored: 1 })
    expect(recorder.errors).toEqual([])
    host.netif.takeFrames()
    expect(binding.send(new Uint8Array(973), peer, 7)).toBeNull()
    expect(host.netif.takeFrames()).toHaveLength(2)
    expect(binding.send(new Uint8Array(972), peer, 7)).toBeNull()
    expect(host.netif.takeFrames()).toHaveLength(1)
    expect(bind(host).binding.send(new Uint8Array(973), peer, 7)).toBeNull()
    expect(host.netif.takeFrames()).toHaveLength(2)
  })

  test('our own port unreachable comes back to us over loopback', () => {
    const { host, binding, recorder } = setUp({ port: 53, remote: { address: address(OUR_ADDRESS), port: 9 } })
    binding.send(text('anybody?'))
    host.advance(1)
    expect(recorder.errors).toEqual([IpErrorKind.PortUnreachable])
    host.expectNoLeaks()
  })

  test('a neighbour that does not answer ARP is an unreachable host', () => {
    const { host, binding, recorder } = setUp({ remote: { address: address('10.0.0.9'), port: 9 } })
    binding.send(text('anybody?'))
    host.advance(4_000_000)
    expect(recorder.errors).toEqual([IpErrorKind.HostUnreachable])
    host.expectNoLeaks()
  })
})

describe('bound to what is not one host', () => {
  test('a group or a broadcast address: hears only that, and sends from the usual address', () => {
    for (const bound of ['224.1.2.3', '255.255.255.255', '10.0.0.255']) {
      const { host, binding, recorder } = setUp({ port: 53, address: address(bound), broadcast: true })
      host.receive(datagram({}, 'to the host'))
      expect(recorder.got).toEqual([])
      expect(binding.send(text('x'), address(PEER_ADDRESS), 4000)).toBeNull()
      expect(host.netif.takeFrames().at(-1)).toBeUdp({ source: OUR_ADDRESS, sourcePort: 53 })
    }
    const { host, recorder } = setUp({ port: 53, address: address('10.0.0.255') })
    host.receive(datagram({}, 'to all', { destination: '10.0.0.255' }, BROADCAST_MAC))
    host.receive(datagram({}, 'to all everywhere', { destination: '255.255.255.255' }, BROADCAST_MAC))
    expect(recorder.got).toEqual(['10.0.0.1:4000 to all'])
    expect(host.udp.counters).toMatchObject({ delivered: 1, noPort: 1 })
  })

  test('from a loopback address to groups and to all hosts: nothing leaves', () => {
    const { host, binding } = setUp({ port: 9, address: address('127.0.0.1'), broadcast: true })
    const { recorder } = bind(host, { port: 53 })
    for (const to of ['224.1.2.3', '255.255.255.255']) expect(binding.send(text(to), address(to), 53)).toBeNull()
    expect(binding.send(text('x'), address(PEER_ADDRESS), 53)).toBe('EADDRNOTAVAIL')
    host.advance(1)
    expect(recorder.got).toEqual(['127.0.0.1:9 255.255.255.255'])
    expect(host.netif.takeFrames()).toEqual([])
    host.expectNoLeaks()
  })
})

describe('several bindings of one port', () => {
  test('spread: each peer has one of them, and together they get all', () => {
    const { host, recorder } = setUp({ port: 53, shared: true, spread: true })
    const others = [1, 2, 3].map(() => bind(host, { port: 53, shared: true, spread: true }).recorder)
    const all = [recorder, ...others]
    for (let round = 0; round < 2; round++) {
      for (let sourcePort = 1; sourcePort <= 64; sourcePort++) host.receive(datagram({ sourcePort }, ''))
    }
    const counts = all.map(({ got }) => got.length)
    expect(counts.reduce((one, other) => one + other)).toBe(128)
    for (const { got } of all) {
      expect(got.length).toBeGreaterThan(8)
      expect(new Set(got).size).toBe(got.length / 2)
    }
  })

  test('spread goes only with spread', () => {
    const { host } = setUp({ port: 53, shared: true, spread: true })
    expect(host.udp.bind(new Recorder(), { port: 53, shared: true })).toBe('EADDRINUSE')
    expect(typeof host.udp.bind(new Recorder(), { port: 53, shared: true, spread: true })).toBe('object')
  })
})
