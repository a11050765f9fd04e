/** A conversation that was captured, played to a stack that is made as the one was that had it: the same comes out again. */
import { expect, test } from 'vitest'
import { type CapturedFrame, MemorySink, PcapngWriter, readCapture } from '../../src/capture/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { CaptureNetif, type Netif, openReplay, VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'

/** An echo service over TCP and UDP. */
async function server(netif: Netif, clock: VirtualClock): Promise<DirectStack> {
  const stack = await createStack({
    netif,
    clock,
    random: new SeededRandom(7),
    ipv4: '10.0.0.2/24',
    ipv4Only: true,
  })
  await stack.listen({ port: 7 }, async (flow) => {
    for await (const data of flow) await flow.write(data)
    await flow.close()
  })
  const socket = await stack.udp({ port: 7 })
  socket.onDatagram((data, from) => socket.send(data, from))
  return stack
}

/** What the server heard and said: a connection, datagrams, a ping. */
async function conversation(): Promise<{ capture: Uint8Array; frames: CapturedFrame[] }> {
  const clock = new VirtualClock()
  const network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory: new PacketMemory({ debug: true }) })
  const sink = new MemorySink()
  const writer = new PcapngWriter(sink)
  const link = { latency: 3 * MILLISECOND, offload: false }
  const serving = await server(new CaptureNetif(network.port(link), writer, clock), clock)
  const client = await createStack({
    netif: network.port(link),
    clock,
    random: new SeededRandom(2),
    ipv4: '10.0.0.1/24',
    ipv4Only: true,
  })
  let echoed = ''
  const talk = (async () => {
    await client.ping('10.0.0.2')
    const socket = await client.udp()
    socket.send('a datagram', { address: '10.0.0.2', port: 7 })
    const flow = await client.connect({ address: '10.0.0.2', port: 7 })
    // A frame at a time: how many come in one burst decides about acknowledgments, and no file says it.
    for (let i = 0; i < 30; i++) {
      await flow.write(`${i} `)
      echoed += Buffer.from((await flow.read())!).toString()
    }
    await flow.close()
  })()
  await clock.advanceAsync(2 * SECOND)
  await talk
  expect(echoed).toBe(Array.from({ length: 30 }, (_, i) => `${i} `).join(''))
  await Promise.all([client.close(0), serving.close(0)])
  await writer.close()
  const capture = sink.bytes()
  return { capture, frames: [...readCapture(capture)] }
}

const sent = (frames: Iterable<CapturedFrame>) =>
  [...frames]
    .filter(({ direction }) => direction === 'outbound')
    .map(({ timestampNanoseconds, bytes }) => `${timestampNanoseconds} ${Buffer.from(bytes).toString('hex')}`)

test('with the same seed and timing, every byte and time of what the stack said', async () => {
  const { capture, frames } = await conversation()
  const clock = new VirtualClock()
  const record = new MemorySink()
  const memory = new PacketMemory({ debug: true })
  const netif = openReplay({ file: capture, clock, memory, record })
  const stack = await server(netif, clock)
  await clock.advanceAsync(2 * SECOND)
  await netif.ended
  await stack.close(0)
  const expected = sent(frames)
  const got = sent(readCapture(record.bytes()))
  expect(expected.length).toBeGreaterThan(35)
  expect(got).toEqual(expected)
  expect(netif.counters.receivedFrames).toBe(frames.length - expected.length)
  expect(memory.inUse).toBe(0)
})

test('as fast as it goes: what asks for no answer of its own time is answered all the same', async () => {
  const { capture } = await conversation()
  const clock = new VirtualClock()
  const netif = openReplay({ file: capture, clock, timing: 'fast' })
  const stack = await server(netif, clock)
  await clock.advanceAsync(1)
  await netif.ended
  expect(clock.now()).toBe(1)
  expect(stack.icmp?.counters).toMatchObject({ echoRequestsReceived: 1 })
  await stack.close(0)
})
