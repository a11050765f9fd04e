import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { FrameCollector, transmit } from '../../../test/support/packets.ts'
import { frameOf, until } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { createStack } from '../../stack/index.ts'
import { type EmulatorBus, type EmulatorEvents, emulatorNetif } from '../index.ts'

type Listener = (frame: Uint8Array) => void

/** One side of the bus of v86: what it sends is heard, in the call, by those that have registered at the other side. */
class Connector implements EmulatorBus {
  readonly listeners: { event: string; listener: Listener; thisValue: unknown }[] = []
  pair: Connector | null = null

  register(event: string, listener: Listener, thisValue?: unknown): void {
    this.listeners.push({ event, listener, thisValue })
  }

  unregister(event: string, listener: Listener): void {
    const at = this.listeners.findIndex((one) => one.event === event && one.listener === listener)
    if (at >= 0) this.listeners.splice(at, 1)
  }

  send(event: string, frame: Uint8Array): void {
    for (const one of [...(this.pair?.listeners ?? [])]) {
      if (one.event === event) one.listener.call(one.thisValue, frame)
    }
  }
}

/** The surface of v86 that the adapter stands on, and the emulated card behind it. */
class FakeEmulator implements EmulatorEvents {
  readonly bus = new Connector()
  readonly cards = new Connector()
  /** What an emulated NE2000 sends lies in one piece of its memory. */
  readonly #memory = new Uint8Array(2048)

  constructor() {
    this.bus.pair = this.cards
    this.cards.pair = this.bus
  }

  add_listener(event: string, listener: Listener): void {
    this.bus.register(event, listener, this)
  }

  remove_listener(event: string, listener: Listener): void {
    this.bus.unregister(event, listener)
  }

  sendFromCard(frame: Uint8Array, card = 0): void {
    this.#memory.set(frame)
    this.cards.send(`net${card}-send`, this.#memory.subarray(0, frame.length))
  }

  onCardReceives(receive: Listener, card = 0): void {
    this.cards.register(`net${card}-receive`, receive)
  }

  listeners(event: string): number {
    return this.bus.listeners.filter((one) => one.event === event).length
  }
}

test('the bus alone, as network_adapter is given it, and frames of another context', async () => {
  const emulator = new FakeEmulator()
  const netif = emulatorNetif(emulator.bus)
  const inbox = new FrameCollector(netif)
  const received: Uint8Array[] = []
  emulator.onCardReceives((frame) => received.push(frame))
  // As of an emulated virtio card: behind the header of the virtual queue.
  const frame = runInNewContext('bytes => Uint8Array.from(bytes).subarray(12)')([...new Uint8Array(12), ...frameOf(60)])
  expect(frame).not.toBeInstanceOf(Uint8Array)
  emulator.cards.send('net0-send', frame)
  await until(() => inbox.frames.length > 0, 'frames')
  expect(inbox.take()).toEqual([frameOf(60)])
  transmit(netif, frameOf(70))
  expect(received).toEqual([frameOf(70)])
  await netif.close()
  expect(emulator.listeners('net0-send')).toBe(0)
})

test('frames of a card, copied out of its memory, as bursts; its cable is pulled by close', async () => {
  const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
  const emulator = new FakeEmulator()
  const netif = emulatorNetif(emulator, { memory, queue: 10, card: 1 })
  const inbox = new FrameCollector(netif)
  const received: Uint8Array[] = []
  emulator.onCardReceives((frame) => received.push(frame), 1)
  for (let i = 0; i < 3; i++) emulator.sendFromCard(frameOf(60 + i, i), 1)
  emulator.sendFromCard(frameOf(99), 0)
  expect(inbox.frames).toHaveLength(0)
  await until(() => inbox.frames.length > 0, 'frames')
  expect(inbox.take()).toEqual([frameOf(60, 0), frameOf(61, 1), frameOf(62, 2)])
  expect(inbox.bursts).toEqual([3])
  transmit(netif, frameOf(70), frameOf(71))
  expect(received).toEqual([frameOf(70), frameOf(71)])
  for (let i = 0; i < 100; i++) emulator.sendFromCard(frameOf(60), 1)
  await until(() => inbox.frames.length > 0, 'frames')
  expect(inbox.frames).toHaveLength(20)
  expect(netif.counters.receiveQueueFull).toBe(80)
  expect(netif.name).toBe('net1')
  await netif.close()
  expect(emulator.listeners('net1-send')).toBe(0)
  expect(memory.leaks()).toEqual([])
  expect(() => emulatorNetif(emulator, { card: -1 })).toThrow('card is 0 to 255, not -1')
  expect(() => emulatorNetif({ add_listener() {} })).toThrow('an emulator has a bus to send to')
})

test('a guest at the other end of the bus: two stacks talk', async () => {
  const emulator = new FakeEmulator()
  /** The guest, whose stack is at the card's side of the same events. */
  const card: EmulatorEvents = {
    add_listener: (_event, listener) => emulator.onCardReceives(listener),
    bus: { send: (_event, frame) => emulator.sendFromCard(frame) },
  }
  await using host = await createStack({ netif: emulatorNetif(emulator), ipv4: '10.0.0.1/24', ipv4Only: true })
  await using guest = await createStack({ netif: emulatorNetif(card), ipv4: '10.0.0.2/24', ipv4Only: true })
  await host.listen({ port: 7 }, async (flow) => {
    for await (const data of flow) await flow.write(data)
    await flow.close()
  })
  expect((await guest.ping('10.0.0.1')).address.toString()).toBe('10.0.0.1')
  const flow = await guest.connect({ address: '10.0.0.1', port: 7 })
  const sent = frameOf(1_000_000)
  const writing = flow.write(sent).then(() => flow.shutdown('write'))
  const pieces: Uint8Array[] = []
  for await (const data of flow) pieces.push(data)
  await writing
  expect(Buffer.concat(pieces).equals(sent)).toBe(true)
  await flow.close()
})
