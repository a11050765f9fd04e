import { describe, expect, test } from 'vitest'
import { ChecksumState, PacketMemory } from '../../src/packet/index.ts'
import { dissect, summarize } from './dissect.ts'
import { addressBytes, arp, be16, between, ethernet, internetChecksum, ipv4, ipv6, tcp, udp } from './frames.ts'
import { packetFrom } from './packets.ts'
import './packet-matchers.ts'

const a = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }
const b = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }
const send = between(a, b)

function failureOf(assertion: () => void): string {
  try {
    assertion()
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('the assertion passed')
}

describe('frames and matchers', () => {
  test('a TCP segment with every option', () => {
    const frame = send.tcp(
      {
        sourcePort: 4000,
        destinationPort: 80,
        flags: 'AS',
        seq: -1,
        ack: 0x80000000 | 0,
        window: 1000,
        mss: 1460,
        windowScale: 7,
        sackPermitted: true,
        timestamp: { value: 1, echo: 2 },
        sack: [[5, 9]],
      },
      'hello',
      { ttl: 3 },
    )
    expect(frame).toBeTcp({
      sourceMac: a.mac,
      destinationMac: b.mac,
      source: a.address,
      destination: b.address,
      ttl: 3,
      sourcePort: 4000,
      destinationPort: 80,
      flags: 'SA',
      seq: 0xffffffff,
      ack: 0x80000000,
      window: 1000,
      mss: 1460,
      windowScale: 7,
      sackPermitted: true,
      timestamp: { value: 1, echo: 2 },
      sack: [[5, 9]],
      payload: 'hello',
      length: 5,
      checksum: 'right',
    })
    expect(frame).toBeTcp({ flags: 'AS', window: expect.any(Number) })
    expect(frame).not.toBeUdp()
    expect(frame).not.toBeTcp({ window: 1001 })
    expect(frame).toBeIp({ protocol: 6 })
  })

  test('a frame spelled out by hand', () => {
    const frame = Buffer.from(
      '020000000002020000000001080045000028000040004006' +
        '26ce0a0000010a000002' +
        '0fa0005000000001000000005002ffff' +
        '0000' +
        '0000',
      'hex',
    )
    const built = send.tcp({ sourcePort: 4000, destinationPort: 80, flags: 'S', seq: 1 }, '', { dontFragment: true })
    expect(internetChecksum(frame.subarray(14, 34))).toBe(0)
    expect(Buffer.from(built.subarray(0, 50)).toString('hex')).toBe(frame.subarray(0, 50).toString('hex'))
    // RFC 1071, section 3: the example sums to ddf2.
    expect(internetChecksum(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0xffff - 0xddf2)
  })

  test('wrong checksums are built and found on purpose only', () => {
    const frame = send.udp({ sourcePort: 1, destinationPort: 2, checksum: 'wrong' }, 'x')
    expect(frame).toBeUdp({ checksum: 'wrong' })
    expect(failureOf(() => expect(frame).toBeUdp({ sourcePort: 1 }))).toContain(
      'checksum: expected "right", got "wrong"',
    )
    expect(send.udp({ sourcePort: 1, destinationPort: 2, checksum: 0 }, 'x')).toBeUdp({ checksum: 'none' })
    const badHeader = send.udp({ sourcePort: 1, destinationPort: 2 }, '', { checksum: 'wrong' })
    expect(badHeader).not.toBeUdp()
    expect(badHeader).toBeUdp({ headerChecksum: 'wrong' })
  })

  test('the partial checksum of a packet is judged by its seed', () => {
    const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4 })
    const pseudo = internetChecksum(addressBytes(a.address), addressBytes(b.address), be16(6), be16(20))
    const packet = packetFrom(memory, send.tcp({ sourcePort: 1, destinationPort: 2, checksum: 0xffff - pseudo }))
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start + 34
    packet.checksumField = packet.start + 50
    expect(packet).toBeTcp({ checksum: 'partial' })
    memory.bytes[packet.checksumField] ^= 1
    expect(packet).not.toBeTcp()
    packet.release()
  })

  test('ARP, ICMP, VLAN tags, IPv6', () => {
    expect(send.arpRequest()).toBeArp({ operation: 1, targetAddress: b.address, targetMac: '00:00:00:00:00:00' })
    expect(send.arpReply()).toBeArp({ operation: 2, destinationMac: b.mac })
    expect(send.icmp({ identifier: 7, sequence: 9 }, 'ping')).toBeIcmp({ icmpType: 8, identifier: 7, sequence: 9 })
    const tagged = ethernet(
      { source: a.mac, vlans: [5, 6] },
      ipv4({ source: '1.2.3.4', destination: '5.6.7.8' }, udp({ sourcePort: 1, destinationPort: 2 })),
    )
    expect(tagged).toBeUdp({ vlans: [5, 6], source: '1.2.3.4' })
    const six = between({ mac: a.mac, address: 'fd00::1' }, { mac: b.mac, address: 'fd00:0:0:1::2' })
    expect(six.tcp({ sourcePort: 1, destinationPort: 2 }, 'odd')).toBeTcp({
      family: 6,
      source: 'FD00:0::1',
      destination: 'fd00:0:0:1::2',
    })
    expect(six.icmp({ identifier: 1 })).toBeIcmp({ icmpType: 128 })
    expect(dissect(six.udp({ sourcePort: 1, destinationPort: 2 })).udp?.destination).toBe('fd00:0:0:1::2')
    const v6 = ethernet(
      { source: a.mac },
      ipv6({ source: '::', destination: 'ff02::1' }, tcp({ sourcePort: 1, destinationPort: 2 })),
    )
    expect(v6).toBeTcp({ source: '::', destination: 'ff02::1' })
  })

  test('failures tell the field and the frame', () => {
    const frame = send.tcp({ sourcePort: 4000, destinationPort: 80, flags: 'R', seq: 5 })
    const message = failureOf(() => expect(frame).toBeTcp({ flags: 'SA', seq: 5 }))
    expect(message).toContain('flags: expected "SA", got "R"')
    expect(message).not.toContain('seq: expected')
    expect(message).toContain('10.0.0.1.4000 > 10.0.0.2.80 TCP [R] seq 5')
    expect(failureOf(() => expect(frame).toBeArp())).toContain('expected an ARP frame, but got')
    expect(failureOf(() => expect(undefined).toBeTcp())).toContain('there is none')
    expect(failureOf(() => expect(frame).toBeTcp({ flag: 'S' } as object))).toContain('has no field "flag"')
  })

  test('malformed frames are reported, not thrown on', () => {
    const whole = ethernet(
      { source: a.mac },
      arp({ senderMac: a.mac, senderAddress: '10.0.0.1', targetAddress: '10.0.0.2' }),
    )
    for (const frame of [
      whole,
      send.tcp({ sourcePort: 1, destinationPort: 2, mss: 9 }),
      send.udp({ sourcePort: 1, destinationPort: 2 }),
      send.icmp(),
    ]) {
      for (let length = 0; length < frame.length; length++) {
        const cut = frame.subarray(0, length)
        expect(dissect(cut).problems.length, summarize(cut)).toBeGreaterThan(0)
      }
    }
    expect(send.tcp({ sourcePort: 1, destinationPort: 2, options: Uint8Array.of(2, 9, 0, 0) })).not.toBeTcp()
  })
})
