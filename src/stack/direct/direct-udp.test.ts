import { describe, expect, test } from 'vitest'
import { ethernet, ipv4, udp as udpLayer } from '../../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../../test/support/test-host.ts'
import '../../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { Igmp } from '../../ipv4/index.ts'
import type { UdpOptions } from '../stack.ts'
import { DirectUdp, type UdpOwner } from './direct-udp.ts'

const SECOND_ADDRESS = '10.0.0.3'
const peer = { address: PEER_ADDRESS, port: 4000 }

function setUp(options: UdpOptions = { port: 53 }) {
  const host = new TestHost()
  host.ipv4.addAddress(IpPrefix.parse(`${SECOND_ADDRESS}/24`))
  const igmp = new Igmp(host.ipv4, { clock: host.clock, random: host.random })
  const owner: UdpOwner = {
    zone: 'tap0',
    refuseUnchecked() {},
    joinGroup: (group, mode, sources) => igmp.join(group, mode, sources),
    isOwn: (own) => host.ipv4.owns(own.word3),
    udpClosed() {},
    flush() {},
    reportFailure() {},
  }
  const open = (more: UdpOptions) => new DirectUdp(host.udp, owner, more)
  const socket = open(options)
  host.netif.takeFrames()
  return { host, igmp, open, socket }
}

const datagramTo = (destination: string, sourcePort = peer.port) =>
  ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    ipv4({ source: PEER_ADDRESS, destination }, udpLayer({ sourcePort, destinationPort: 53 }, 'data')),
  )

describe('a socket for all addresses', () => {
  test('answers from the address that a datagram came to (RFC 1122, 4.1.3.5)', () => {
    const { host, socket } = setUp()
    socket.onDatagram((_data, from) => socket.send('answer', from))
    for (const destination of [SECOND_ADDRESS, OUR_ADDRESS, SECOND_ADDRESS]) {
      const answers = host.receive(datagramTo(destination))
      expect(answers).toHaveLength(1)
      expect(answers[0]).toBeUdp({ source: destination, destination: PEER_ADDRESS, destinationPort: 4000 })
    }
    host.expectNoLeaks()
  })

  test('goes on to send from there to the last peer, and from the usual address to others', () => {
    const { host, socket } = setUp()
    const sent = (port: number) => {
      socket.send('later', { address: PEER_ADDRESS, port })
      return host.netif.takeFrames()[0]
    }
    expect(sent(4000)).toBeUdp({ source: OUR_ADDRESS })
    host.receive(datagramTo(SECOND_ADDRESS))
    expect(sent(4000)).toBeUdp({ source: SECOND_ADDRESS })
    expect(sent(4001)).toBeUdp({ source: OUR_ADDRESS })
    expect(sent(4000)).toBeUdp({ source: SECOND_ADDRESS })
    host.ipv4.removeAddress(IpAddress.parse(SECOND_ADDRESS))
    expect(sent(4000)).toBeUdp({ source: OUR_ADDRESS })
    host.receive(datagramTo('10.0.0.255'))
    expect(sent(4000)).toBeUdp({ source: OUR_ADDRESS })
    host.expectNoLeaks()
  })
})

test('a socket for one address sends from that one', () => {
  const { host, socket } = setUp({ port: 53, address: SECOND_ADDRESS })
  socket.send('x', peer)
  expect(host.netif.takeFrames()[0]).toBeUdp({ source: SECOND_ADDRESS })
})

describe('multicast', () => {
  const GROUP = '224.0.0.251'
  const OTHER_GROUP = '239.1.2.3'
  const toGroup = (source = PEER_ADDRESS, group = GROUP, text = 'data') =>
    ethernet(
      { source: PEER_MAC, destination: group === GROUP ? '01:00:5e:00:00:fb' : '01:00:5e:01:02:03' },
      ipv4({ source, destination: group, ttl: 255 }, udpLayer({ sourcePort: 5353, destinationPort: 53 }, text)),
    )
  const record = (socket: DirectUdp) => {
    const got: string[] = []
    socket.onDatagram((data, from) => got.push(`${from.address} ${Buffer.from(data)}`))
    return got
  }

  test('arrives from the moment of joining until that of leaving', () => {
    const { host, igmp, socket } = setUp()
    const got = record(socket)
    host.receive(toGroup())
    socket.joinGroup(GROUP)
    expect(igmp.groupCount).toBe(1)
    host.receive(toGroup(), toGroup(PEER_ADDRESS, OTHER_GROUP))
    expect(got).toEqual([`${PEER_ADDRESS} data`])
    socket.leaveGroup(GROUP)
    host.receive(toGroup())
    expect(got).toHaveLength(1)
    expect(host.ipv4.counters.notForUs).toBe(3)
    host.netif.takeFrames()
    host.expectNoLeaks()
  })

  test('comes from sources that a socket wants, each for itself; one that has not joined hears all (as Linux)', () => {
    const { host, open, socket } = setUp({ port: 53, reuseAddress: true })
    const [including, excluding] = [open({ port: 53, reuseAddress: true }), open({ port: 53, reuseAddress: true })]
    const all = [record(socket), record(including), record(excluding)]
    including.joinGroup(GROUP, { sources: ['10.0.0.9'] })
    excluding.joinGroup(GROUP, { sources: ['10.0.0.9'], mode: 'exclude' })
    host.receive(toGroup('10.0.0.9', GROUP, 'a'), toGroup('10.0.0.8', GROUP, 'b'))
    expect(all).toEqual([['10.0.0.9 a', '10.0.0.8 b'], ['10.0.0.9 a'], ['10.0.0.8 b']])
    including.setSourceFilter(GROUP, { sources: ['10.0.0.8'] })
    excluding.setSourceFilter(GROUP, {})
    host.receive(toGroup('10.0.0.9', GROUP, 'c'))
    expect(all.map((one) => one.at(-1))).toEqual(['10.0.0.9 c', '10.0.0.9 a', '10.0.0.9 c'])
    host.netif.takeFrames()
  })

  test('goes out with a TTL of 1 from the usual address, or as one says', () => {
    const { host, socket } = setUp()
    const to = { address: OTHER_GROUP, port: 9 }
    socket.send('x', to)
    const fields = { destinationMac: '01:00:5e:01:02:03', destination: OTHER_GROUP }
    expect(host.netif.takeFrame()).toBeUdp({ ...fields, source: OUR_ADDRESS, ttl: 1 })
    socket.setMulticastHopLimit(255)
    socket.setMulticastInterface(SECOND_ADDRESS)
    socket.send('x', to)
    expect(host.netif.takeFrame()).toBeUdp({ ...fields, source: SECOND_ADDRESS, ttl: 255 })
    socket.send('x', peer)
    expect(host.netif.takeFrame()).toBeUdp({ source: OUR_ADDRESS, ttl: 64 })
    socket.setHopLimit(3)
    socket.send('x', peer)
    expect(host.netif.takeFrame()).toBeUdp({ ttl: 3 })
    host.expectNoLeaks()
  })

  test('comes back to those of us who listen, unless one does not want that', () => {
    const { host, open, socket } = setUp()
    const listener = open({ port: 7 })
    const got = record(listener)
    const to = { address: OTHER_GROUP, port: 7 }
    socket.send('nobody listens', to)
    listener.joinGroup(OTHER_GROUP)
    socket.send('first', to)
    expect(got).toEqual([])
    host.advance(1)
    expect(got).toEqual([`${OUR_ADDRESS} first`])
    socket.setMulticastLoopback(false)
    socket.send('second', to)
    host.advance(1)
    socket.setMulticastLoopback(true)
    socket.setMulticastHopLimit(0)
    host.netif.takeFrames()
    socket.send('third', to)
    host.advance(1)
    expect(got).toEqual([`${OUR_ADDRESS} first`, `${OUR_ADDRESS} third`])
    expect(host.netif.takeFrames()).toEqual([])
    host.expectNoLeaks()
  })

  test('to nobody is answered by no error', () => {
    const { host, open } = setUp()
    open({ port: 7 }).joinGroup(GROUP)
    host.netif.takeFrames()
    const nobody = ethernet(
      { source: PEER_MAC, destination: '01:00:5e:00:00:fb' },
      ipv4({ source: PEER_ADDRESS, destination: GROUP }, udpLayer({ sourcePort: 1, destinationPort: 9 }, 'x')),
    )
    expect(host.receive(nobody)).toEqual([])
    expect(host.udp.counters.noPort).toBe(1)
  })

  test('says what cannot be', async () => {
    const { host, igmp, socket } = setUp()
    const code = (action: () => void) => {
      try {
        action()
      } catch (error) {
        return (error as { code?: string }).code ?? (error as Error).message
      }
      return null
    }
    expect(code(() => socket.joinGroup('10.0.0.1'))).toBe('EINVAL')
    expect(code(() => socket.joinGroup('mdns'))).toBe('group is an IP address, not "mdns"')
    expect(code(() => socket.joinGroup(GROUP, { mode: 'some' as 'include' }))).toBe(
      'mode is include or exclude, not "some"',
    )
    expect(code(() => socket.joinGroup(GROUP, { sources: ['fd00::1'] }))).toBe('EINVAL')
    expect(code(() => socket.leaveGroup(GROUP))).toBe('EADDRNOTAVAIL')
    expect(code(() => socket.setSourceFilter(GROUP, {}))).toBe('EADDRNOTAVAIL')
    expect(igmp.groupCount).toBe(0)
    socket.joinGroup(GROUP)
    expect(code(() => socket.joinGroup(GROUP))).toBe('EADDRINUSE')
    const many = Array.from({ length: 65 }, (_, i) => `10.9.0.${i}`)
    expect(code(() => socket.setSourceFilter(GROUP, { sources: many }))).toBe('ENOBUFS')
    expect(code(() => socket.setMulticastHopLimit(256))).toBe('hops is an integer from 0 to 255, not 256')
    expect(code(() => socket.setHopLimit(0))).toBe('hops is an integer from 1 to 255, not 0')
    expect(code(() => socket.setMulticastInterface('10.0.0.99'))).toBe('EADDRNOTAVAIL')
    await socket.close()
    expect(code(() => socket.joinGroup(GROUP))).toBe('EBADF')
    // Closing leaves the groups.
    host.receive(toGroup())
    expect(host.ipv4.counters.notForUs).toBe(1)
  })
})
