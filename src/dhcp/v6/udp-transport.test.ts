import { expect, test } from 'vitest'
import { dissect } from '../../../test/support/dissect.ts'
import { between } from '../../../test/support/frames.ts'
import { OUR_MAC6, PEER_MAC6, TestHost6 } from '../../../test/support/test-host6.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Log } from '../../log/index.ts'
import { UdpDhcpTransport } from './udp-transport.ts'

const OURS = IpAddress.parse('fe80::2')
const SERVERS = IpAddress.parse('ff02::1:2')

function setUp(linkLocal: IpAddress | null = OURS) {
  const host = new TestHost6()
  host.ipv6.addAddress(new IpPrefix(OURS, 64))
  const warnings: unknown[] = []
  const note = (_message: string, fields?: unknown) => void warnings.push(fields)
  const log: Log = { debugEnabled: false, debug: () => {}, info: () => {}, warn: note, error: note }
  const state = { linkLocal }
  const transport = new UdpDhcpTransport({ udp: host.udp, linkLocal: () => state.linkLocal, log })
  const heard: string[] = []
  const receiver = { receiveDatagram: (bytes: Uint8Array) => void heard.push(Buffer.from(bytes).toString()) }
  host.netif.takeFrames()
  return { host, transport, receiver, heard, warnings, state }
}

const server = { mac: PEER_MAC6, address: 'fe80::1' }
const answer = (text: string, address = `${OURS}`) =>
  between(server, { mac: OUR_MAC6, address }).udp({ sourcePort: 547, destinationPort: 546 }, text)

test('sends from the link-local address and port 546 to port 547, at once, and hears what comes back', () => {
  const { host, transport, receiver, heard } = setUp()
  transport.open(receiver)
  transport.send(Buffer.from('question'), SERVERS)
  expect(host.netif.unflushed).toBe(0)
  const [frame, ...others] = host.netif.takeFrames()
  expect(others).toEqual([])
  const { ethernet, ip, udp } = dissect(frame)
  expect(ethernet?.destinationMac).toBe('33:33:00:01:00:02')
  expect(ip).toMatchObject({ source: 'fe80::2', destination: 'ff02::1:2' })
  expect(udp).toMatchObject({ sourcePort: 546, destinationPort: 547, checksum: 'right' })
  expect(Buffer.from(udp!.payload).toString()).toBe('question')
  host.receive(answer('answer'))
  expect(heard).toEqual(['answer'])
  host.expectNoLeaks()
})

test('hears nothing that was sent to another address: only who is on the link can send to this one', () => {
  const { host, transport, receiver, heard } = setUp()
  transport.open(receiver)
  host.receive(answer('from far away', 'fd00::2'))
  expect(heard).toEqual([])
  expect(host.udp.counters.noPort).toBe(1)
})

test('after close it hears nothing, and the port is free', () => {
  const { host, transport, receiver, heard } = setUp()
  transport.open(receiver)
  expect(host.udp.portCount).toBe(1)
  transport.close()
  transport.close()
  expect(host.udp.portCount).toBe(0)
  host.receive(answer('late'))
  expect(heard).toEqual([])
  transport.open(receiver)
  host.receive(answer('again'))
  expect(heard).toEqual(['again'])
})

test('without a link-local address nothing goes out; with a new one it goes from there', () => {
  const { host, transport, receiver, heard, warnings, state } = setUp(null)
  transport.open(receiver)
  for (let i = 0; i < 3; i++) transport.send(Buffer.from('?'), SERVERS)
  expect(host.netif.takeFrames()).toEqual([])
  expect(transport.counters.unsent).toBe(3)
  expect(warnings).toEqual([{ reason: 'no link-local address', port: 546 }])
  const replaced = IpAddress.parse('fe80::1002')
  for (const address of [OURS, replaced]) {
    state.linkLocal = address
    if (address !== OURS) host.ipv6.addAddress(new IpPrefix(address, 64))
    host.netif.takeFrames()
    transport.send(Buffer.from('?'), SERVERS)
    expect(dissect(host.netif.takeFrames()[0]).ip?.source).toBe(`${address}`)
  }
  expect(host.udp.portCount).toBe(1)
  host.receive(answer('to the old one'), answer('to the new one', `${replaced}`))
  expect(heard).toEqual(['to the new one'])
})

test('a port that is taken is told once, and taken as soon as it is free', () => {
  const { host, transport, receiver, warnings } = setUp()
  const other = host.udp.bind({ datagram: () => {}, error: () => {} }, { port: 546 })
  if (typeof other === 'string') throw new Error(other)
  transport.open(receiver)
  transport.send(Buffer.from('?'), SERVERS)
  transport.send(Buffer.from('?'), SERVERS)
  expect(transport.counters.unsent).toBe(2)
  expect(warnings).toEqual([{ reason: 'EADDRINUSE', port: 546 }])
  other.close()
  transport.send(Buffer.from('?'), SERVERS)
  expect(host.netif.takeFrames()).toHaveLength(1)
  expect(transport.counters.unsent).toBe(2)
})
