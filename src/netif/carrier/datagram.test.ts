import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { FrameCollector, transmit } from '../../../test/support/packets.ts'
import { frameOf, freePorts, until } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { isInterface, openDatagram, openNetif } from '../index.ts'

const host = '127.0.0.1'

async function pair(memory: PacketMemory) {
  const [left, right] = await freePorts(2)
  const context = { memory } as Parameters<typeof openNetif>[1]
  return [
    await openNetif(`udp:${host}:${right},local=${left}`, context),
    await openNetif(`udp:${host}:${left},local=${host}:${right}`, context),
  ] as const
}

test('each datagram is a frame', async () => {
  const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
  const [left, right] = await pair(memory)
  const [atLeft, atRight] = [new FrameCollector(left), new FrameCollector(right)]
  const frames = [frameOf(14), frameOf(60), frameOf(1514), frameOf(9014)]
  transmit(left, ...frames)
  transmit(right, frameOf(61))
  await until(() => atLeft.frames.length === 1 && atRight.frames.length === 4, 'frames')
  expect(atRight.take()).toEqual(frames)
  expect(atLeft.take()).toEqual([frameOf(61)])
  expect(left).toMatchObject({ name: 'udp', mtu: 1500 })
  await left.close()
  await right.close()
  await right.close()
  expect(memory.leaks()).toEqual([])
})

test('what is no frame is counted, and what somebody else sends is not heard', async () => {
  const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4 })
  const [own, theirs] = await freePorts(2)
  const netif = await openDatagram({ local: { host, port: own! }, remote: { host, port: theirs! }, memory })
  const inbox = new FrameCollector(netif)
  const [them, stranger] = [createSocket('udp4'), createSocket('udp4')]
  them.bind(theirs, host)
  await once(them, 'listening')
  stranger.send(frameOf(70), own, host)
  them.send(frameOf(13), own, host)
  them.send(frameOf(60), own, host)
  await until(() => inbox.frames.length > 0, 'frame')
  expect(inbox.take().map((frame) => frame.length)).toEqual([60])
  expect(netif.counters.receiveMalformed).toBe(1)
  await netif.close()
  them.close()
  stranger.close()
})

test('another end that is not there costs frames, and nothing more', async () => {
  const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4 })
  const [own, theirs] = await freePorts(2)
  const netif = await openDatagram({ local: { host, port: own! }, remote: { host, port: theirs! }, memory })
  const inbox = new FrameCollector(netif)
  // The system tells with the next one that nobody had the first.
  for (let i = 0; netif.counters.transmitError === 0 && i < 100; i++) {
    transmit(netif, frameOf(60))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(netif.counters.transmitError).toBeGreaterThan(0)
  const late = await openDatagram({ local: { host, port: theirs! }, remote: { host, port: own! }, memory })
  new FrameCollector(late)
  transmit(late, frameOf(61))
  await until(() => inbox.frames.length > 0, 'frame')
  expect(inbox.take()).toEqual([frameOf(61)])
  expect(inbox.isClosed).toBe(false)
  await netif.close()
  await late.close()
})

test('an address that is taken, options out of range, and texts', async () => {
  const [own, theirs] = await freePorts(2)
  const options = { local: { host, port: own! }, remote: { host, port: theirs! } }
  const netif = await openDatagram(options)
  await expect(openDatagram(options)).rejects.toThrow(`bind EADDRINUSE ${host}:${own}`)
  await netif.close()
  await expect(openDatagram({ ...options, mtu: 65_494 })).rejects.toThrow('mtu is 68 to 65493, not 65494')
  expect(isInterface('udp:[::1]:5000,local=5001,mtu=65493')).toBe(true)
  for (const text of [
    'udp:127.0.0.1:5000',
    'udp:5000,local=5001',
    'udp:localhost:5000,local=5001',
    'udp:127.0.0.1:5000,local=[::1]:5001',
    'udp:127.0.0.1:5000,local=5001,mtu=65494',
    'udp:127.0.0.1:5000,local=5001,reconnect=1s',
  ]) {
    expect(isInterface(text), text).toBe(false)
  }
})
