import { endianness } from 'node:os'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MacAddress } from '../address/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { PcapNetif } from './pcap.ts'

/** What the package does, with one buffer for all frames. */
class FakeSession {
  readonly link_type = 'LINKTYPE_ETHERNET'
  readonly buf = Buffer.alloc(70_000)
  readonly header = Buffer.alloc(16)
  readonly sent: string[] = []
  refuses = 0
  closed = 0
  readonly session = { dispatch: () => -2 }
  #listener: (frame: { buf: Buffer; header: Buffer }) => void = () => {}

  on(_event: 'packet', listener: (frame: { buf: Buffer; header: Buffer }) => void): void {
    this.#listener = listener
  }

  arrive(frame: Uint8Array, originalLength = frame.length): void {
    this.buf.fill(0xee)
    this.buf.set(frame)
    const write = endianness() === 'LE' ? 'writeUInt32LE' : 'writeUInt32BE'
    this.header[write](frame.length, 8)
    this.header[write](originalLength, 12)
    this.#listener(this)
  }

  inject(frame: Buffer): void {
    if (this.refuses > 0) {
      this.refuses--
      throw new Error('Pcap inject failed.')
    }
    this.sent.push(frame.toString('latin1'))
  }

  stats() {
    return { ps_recv: 0, ps_drop: 0, ps_ifdrop: 0 }
  }

  close(): void {
    this.closed++
  }
}

describe('PcapNetif', () => {
  let memory: PacketMemory
  let session: FakeSession
  let netif: PcapNetif
  let got: string[]
  let bursts: number

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    memory = new PacketMemory({ smallSlots: 64, largeSlots: 8, debug: true })
    session = new FakeSession()
    const mac = MacAddress.parse('02:00:00:00:00:02')
    const facts = { index: 1, isUp: true, hasLink: true, mtu: 1500, isEthernet: true, isPlainIp: false, mac }
    netif = new PcapNetif(session, { name: 'fake0', mac, facts, namespace: '', memory })
    got = []
    bursts = 0
    netif.attach({
      frame: (packet) => got.push(Buffer.from(memory.bytes.slice(packet.start, packet.end)).toString('latin1')),
      endOfBurst: () => bursts++,
      closed: () => {},
    })
  })

  afterEach(async () => {
    await netif.close()
    expect(session.closed).toBe(1)
    expect(memory.inUse).toBe(0)
    vi.useRealTimers()
  })

  const frame = (text: string, length = 60) => Buffer.from(text.padEnd(length, '.'), 'latin1')
  const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

  function packet(text: string): PacketBuffer {
    const made = memory.allocate(60)!
    memory.bytes.set(frame(text), made.start)
    made.end = made.start + 60
    return made
  }

  test('frames of one read are one burst, copied out of the buffer that the package uses again', async () => {
    session.arrive(frame('first'))
    session.arrive(frame('second', 1514))
    session.arrive(frame('third', 60_000))
    expect(got).toEqual([])
    await tick()
    expect(got.map((text) => [text.slice(0, 6).replaceAll('.', ''), text.length])).toEqual([
      ['first', 60],
      ['second', 1514],
      ['third', 60_000],
    ])
    expect(got.join('')).not.toContain('\xee')
    expect(bursts).toBe(1)
    expect(netif.counters).toMatchObject({ receivedFrames: 3, bursts: 1 })
  })

  test('what waits to be delivered is bounded: a quarter of packet memory', async () => {
    for (let i = 0; i < 40; i++) session.arrive(frame(`${i}`))
    for (let i = 0; i < 10; i++) session.arrive(frame(`${i}`, 9000))
    await tick()
    expect(got).toHaveLength(16)
    for (let i = 0; i < 10; i++) session.arrive(frame(`${i}`, 9000))
    await tick()
    expect(got).toHaveLength(18)
    expect(netif.counters.receiveQueueFull).toBe(24 + 10 + 8)
  })

  test('cut frames and what is too short are counted and dropped', async () => {
    session.arrive(frame('cut'), 9000)
    session.arrive(Buffer.alloc(13))
    await tick()
    expect(got).toEqual([])
    expect(netif.pcapCounters.truncated).toBe(1)
    expect(netif.counters.receiveMalformed).toBe(1)
  })

  test('what libpcap refuses is tried again, in order, and given up after twenty times', async () => {
    session.refuses = 3
    for (const text of ['a', 'b', 'c']) netif.transmit(packet(text))
    expect(session.sent).toEqual([])
    await vi.advanceTimersByTimeAsync(5)
    expect(session.sent.map((text) => text[0])).toEqual(['a', 'b', 'c'])
    expect(netif.counters).toMatchObject({ transmittedFrames: 3, transmitError: 0, backPressure: 1 })

    session.refuses = 21
    for (const text of ['d', 'e']) netif.transmit(packet(text))
    await vi.advanceTimersByTimeAsync(30)
    expect(session.sent.map((text) => text[0])).toEqual(['a', 'b', 'c', 'e'])
    expect(netif.counters.transmitError).toBe(1)
  })

  test('what waits to be sent is bounded, and longer than the MTU goes nowhere', () => {
    session.refuses = 1e9
    const memory16 = netif.memory
    let sent = 0
    for (let one = memory16.allocate(60); one !== null; one = memory16.allocate(60), sent++) {
      one.end = one.start + 60
      netif.transmit(one)
    }
    expect(sent).toBe(64)
    expect(memory16.inUse).toBe(64)
    const long = memory16.takeLarge()!
    long.end = long.start + 1519
    netif.transmit(long)
    expect(netif.counters.transmitError).toBe(1)
  })
})
