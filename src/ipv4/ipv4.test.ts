import { describe, expect, test } from 'vitest'
import { address, frame, makePacket, PROTOCOL, pathTo, send, setUp } from '../../test/support/ipv4-host.ts'
import { OUR_ADDRESS, PEER_ADDRESS } from '../../test/support/test-host.ts'
import { IpPrefix } from '../address/index.ts'
import { ChecksumState } from '../packet/index.ts'

describe('addresses', () => {
  test('come and go with an event', () => {
    const { host, recorder } = setUp()
    const events: string[] = []
    host.ipv4.onAddress((type, prefix) => events.push(`${type} ${prefix}`))
    expect(host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))).toBe(true)
    expect(host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/25'))).toBe(false)
    host.receive(frame({ destination: '10.0.0.7' }, 'second'))
    expect(host.ipv4.addresses.map(String)).toEqual(['10.0.0.2/24', '10.0.0.7/24'])
    expect(host.ipv4.removeAddress(address('10.0.0.7'))).toBe(true)
    expect(host.ipv4.removeAddress(address('10.0.0.7'))).toBe(false)
    host.receive(frame({ destination: '10.0.0.7' }, 'too late'))
    expect(recorder.payloads).toEqual(['second'])
    expect(events).toEqual(['added 10.0.0.7/24', 'removed 10.0.0.7/24'])
    // The first address still has the network and its gateway.
    expect(pathTo(host, '8.8.8.8').nextHop).toBe(address(PEER_ADDRESS).word3)
    host.ipv4.removeAddress(address(OUR_ADDRESS))
    expect(host.ipv4.path(address('8.8.8.8'))).toBe('ENETUNREACH')
    expect(host.ipv4.routes).toEqual([])
  })

  test('what cannot be a host is refused by name', () => {
    const { host } = setUp()
    for (const bad of ['224.0.0.1/24', '0.0.0.0/0', '127.0.0.1/8', '255.255.255.255/32', 'fd00::1/64']) {
      expect(() => host.ipv4.addAddress(IpPrefix.parse(bad))).toThrow(bad)
    }
    expect(() => host.ipv4.setGateway(address('192.168.1.1'))).toThrow('192.168.1.1')
    expect(() => host.ipv4.setGateway(address(OUR_ADDRESS))).toThrow(OUR_ADDRESS)
    expect(() => host.ipv4.setGateway(address('10.0.0.255'))).toThrow('10.0.0.255')
    // The gateway that is there stays.
    expect(pathTo(host, '8.8.8.8').nextHop).toBe(address(PEER_ADDRESS).word3)
    expect(() => host.ipv4.addRoute(IpPrefix.parse('192.0.2.0/24'), null, -1)).toThrow(
      'metric is 0 to 2147483647, not -1',
    )
    expect(() => setUp({ ipv4: { cidr: '10.0.0/24' } })).toThrow('10.0.0')
    expect(() => setUp({ ipv4: { localQueueLimit: 0 } })).toThrow('localQueueLimit is 1 to 65536, not 0')
  })

  test('which ones are ours', () => {
    const { host } = setUp()
    for (const ours of [OUR_ADDRESS, '127.0.0.1', '127.9.9.9', '10.0.0.255', '255.255.255.255', '224.0.0.1']) {
      expect(host.ipv4.isLocalAddress(address(ours))).toBe(true)
    }
    for (const other of [PEER_ADDRESS, '10.0.0.0', '10.0.1.255', '224.0.0.2', '::1']) {
      expect(host.ipv4.isLocalAddress(address(other))).toBe(false)
    }
  })
})

describe('to ourselves', () => {
  test.each([OUR_ADDRESS, '127.0.0.1', '127.1.2.3'])('a packet to %s comes back, not from inside the call', (to) => {
    const { host, recorder } = setUp()
    const path = pathTo(host, to)
    expect(path).toMatchObject({ isLocal: true, mtu: 65_535 })
    send(host, path, 'to myself')
    expect(recorder.seen).toEqual([])
    host.advance(1)
    expect(recorder.seen).toMatchObject([{ payload: 'to myself', destination: to, multicast: false }])
    expect(recorder.bursts).toBe(1)
    expect(host.netif.takeFrames()).toEqual([])
    host.expectNoLeaks()
  })

  test('an answer is another burst, so that nothing recurses', () => {
    const { host, recorder } = setUp()
    let depth = 0
    let rounds = 0
    recorder.onReceive = () => {
      expect(++depth).toBe(1)
      if (++rounds < 50) send(host, OUR_ADDRESS)
      depth--
    }
    send(host, OUR_ADDRESS)
    host.advance(1)
    expect(rounds).toBe(50)
    expect(recorder.bursts).toBe(50)
  })

  test('the queue is bounded', () => {
    const { host, recorder } = setUp({ ipv4: { localQueueLimit: 10 } })
    for (let i = 0; i < 25; i++) send(host, OUR_ADDRESS)
    expect(host.memory.inUse).toBe(10)
    host.advance(1)
    expect(recorder.seen).toHaveLength(10)
    expect(host.ipv4.counters).toMatchObject({ sentLocal: 10, localQueueFull: 15 })
    host.expectNoLeaks()
  })

  test('a packet that its sender keeps arrives as a copy', () => {
    const { host, recorder } = setUp()
    const packet = makePacket(host, 'kept').retain()
    const start = packet.start
    host.ipv4.send(packet, pathTo(host, OUR_ADDRESS), PROTOCOL, 0, 0)
    recorder.onReceive = (received) => expect(received).not.toBe(packet)
    host.advance(1)
    expect(recorder.payloads).toEqual(['kept'])
    expect(packet.end - start).toBe(4)
    packet.release()
    host.expectNoLeaks()
  })

  test('offload state stays: nothing left the machine', () => {
    const { host, recorder } = setUp()
    const packet = makePacket(host, 'partial')
    packet.checksum = ChecksumState.Partial
    host.ipv4.send(packet, pathTo(host, OUR_ADDRESS), PROTOCOL, 0, 0)
    recorder.onReceive = (received) => expect(received.checksum).toBe(ChecksumState.Partial)
    host.advance(1)
    expect(recorder.seen).toHaveLength(1)
  })

  test('closing releases what waits', () => {
    const { host } = setUp()
    send(host, OUR_ADDRESS)
    host.ipv4.close()
    host.expectNoLeaks()
    expect(host.clock.armedTimers).toBe(0)
  })
})
