import { beforeEach, describe, expect, test } from 'vitest'
import { be16, concat, ethernet as frame } from '../../test/support/frames.ts'
import { TestNetif } from '../../test/support/test-netif.ts'
import { MacAddress } from '../address/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { Ethernet } from './ethernet.ts'
import { EtherType } from './wire.ts'

const US = '02:00:00:00:00:02'
const PEER = '02:00:00:00:00:01'

class Recorder {
  readonly payloads: string[] = []
  readonly groups: boolean[] = []
  bursts = 0
  receive(packet: PacketBuffer): void {
    this.payloads.push(Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString())
    this.groups.push(packet.linkMulticast)
  }
  endOfBurst(): void {
    this.bursts++
  }
}

const text = (payload: string) => new TextEncoder().encode(payload)

describe('Ethernet', () => {
  let memory: PacketMemory
  let netif: TestNetif
  let ethernet: Ethernet
  let ip: Recorder
  let arp: Recorder

  beforeEach(() => {
    memory = new PacketMemory({ smallSlots: 32, largeSlots: 4, debug: true })
    netif = new TestNetif(memory, { mac: US })
    ethernet = new Ethernet(netif)
    ip = new Recorder()
    arp = new Recorder()
    ethernet.addProtocol(EtherType.Ipv4, ip)
    ethernet.addProtocol(EtherType.Arp, arp)
  })

  test('tells protocols apart by EtherType and strips the header', () => {
    netif.receive(
      frame({ source: PEER, destination: US, type: 0x0800 }, text('ip')),
      frame({ source: PEER, destination: US, type: 0x0806 }, text('arp')),
    )
    expect(ip.payloads).toEqual(['ip'])
    expect(arp.payloads).toEqual(['arp'])
    expect([ip.bursts, arp.bursts]).toEqual([1, 1])
    expect(ethernet.counters.delivered).toBe(2)
    expect(memory.inUse).toBe(0)
  })

  test('takes frames to itself and to groups, and says which', () => {
    netif.receive(
      frame({ source: PEER, destination: US, type: 0x0800 }, text('a')),
      frame({ source: PEER, destination: 'ff:ff:ff:ff:ff:ff', type: 0x0800 }, text('b')),
      frame({ source: PEER, destination: '01:00:5e:00:00:01', type: 0x0800 }, text('c')),
      frame({ source: PEER, destination: '02:00:00:00:00:03', type: 0x0800 }, text('d')),
      // Differs from our address in its first two octets only.
      frame({ source: PEER, destination: '06:00:00:00:00:02', type: 0x0800 }, text('e')),
    )
    expect(ip.payloads).toEqual(['a', 'b', 'c'])
    expect(ip.groups).toEqual([false, true, true])
    expect(ethernet.counters.otherDestination).toBe(2)
  })

  test('takes priority-tagged frames as untagged and refuses other VLANs', () => {
    netif.receive(
      frame({ source: PEER, destination: US, type: 0x0800, vlans: [0] }, text('priority')),
      frame({ source: PEER, destination: US, type: 0x0800, vlans: [0xe000] }, text('priority 7')),
      frame({ source: PEER, destination: US, type: 0x0800, vlans: [5] }, text('vlan')),
      frame({ source: PEER, destination: US, type: 0x0800, vlans: [0, 5] }, text('inner vlan')),
      frame({ source: PEER, destination: US, type: 0x0800, vlans: [0, 0] }, text('twice')),
    )
    expect(ip.payloads).toEqual(['priority', 'priority 7'])
    expect(ethernet.counters.otherVlan).toBe(3)
  })

  test('counts what it cannot use', () => {
    const whole = frame({ source: PEER, destination: US, type: 0x0800 }, text(''))
    netif.receive(
      whole.subarray(0, 13),
      concat([whole.subarray(0, 12), be16(0x8100), be16(0)]),
      frame({ source: '03:00:00:00:00:01', destination: US, type: 0x0800 }, text('from a group')),
      frame({ source: PEER, destination: US, type: 46 }, text('LLC')),
      frame({ source: PEER, destination: US, type: 0x88cc }, text('LLDP')),
      frame({ source: PEER, destination: US, type: 46, vlans: [0] }, text('LLC, tagged')),
    )
    expect(ip.payloads).toEqual([])
    expect(ethernet.counters).toMatchObject({
      delivered: 0,
      truncated: 2,
      groupSource: 1,
      notEthernet2: 2,
      unknownEtherType: 1,
    })
  })

  test('sends with its own address as source, and flushes only if there is something', () => {
    let flushes = 0
    netif.flush = () => {
      flushes++
    }
    ethernet.flush()
    expect(flushes).toBe(0)
    const packet = memory.allocate(4)!
    packet.end = packet.start + 4
    memory.bytes.set(text('data'), packet.start)
    const to = MacAddress.parse('0a:bb:cc:dd:ee:ff')
    ethernet.send(packet, to.high, to.low, 0x86dd)
    ethernet.flush()
    ethernet.flush()
    expect(flushes).toBe(1)
    expect(netif.takeFrame()).toEqual(
      frame({ source: US, destination: '0a:bb:cc:dd:ee:ff', type: 0x86dd }, text('data')),
    )
    expect(memory.inUse).toBe(0)
  })

  test('over a link without Ethernet the version says whose a packet is, and only IP leaves', () => {
    const bare = new TestNetif(memory, { mac: US, linkLayer: 'none' })
    const link = new Ethernet(bare)
    expect([link.hasLinkLayer, ethernet.hasLinkLayer]).toEqual([false, true])
    const [four, six] = [new Recorder(), new Recorder()]
    link.addProtocol(EtherType.Ipv4, four)
    link.addProtocol(EtherType.Ipv6, six)
    bare.receive(Uint8Array.of(0x45, 1), Uint8Array.of(0x60, 2), Uint8Array.of(0x10), new Uint8Array())
    expect([four.payloads, six.payloads]).toEqual([['E\x01'], ['`\x02']])
    expect([four.bursts, six.bursts]).toEqual([1, 1])
    expect(link.counters).toMatchObject({ delivered: 2, unknownEtherType: 2 })
    for (const type of [EtherType.Ipv4, EtherType.Ipv6, EtherType.Arp]) {
      const packet = memory.allocate(4)!
      packet.end = packet.start + 4
      memory.bytes.set(text('data'), packet.start)
      link.send(packet, 0, 0, type)
    }
    link.flush()
    expect([bare.takeFrame(), bare.takeFrame()]).toEqual([text('data'), text('data')])
    expect(link.counters).toMatchObject({ transmitted: 2, withoutLinkLayer: 1 })
    expect(memory.inUse).toBe(0)
  })

  test('says when the interface is gone', () => {
    const errors: (Error | null)[] = []
    ethernet.onClosed((error) => errors.push(error))
    const failure = new Error('device gone')
    netif.fail(failure)
    expect(errors).toEqual([failure])
  })
})
