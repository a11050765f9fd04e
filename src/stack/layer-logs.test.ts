/** What the layers of a stack say, each as a source of its own. */
import { expect, test } from 'vitest'
import { ethernet, ipv4 } from '../../test/support/frames.ts'
import { SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { RouterAdvertiser } from '../ipv6/index.ts'
import type { LogFactory } from '../log/index.ts'
import { type Netif, VirtualNetwork } from '../netif/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { createStack } from './index.ts'

interface Line {
  source: string
  level: string
  message: string
  fields: Readonly<Record<string, unknown>>
}

/** A network in virtual time, whose first host logs everything. */
class Trial {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(7)
  readonly memory = new PacketMemory({ smallSlots: 1024, largeSlots: 16, debug: true })
  readonly network = new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory })
  readonly lines: Line[] = []
  debugEnabled = true

  readonly logs: LogFactory = (source) => {
    const trial = this
    const line =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
        if (level !== 'debug' || trial.debugEnabled) trial.lines.push({ source, level, message, fields })
      }
    return {
      get debugEnabled() {
        return trial.debugEnabled
      },
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
    }
  }

  stack(host: number, logs?: LogFactory) {
    const { clock, random } = this
    return createStack({
      netif: this.network.port(),
      ipv4: `10.0.0.${host}/24`,
      ipv6: `fd00::${host}/64`,
      ipv6Settings: { detectionTransmits: 0 },
      dhcpv6: false,
      clock,
      random,
      ...(logs === undefined ? {} : { logs }),
    })
  }

  inject(port: Netif, frame: Uint8Array): void {
    const packet = this.memory.allocate(frame.length)!
    this.memory.bytes.set(frame, packet.start)
    packet.end = packet.start + frame.length
    port.transmit(packet)
    port.flush()
    this.clock.advance(10)
  }

  of(source: string, level?: string): string[] {
    return this.lines
      .filter((each) => each.source === source && (level === undefined || each.level === level))
      .map(({ message, fields }) => [message, ...Object.entries(fields).map((pair) => pair.join('='))].join(' '))
  }
}

test('ndp: routers that come, fall silent and go; addresses of ours', async () => {
  const trial = new Trial()
  const host = await trial.stack(1, trial.logs)
  expect(trial.of('ndp', 'debug')).toContain('an address of ours address=fd00::1 state=preferred origin=static')
  const router = await trial.stack(9)
  const settings = { prefixes: [], lifetime: 600, interval: 200 }
  const advertiser = new RouterAdvertiser(router.ipv6!, settings)
  advertiser.start()
  trial.clock.advance(5 * SECOND)
  const address = String(router.ipv6!.linkLocal)
  expect(trial.of('ndp', 'info')).toEqual([`a router has advertised itself address=${address}`])
  // It is asked for what is elsewhere, and says nothing any more.
  await router.close(0)
  const socket = await host.udp({ address: 'fd00::1' })
  for (let i = 0; i < 30; i++) {
    socket.send('x', { address: '2001:db8::1', port: 9 })
    trial.clock.advance(2 * SECOND)
  }
  expect(trial.of('ndp', 'warn')).toEqual([`a router does not answer any more address=${address}`])
  trial.clock.advance(600 * SECOND)
  expect(trial.of('ndp', 'info').slice(1)).toEqual([`a router is none any more address=${address}`])
  expect(trial.of('ipv6', 'info')).toEqual([])
  await host.close(0)
})

test('ipv4-fragments: packets at debug level only, and a lack of room once a minute', async () => {
  const trial = new Trial()
  const host = await trial.stack(1, trial.logs)
  const port = trial.network.port()
  const fragment = (identification: number, fragmentOffset: number, moreFragments: boolean, length: number) =>
    trial.inject(
      port,
      ethernet(
        { source: String(port.mac), destination: String(host.netif.mac) },
        ipv4(
          { source: '10.0.0.2', destination: '10.0.0.1', protocol: 17, identification, fragmentOffset, moreFragments },
          new Uint8Array(length),
        ),
      ),
    )
  const ends = 'source=10.0.0.2 destination=10.0.0.1'
  fragment(1, 0, true, 16)
  fragment(1, 16, false, 8)
  fragment(2, 0, true, 16)
  fragment(2, 8, true, 16)
  fragment(3, 0, true, 16)
  trial.clock.advance(31 * SECOND)
  expect(trial.of('ipv4-fragments')).toEqual([
    `a packet is reassembled ${ends} fragments=2 received=24 bytes=24`,
    `fragments overlap: a packet is dropped ${ends} fragments=1 received=16`,
    `fragments are missing: a packet is given up ${ends} fragments=1 received=16`,
  ])
  trial.lines.length = 0
  trial.debugEnabled = false
  for (let id = 10; id < 1_500; id++) fragment(id, 0, true, 1_400)
  trial.clock.advance(SECOND)
  const [line, ...more] = trial.of('ipv4-fragments')
  expect(line).toMatch(/^fragments have no room: incomplete packets are dropped source=10.0.0.2 .* kept=\d+ evicted=1$/)
  expect(more).toEqual([])
  expect(host.ipv4!.reassemblyCounters.evicted).toBeGreaterThan(100)
  expect(trial.lines.filter(({ level }) => level !== 'warn')).toEqual([])
  await host.close(0)
})

test('at debug level each layer says what it is and, at the end, what it has counted', async () => {
  const trial = new Trial()
  const host = await trial.stack(1, trial.logs)
  const other = await trial.stack(2)
  expect(trial.of('netif')[0]).toMatch(/^the interface is open name=\S+ mac=[0-9a-f:]{17} mtu=1500 checksumOffload=/)
  expect(trial.of('ipv4')).toEqual(['an address of ours is added address=10.0.0.1/24'])
  const pings = Promise.all([host.ping('10.0.0.2'), other.ping('fd00::1')])
  trial.clock.advance(SECOND)
  await pings
  for (const group of ['224.0.0.1', '10.0.0.255', 'ff02::1']) {
    await expect(host.ping(group)).rejects.toMatchObject({ code: 'EACCES', hint: expect.stringContaining('no group') })
  }
  const refused = host.connect({ address: '10.0.0.2', port: 80 })
  refused.catch(() => {})
  trial.clock.advance(SECOND)
  await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await host.close(0)
  await other.close(0)
  const atEnd = (source: string) => trial.of(source).filter((line) => line.startsWith('has counted'))
  expect(atEnd('netif')[0]).toMatch(/receivedFrames=\d+/)
  expect(atEnd('tcp')[0]).toMatch(/ActiveOpens=1 .*AttemptFails=1/)
  for (const source of ['ethernet', 'arp', 'ipv4', 'icmp', 'ipv6', 'ndp']) expect(atEnd(source), source).not.toEqual([])
  // Nothing of a single packet above debug level.
  expect(trial.lines.filter(({ level }) => level !== 'debug')).toEqual([])
})
