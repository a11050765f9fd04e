import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { MacAddress } from '../address/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { RawSocketsNetif } from './raw-sockets.ts'

type Done = (error: Error | null, bytes: number) => void

/** What the package does: it holds what it is given until the socket takes it. */
class FakeSocket extends EventEmitter {
  readonly held: { data: Buffer; address: string; done: Done }[] = []
  closed = 0
  send(data: Buffer, _offset: number, _length: number, address: string, done: Done): void {
    this.held.push({ data, address, done })
  }
  setOption(): void {}
  close(): void {
    this.closed++
  }
}

function setUp() {
  const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 8, debug: true })
  const [sender, receiver] = [new FakeSocket(), new FakeSocket()]
  const facts = {
    index: 1,
    isUp: true,
    hasLink: true,
    mtu: 1500,
    isEthernet: true,
    isPlainIp: false,
    mac: MacAddress.ZERO,
  }
  const netif = new RawSocketsNetif([sender, receiver], { name: 'fake0', facts, namespace: '', memory })
  const packet = (first: number, destination: number) => {
    const made = memory.allocate(20)!
    made.end = made.start + 20
    memory.bytes.fill(0, made.start, made.end)
    memory.bytes[made.start] = first
    memory.view.setInt32(made.start + 16, destination)
    return made
  }
  return { memory, sender, receiver, netif, packet }
}

test('what waits to be sent is bounded, goes out in order, and is released when it has', async () => {
  const { memory, sender, netif, packet } = setUp()
  for (let i = 0; i < 600; i++) netif.transmit(packet(0x45, 0x0a000001 + (i % 2)))
  expect([sender.held.length, memory.inUse, netif.counters.transmitQueueFull]).toEqual([512, 512, 88])
  expect(sender.held.slice(0, 3).map(({ address }) => address)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.1'])
  for (const [i, { done }] of sender.held.slice(0, 100).entries()) done(i === 7 ? new Error('refused') : null, 20)
  expect(netif.counters).toMatchObject({ transmittedFrames: 99, transmitError: 1 })
  expect(memory.inUse).toBe(412)
  await netif.close()
  expect([memory.inUse, sender.closed]).toEqual([0, 1])
  // The package tells of what it still held.
  sender.held[100]!.done(null, 20)
  expect(netif.counters.transmittedFrames).toBe(99)
})

test('what arrives is copied, each packet a burst; IPv6 and what is no packet goes nowhere', async () => {
  const { memory, sender, receiver, netif, packet } = setUp()
  const got: string[] = []
  let bursts = 0
  netif.attach({
    frame: ({ start, end }) => got.push(Buffer.from(memory.bytes.slice(start, end)).toString('hex')),
    endOfBurst: () => bursts++,
    closed: () => {},
  })
  const data = Buffer.alloc(24, 0x45)
  receiver.emit('message', data, '10.0.0.1')
  data.fill(0x46)
  receiver.emit('message', data, '10.0.0.1')
  receiver.emit('message', Buffer.alloc(19), '10.0.0.1')
  receiver.emit('error', new Error('ENOBUFS'))
  expect([got, bursts]).toEqual([['45'.repeat(24), '46'.repeat(24)], 2])
  expect(netif.counters).toMatchObject({ receivedFrames: 2, receiveMalformed: 1 })
  expect(netif.rawCounters.socketErrors).toBe(1)
  netif.transmit(packet(0x60, 0))
  expect([sender.held.length, netif.counters.transmitError]).toEqual([0, 1])
  await netif.close()
  expect(memory.inUse).toBe(0)
})
