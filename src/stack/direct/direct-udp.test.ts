import { describe, expect, test } from 'vitest'
import { ethernet, ipv4, udp as udpLayer } from '../../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../../test/support/test-host.ts'
import '../../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import type { UdpOptions } from '../stack.ts'
import { DirectUdp } from './direct-udp.ts'

const SECOND_ADDRESS = '10.0.0.3'
const peer = { address: PEER_ADDRESS, port: 4000 }

function setUp(options: UdpOptions = { port: 53 }) {
  const host = new TestHost()
  host.ipv4.addAddress(IpPrefix.parse(`${SECOND_ADDRESS}/24`))
  const owner = { zone: 'tap0', refuseUnchecked() {}, udpClosed() {}, flush() {}, reportFailure() {} }
  const socket = new DirectUdp(host.udp, owner, options)
  host.netif.takeFrames()
  return { host, socket }
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
