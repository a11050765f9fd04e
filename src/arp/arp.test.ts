import { describe, expect, test } from 'vitest'
import { type ArpFields, arp as arpLayer, BROADCAST_MAC, ethernet } from '../../test/support/frames.ts'
import {
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  TestHost,
  type TestHostOptions,
} from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, MacAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { NeighborState } from './neighbor.ts'

const PROTOCOL = 200

/** Sends and receives packets of a protocol of its own. */
class Sender {
  readonly errors: IpErrorKind[] = []
  readonly host: TestHost
  constructor(host: TestHost) {
    this.host = host
    host.ipv4.addProtocol(PROTOCOL, this)
  }
  receive(): void {}
  endOfBurst(): void {}
  receiveError(kind: IpErrorKind, quoted: PacketBuffer): void {
    expect(quoted.destination3 >>> 24).toBe(10)
    this.errors.push(kind)
  }
  send(to: string, tag = 0): void {
    const packet = this.host.memory.allocate(1)!
    packet.end = packet.start + 1
    this.host.memory.bytes[packet.start] = tag
    const path = this.host.ipv4.path(IpAddress.parse(to))
    if (typeof path === 'string') throw new Error(path)
    this.host.ipv4.send(packet, path, PROTOCOL, 0, 0)
    this.host.ipv4.flush()
  }
}

function setUp(options: TestHostOptions = {}) {
  const host = new TestHost({ knowsPeer: false, ...options })
  return { host, sender: new Sender(host) }
}

const word = (address: string) => IpAddress.parse(address).word3
const request = (fields: Partial<ArpFields> = {}, destination = BROADCAST_MAC) =>
  ethernet(
    { source: fields.senderMac ?? PEER_MAC, destination },
    arpLayer({ senderMac: PEER_MAC, senderAddress: PEER_ADDRESS, targetAddress: OUR_ADDRESS, ...fields }),
  )
const reply = (fields: Partial<ArpFields> = {}, destination = OUR_MAC) =>
  request({ operation: 2, targetMac: OUR_MAC, ...fields }, destination)
const stateOf = (host: TestHost, address: string) =>
  [...host.arp.neighbors()].find((neighbor) => neighbor.address === word(address))?.state

describe('answering', () => {
  test('a request for our address is answered by unicast and its sender remembered as stale', () => {
    const { host } = setUp()
    const [answer, ...more] = host.receive(host.fromPeer.arpRequest())
    expect(answer).toBeArp({
      sourceMac: OUR_MAC,
      destinationMac: PEER_MAC,
      operation: 2,
      senderMac: OUR_MAC,
      senderAddress: OUR_ADDRESS,
      targetMac: PEER_MAC,
      targetAddress: PEER_ADDRESS,
    })
    expect(more).toEqual([])
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Stale)
    host.expectNoLeaks()
  })

  test('requests for others are neither answered nor remembered', () => {
    const { host } = setUp()
    for (let i = 3; i < 250; i++) {
      expect(host.receive(request({ senderAddress: `10.0.0.${i}`, targetAddress: PEER_ADDRESS }))).toEqual([])
    }
    expect(host.arp.neighborCount).toBe(0)
  })

  test('unsolicited replies make no entry', () => {
    const { host } = setUp()
    host.receive(reply(), reply({ targetAddress: PEER_ADDRESS }, BROADCAST_MAC))
    expect(host.arp.neighborCount).toBe(0)
  })

  test('a sender that is not on our network is answered but not remembered', () => {
    const { host } = setUp()
    expect(host.receive(request({ senderAddress: '192.0.2.1' }))[0]).toBeArp({ targetAddress: '192.0.2.1' })
    expect(host.arp.neighborCount).toBe(0)
  })

  test('nor is the broadcast address of our network', () => {
    const { host } = setUp()
    host.receive(request({ senderAddress: '10.0.0.255' }))
    expect(host.arp.neighborCount).toBe(0)
  })

  test('a probe for our address (RFC 5227) is answered, its sender 0.0.0.0 not remembered', () => {
    const { host } = setUp()
    expect(host.receive(request({ senderAddress: '0.0.0.0' }))[0]).toBeArp({ operation: 2, targetAddress: '0.0.0.0' })
    expect(host.arp.neighborCount).toBe(0)
  })

  test.each([
    ['too short', request().subarray(0, 41), 'malformed'],
    ['other hardware', request({ hardwareType: 6 }), 'malformed'],
    ['other protocol', request({ protocolType: 0x86dd }), 'malformed'],
    ['other hardware length', request({ hardwareLength: 8 }), 'malformed'],
    ['other protocol length', request({ protocolLength: 16 }), 'malformed'],
    ['reverse ARP', request({ operation: 3 }), 'unknownOperation'],
    [
      'broadcast as sender MAC',
      ethernet(
        { source: PEER_MAC },
        arpLayer({ senderMac: BROADCAST_MAC, senderAddress: PEER_ADDRESS, targetAddress: OUR_ADDRESS }),
      ),
      'invalidSender',
    ],
    [
      'zero as sender MAC',
      ethernet(
        { source: PEER_MAC },
        arpLayer({ senderMac: '00:00:00:00:00:00', senderAddress: PEER_ADDRESS, targetAddress: OUR_ADDRESS }),
      ),
      'invalidSender',
    ],
    ['multicast sender', request({ senderAddress: '224.0.0.1' }), 'invalidSender'],
    ['broadcast sender', request({ senderAddress: '255.255.255.255' }), 'invalidSender'],
    ['loopback sender', request({ senderAddress: '127.0.0.1' }), 'invalidSender'],
    ['a reply from 0.0.0.0', reply({ senderAddress: '0.0.0.0' }), 'invalidSender'],
  ] as const)('%s is counted and dropped', (_, frame, counter) => {
    const { host } = setUp()
    expect(host.receive(frame)).toEqual([])
    expect(host.arp.counters[counter]).toBe(1)
    expect(host.arp.neighborCount).toBe(0)
  })

  test('trailing padding is no matter', () => {
    const { host } = setUp()
    const padded = new Uint8Array(60)
    padded.set(request())
    expect(host.receive(padded)).toHaveLength(1)
  })

  test('an address that is ours no more is not answered for', () => {
    const { host } = setUp()
    host.ipv4.removeAddress(IpAddress.parse(OUR_ADDRESS))
    expect(host.receive(request())).toEqual([])
  })
})

describe('resolving', () => {
  test('three requests, a second apart; then queued packets fail and their sender is told', () => {
    const { host, sender } = setUp()
    sender.send('10.0.0.9')
    const sentAt: number[] = []
    for (let time = 0; time < 5; time += 0.5) {
      for (const frame of host.netif.takeFrames()) {
        expect(frame).toBeArp({
          destinationMac: BROADCAST_MAC,
          operation: 1,
          senderAddress: OUR_ADDRESS,
          targetMac: '00:00:00:00:00:00',
          targetAddress: '10.0.0.9',
        })
        sentAt.push(time)
      }
      if (time < 3) expect(sender.errors).toEqual([])
      host.clock.advance(SECOND / 2)
    }
    expect(sentAt).toEqual([0, 1, 2])
    expect(sender.errors).toEqual([IpErrorKind.HostUnreachable])
    expect(stateOf(host, '10.0.0.9')).toBe(NeighborState.Failed)
    expect(host.arp.counters.unreachableDropped).toBe(1)
    host.expectNoLeaks()
    // The next packet tries again.
    sender.send('10.0.0.9')
    expect(host.netif.takeFrame()).toBeArp({ operation: 1 })
  })

  test('packets wait for the answer, the fragments of a large datagram, of more the last', () => {
    const { host, sender } = setUp()
    for (let tag = 1; tag <= 66; tag++) sender.send(PEER_ADDRESS, tag)
    expect(host.netif.takeFrames()).toHaveLength(1)
    const frames = host.receive(host.fromPeer.arpReply())
    // 64 slots of 2 KiB.
    expect(frames.map((frame) => frame[34])).toEqual(Array.from({ length: 64 }, (_, i) => i + 3))
    for (const frame of frames) expect(frame).toBeIp({ destinationMac: PEER_MAC, source: OUR_ADDRESS })
    expect(host.arp.counters.queueDropped).toBe(2)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    host.expectNoLeaks()
  })

  test('a request from the neighbour resolves it too, as stale: in use at once and checked', () => {
    const { host, sender } = setUp()
    sender.send(PEER_ADDRESS)
    host.netif.takeFrames()
    const frames = host.receive(host.fromPeer.arpRequest())
    expect(frames).toHaveLength(2)
    expect(frames[0]).toBeIp({ destinationMac: PEER_MAC })
    expect(frames[1]).toBeArp({ operation: 2 })
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Delay)
  })

  test('the gateway is asked for what is not on the link', () => {
    const { host, sender } = setUp()
    sender.send('10.99.0.1')
    expect(host.netif.takeFrame()).toBeArp({ operation: 1, targetAddress: PEER_ADDRESS })
    expect(host.receive(host.fromPeer.arpReply())[0]).toBeIp({ destination: '10.99.0.1', destinationMac: PEER_MAC })
  })
})

describe('reachability', () => {
  function reachable() {
    const set = setUp()
    set.sender.send(PEER_ADDRESS)
    set.host.netif.takeFrames()
    set.host.receive(set.host.fromPeer.arpReply())
    return set
  }

  test('lasts 15 to 45 seconds, then the next packet goes out and starts the check', () => {
    const { host, sender } = reachable()
    host.advance(14.9 * SECOND)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    host.advance(30.2 * SECOND)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Stale)
    // Silence does not ask.
    expect(host.advance(100 * SECOND)).toEqual([])
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: PEER_MAC })
    expect(host.advance(4.9 * SECOND)).toEqual([])
    // The probe goes by unicast.
    const [probe] = host.advance(0.2 * SECOND)
    expect(probe).toBeArp({ destinationMac: PEER_MAC, operation: 1, targetAddress: PEER_ADDRESS })
    // The address stays in use meanwhile.
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: PEER_MAC })
    host.receive(host.fromPeer.arpReply())
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    expect(host.advance(10 * SECOND)).toEqual([])
  })

  test('a probe that nobody answers makes the next packet ask everybody', () => {
    const { host, sender } = reachable()
    host.advance(50 * SECOND)
    sender.send(PEER_ADDRESS)
    const probes = host.advance(9 * SECOND).slice(1)
    expect(probes).toHaveLength(3)
    for (const probe of probes) expect(probe).toBeArp({ destinationMac: PEER_MAC })
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Failed)
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeArp({ destinationMac: BROADCAST_MAC })
  })

  test('confirmation by a transport keeps it and spares the check', () => {
    const { host, sender } = reachable()
    const path = host.ipv4.path(IpAddress.parse(PEER_ADDRESS))
    if (typeof path === 'string') throw new Error(path)
    for (let i = 0; i < 30; i++) {
      host.ipv4.confirmReachable(path)
      expect(host.advance(10 * SECOND)).toEqual([])
      expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    }
    host.advance(100 * SECOND)
    sender.send(PEER_ADDRESS)
    host.ipv4.confirmReachable(path)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    host.netif.takeFrames()
    expect(host.advance(14 * SECOND)).toEqual([])
  })

  test('another MAC address is taken over only after a second, and then checked', () => {
    const { host, sender } = reachable()
    const other = '02:00:00:00:00:aa'
    host.receive(reply({ senderMac: other }))
    expect(host.arp.counters.addressChangeIgnored).toBe(1)
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: PEER_MAC })
    host.advance(1.1 * SECOND)
    host.receive(reply({ senderMac: other }))
    expect(host.arp.counters.addressChanged).toBe(1)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Stale)
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: other })
    expect(host.advance(6 * SECOND)[0]).toBeArp({ destinationMac: other, operation: 1 })
  })

  test('an announcement of a neighbour that we know updates it', () => {
    const { host } = reachable()
    host.advance(2 * SECOND)
    const other = '02:00:00:00:00:aa'
    host.receive(request({ senderMac: other, targetAddress: PEER_ADDRESS }))
    expect(host.arp.counters.addressChanged).toBe(1)
    expect(host.arp.neighborCount).toBe(1)
  })
})

describe('the cache', () => {
  test('stays within its bound under a flood of requests, and keeps what is in use', () => {
    const { host, sender } = setUp({ arp: { announce: false, cacheSize: 8 }, ipv4: { cidr: '10.0.0.2/8' } })
    sender.send(PEER_ADDRESS)
    host.receive(host.fromPeer.arpReply())
    for (let i = 0; i < 1000; i++) {
      const senderAddress = `10.1.${i >> 8}.${i & 255}`
      host.receive(request({ senderAddress, senderMac: PEER_MAC }))
      expect(host.arp.neighborCount).toBeLessThanOrEqual(8)
    }
    expect(host.arp.counters.evicted).toBe(1000 - 7)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    host.expectNoLeaks()
  })

  test('stays within its bound when we send to many silent neighbours, and holds their packets no longer', () => {
    const { host, sender } = setUp({ arp: { announce: false, cacheSize: 8 }, ipv4: { cidr: '10.0.0.2/8' } })
    sender.send(PEER_ADDRESS)
    host.receive(host.fromPeer.arpReply())
    for (let i = 0; i < 200; i++) sender.send(`10.1.0.${i}`)
    host.netif.takeFrames()
    expect(host.arp.neighborCount).toBe(8)
    expect(host.memory.inUse).toBe(7)
    expect(stateOf(host, PEER_ADDRESS)).toBe(NeighborState.Reachable)
    host.advance(4 * SECOND)
    host.expectNoLeaks()
    // Paths of evicted neighbours look them up again.
    sender.send('10.1.0.3')
    expect(host.netif.takeFrame()).toBeArp({ targetAddress: '10.1.0.3' })
  })

  test('the least recently used entry gives way when all are in use', () => {
    const { host, sender } = setUp({ arp: { announce: false, cacheSize: 8 } })
    const resolve = (address: string) => {
      sender.send(address)
      host.receive(reply({ senderAddress: address }))
    }
    for (let i = 10; i < 18; i++) resolve(`10.0.0.${i}`)
    resolve('10.0.0.20')
    expect(stateOf(host, '10.0.0.10')).toBeUndefined()
    expect(stateOf(host, '10.0.0.11')).toBe(NeighborState.Reachable)
  })

  test('static entries are neither asked for, changed, expired nor evicted', () => {
    const { host, sender } = setUp({ arp: { announce: false, cacheSize: 8 } })
    host.arp.addStatic(word(PEER_ADDRESS), MacAddress.parse(PEER_MAC))
    host.advance(100 * SECOND)
    host.receive(reply({ senderMac: '02:00:00:00:00:aa' }))
    for (let i = 10; i < 40; i++) host.receive(request({ senderAddress: `10.0.0.${i}` }))
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: PEER_MAC })
    host.arp.remove(word(PEER_ADDRESS))
    sender.send(PEER_ADDRESS)
    expect(host.netif.takeFrame()).toBeArp({ operation: 1 })
  })

  test('a static entry sends what waited', () => {
    const { host, sender } = setUp()
    sender.send(PEER_ADDRESS)
    host.netif.takeFrames()
    host.arp.addStatic(word(PEER_ADDRESS), MacAddress.parse(PEER_MAC))
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: PEER_MAC })
    expect(host.netif.unflushed).toBe(0)
  })

  test('a full cache of static entries still resolves', () => {
    const { host, sender } = setUp({ arp: { announce: false, cacheSize: 8 } })
    for (let i = 100; i < 108; i++) host.arp.addStatic(word(`10.0.0.${i}`), MacAddress.parse(PEER_MAC))
    sender.send(PEER_ADDRESS)
    expect(host.arp.neighborCount).toBe(8)
    expect(host.advance(4 * SECOND).length).toBe(3)
    host.expectNoLeaks()
  })

  test('a size out of range is refused by name', () => {
    expect(() => setUp({ arp: { cacheSize: 7 } })).toThrow('cacheSize is 8 to 65536, not 7')
  })

  test('closing drops what waits and stops every timer', () => {
    const { host, sender } = setUp({ arp: { announce: true } })
    sender.send(PEER_ADDRESS)
    host.netif.takeFrames()
    host.arp.close()
    expect(host.clock.armedTimers).toBe(0)
    host.expectNoLeaks()
  })
})

describe('our own address', () => {
  test('is announced twice, two seconds apart (RFC 5227, 2.3)', () => {
    const { host } = setUp({ arp: { announce: true } })
    expect(host.netif.takeFrames()).toEqual([])
    const fields = {
      destinationMac: BROADCAST_MAC,
      operation: 1,
      senderAddress: OUR_ADDRESS,
      targetAddress: OUR_ADDRESS,
    }
    const [first, ...none] = host.advance(1.9 * SECOND)
    expect(first).toBeArp(fields)
    expect(none).toEqual([])
    const [second, ...nothing] = host.advance(100 * SECOND)
    expect(second).toBeArp(fields)
    expect(nothing).toEqual([])
  })

  test('our own announcement coming back is no conflict', () => {
    const { host } = setUp()
    host.receive(request({ senderMac: OUR_MAC, senderAddress: OUR_ADDRESS }))
    expect(host.arp.counters.conflicts).toBe(0)
  })
})
