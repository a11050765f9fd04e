import { beforeEach, describe, expect, test } from 'vitest'
import { MacAddress } from '../address/index.ts'
import { type CaptureDirection, LINK_TYPE_RAW, MemorySink, PcapngWriter, readCapture } from '../capture/index.ts'
import { MILLISECOND, SECOND, VirtualClock } from '../clock/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { isInterface } from './open-netif.ts'
import { openReplay, type ReplayNetif, type ReplayOptions } from './replay.ts'

const US = '02:00:00:00:00:02'
const PEER = '02:00:00:00:00:01'

interface Recorded {
  /** Milliseconds. */
  at: number
  text: string
  direction?: CaptureDirection | null
  to?: string
  from?: string
  originalLength?: number
}

/** A capture of frames that hold a text behind their header. */
function capture(frames: Recorded[], device: { mac?: MacAddress; linkType?: number } = {}): Uint8Array {
  const sink = new MemorySink()
  const writer = new PcapngWriter(sink)
  const id = writer.addInterface({ name: 'eth0', ...device })
  for (const { at, text, direction = null, to = US, from = PEER, originalLength } of frames) {
    const frame = Buffer.concat([Buffer.alloc(14), Buffer.from(text)])
    MacAddress.parse(to).writeTo(frame, 0)
    MacAddress.parse(from).writeTo(frame, 6)
    writer.write(id, at * MILLISECOND, frame, 0, frame.length, direction, undefined, originalLength)
  }
  writer.flush()
  return sink.bytes()
}

describe('a replay', () => {
  let clock: VirtualClock
  let memory: PacketMemory
  let got: [at: number, text: string][]
  let bursts: number
  let closedWith: (Error | null)[]

  beforeEach(() => {
    clock = new VirtualClock()
    memory = new PacketMemory({ smallSlots: 64, largeSlots: 8, debug: true })
    got = []
    bursts = 0
    closedWith = []
  })

  function open(options: Omit<ReplayOptions, 'clock' | 'memory'>): ReplayNetif {
    const netif = openReplay({ clock, memory, ...options })
    netif.attach({
      frame: (packet: PacketBuffer) => {
        const text = Buffer.from(memory.bytes.slice(packet.start + 14, packet.end)).toString()
        got.push([clock.now() / MILLISECOND, text])
      },
      endOfBurst: () => bursts++,
      closed: (error) => closedWith.push(error),
    })
    return netif
  }

  const three = [
    { at: 500, text: 'first' },
    { at: 700, text: 'second' },
    { at: 700, text: 'third' },
    { at: 650, text: 'late' },
    { at: 2500, text: 'last' },
  ]

  test.each([
    [{}, [0, 200, 200, 200, 2000]],
    [{ speed: 4 }, [0, 50, 50, 50, 500]],
    [{ speed: 0.5 }, [0, 400, 400, 400, 4000]],
    [{ timing: 'fast' as const }, [0, 0, 0, 0, 0]],
  ])('with its timing, faster, slower, or at once: %j', async (timing, times) => {
    const netif = open({ file: capture(three), ...timing })
    // Never from inside `attach`.
    expect(got).toEqual([])
    clock.advance(5 * SECOND)
    expect(got).toEqual(['first', 'second', 'third', 'late', 'last'].map((text, i) => [times[i], text]))
    await netif.ended
    expect(closedWith).toEqual([])
    expect(clock.armedTimers).toBe(0)
    await netif.close()
    expect(memory.inUse).toBe(0)
  })

  test('comes in bursts of 32 at most', async () => {
    const frames = Array.from({ length: 70 }, (_, i) => ({ at: 0, text: `${i}` }))
    await using netif = open({ file: capture(frames), timing: 'fast' })
    clock.advance(1)
    expect([got.length, bursts, netif.counters.bursts]).toEqual([70, 3, 3])
  })

  test('leaves out what went out, what is cut short, and what cannot be a frame', async () => {
    const frames: Recorded[] = [
      { at: 0, text: 'in', direction: 'inbound' },
      { at: 1, text: 'out', direction: 'outbound' },
      { at: 2, text: 'ours, where nothing says which way it went', from: US, to: PEER },
      { at: 3, text: 'cut', originalLength: 9000 },
      { at: 4, text: 'to others', to: PEER, from: '02:00:00:00:00:03' },
    ]
    await using netif = open({ file: capture(frames, { mac: MacAddress.parse(US) }), timing: 'fast' })
    clock.advance(1)
    // What is for others is the stack's business.
    expect(got.map(([, text]) => text)).toEqual(['in', 'to others'])
    expect(netif.replayCounters).toEqual({ outbound: 2, truncated: 1, otherLinkLayer: 0 })
  })

  test('our address is that of the interface, or where the first frame to one station goes, or what one wants', async () => {
    const frames: Recorded[] = [
      { at: 0, text: '', to: 'ff:ff:ff:ff:ff:ff' },
      { at: 1, text: '', to: '02:00:00:00:00:07' },
    ]
    const addressOf = async (options: Omit<ReplayOptions, 'clock'>) => {
      await using netif = openReplay({ clock, memory, ...options })
      return netif.mac.toString()
    }
    expect(await addressOf({ file: capture(frames) })).toBe('02:00:00:00:00:07')
    expect(await addressOf({ file: capture(frames, { mac: MacAddress.parse(US) }) })).toBe(US)
    expect(await addressOf({ file: capture(frames), mac: MacAddress.parse(PEER) })).toBe(PEER)
  })

  test('a capture of IP packets is a link without Ethernet', async () => {
    await using netif = open({ file: capture(three, { linkType: LINK_TYPE_RAW }), timing: 'fast' })
    expect(netif.linkLayer).toBe('none')
    clock.advance(1)
    expect(netif.counters.receivedFrames).toBe(5)
    expect(() => openReplay({ file: capture(three, { linkType: 105 }), clock, memory })).toThrow(/link type 105/)
    expect(() => openReplay({ file: capture([]), clock, memory })).toThrow(/without frames/)
    expect(() => openReplay({ file: Buffer.from('no capture'), clock, memory })).toThrow(/neither pcap nor pcapng/)
  })

  test('what is sent is counted, and recorded where that is wanted', async () => {
    const record = new MemorySink()
    const netif = open({ file: capture(three), record })
    clock.advance(250 * MILLISECOND)
    const packet = memory.allocate(60)!
    packet.end = packet.start + 60
    memory.bytes.fill(7, packet.start, packet.end)
    netif.transmit(packet)
    netif.flush()
    await netif.close()
    expect(netif.counters).toMatchObject({ transmittedFrames: 1, transmittedBytes: 60 })
    const epoch = BigInt(clock.epoch) * 1000n
    expect([...readCapture(record.bytes())]).toMatchObject([
      { direction: 'outbound', bytes: new Uint8Array(60).fill(7), timestampNanoseconds: epoch + 250_000_000n },
    ])
    // Closed before its end: nothing more comes.
    clock.advance(10 * SECOND)
    expect(got.map(([, text]) => text)).toEqual(['first', 'second', 'third', 'late'])
    await netif.ended
  })

  test('a file that is damaged ends the stack with what is wrong, after the frames before', async () => {
    const file = capture(three)
    const netif = open({ file: file.subarray(0, file.length - 20), timing: 'fast' })
    clock.advance(1)
    expect(got).toHaveLength(4)
    expect(closedWith).toEqual([expect.objectContaining({ name: 'CaptureFormatError' })])
    await expect(netif.ended).rejects.toThrow(/cut off/)
    expect(memory.inUse).toBe(0)
    await netif.close()
  })

  test('without packet memory frames are counted and dropped', async () => {
    await using netif = open({ file: capture(three), timing: 'fast' })
    const taken: PacketBuffer[] = []
    for (let one = memory.takeSmall(); one !== null; one = memory.takeSmall()) taken.push(one)
    clock.advance(1)
    expect(netif.counters).toMatchObject({ receiveNoMemory: 5, receivedFrames: 0 })
    for (const one of taken) one.release()
  })
})

test('--interface replay:FILE with its options', () => {
  const good = ['a.pcap', 'a.pcap,speed=2', 'a.pcap,speed=max,record=b.pcapng', 'a,b.pcap,record=c.pcapng,speed=0.5']
  const bad = ['', 'a.pcap,speed=0', 'a.pcap,speed=fast', 'a.pcap,speed=1,speed=2', 'a.pcap,record=', ',speed=2']
  expect(good.filter((target) => !isInterface(`replay:${target}`))).toEqual([])
  expect(bad.filter((target) => isInterface(`replay:${target}`))).toEqual([])
})
