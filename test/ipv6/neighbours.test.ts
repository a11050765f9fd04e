/** One of our hosts with the kernel as its neighbour: resolution, echo, TCP, UDP and fragments over IPv6. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { dissect } from '../support/dissect.ts'
import { concat, ethernet, icmpv6, ipv6 } from '../support/frames.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { eventually, Ipv6TrialLink, needs, type TrialHost } from './link.ts'

const MAC = '02:00:00:00:00:aa'
const STATIC = 'fd00::2'

const NEEDS = needs('cc', 'ping', 'curl', 'ndisc6', 'rdisc6')

describeWithNamespaces('an IPv6 host beside the kernel', () => {
  let link: Ipv6TrialLink
  let host: TrialHost
  let linkLocal: string

  beforeEach((context) => requires(context, ...NEEDS))

  beforeAll(async () => {
    if (missing(...NEEDS) !== null) return
    link = await Ipv6TrialLink.create()
    host = await link.host({ mac: MAC, ipv6: `${STATIC}/64` })
    await host.waitForAddress('added', STATIC)
    await host.waitForAddress('added', /fe80:[^/]*/)
    linkLocal = await host.address('fe80::', 'Preferred')
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await link?.[Symbol.asyncDispose]()
  })

  // ping waits for the last answer as long as its interval, which a machine with a lot to do needs.
  test('is pinged at its static and its link-local address', async () => {
    expect(await link.ping(STATIC, '-c', '5', '-i', '0.1')).toContain('5 received')
    expect(await link.ping(`${linkLocal}%tap0`, '-c', '5', '-i', '0.1')).toContain('5 received')
    expect(await link.ping(STATIC, '-c', '5', '-i', '0.1', '-s', '1452')).toContain('5 received')
  })

  test('is reachable for the kernel, which knows its MAC address', async () => {
    for (const address of [STATIC, linkLocal]) {
      await link.ping(address === STATIC ? address : `${address}%tap0`, '-c', '1')
      expect(await link.neighbourEntry(address)).toMatch(new RegExp(`lladdr ${MAC} REACHABLE`))
    }
    const { neighbors, problems } = await host.report()
    // Before somebody confirms it, it is used and watched.
    expect(neighbors.find(({ address }) => address === 'fd00::1')?.state).toMatch(/Reachable|Delay|Probe/)
    expect(problems).toEqual([])
  })

  test('serves curl at each address', async () => {
    const get = async (authority: string) => (await link.run('curl', ['-sS', '-m', '5', `http://${authority}/`])).stdout
    expect(await get(`[${STATIC}]`)).toBe('hello fd00::1\n')
    expect(await get(`[${linkLocal}%25tap0]`)).toMatch(/^hello fe80::/)
    const refused = await link.run('curl', ['-sS', '-m', '5', `http://[${STATIC}]:81/`], { allowFailure: true })
    expect(refused.stderr).toMatch(/refused|connect/i)
  })

  test('answers ndisc6, and not rdisc6, as a host', async () => {
    for (const address of [STATIC, linkLocal]) {
      const { stdout } = await link.run('ndisc6', [address, 'tap0'])
      expect(stdout).toContain(`Target link-layer address: ${MAC.toUpperCase()}`)
      expect(stdout).toContain(`from ${address}`)
    }
    const silent = await link.run('ndisc6', ['-r', '1', '-w', '300', 'fd00::78', 'tap0'], { allowFailure: true })
    expect(silent.stdout).toContain('No response.')
    const router = await link.run('rdisc6', ['-r', '1', '-w', '300', 'tap0'], { allowFailure: true })
    expect(router.stdout).toContain('No response.')
  })

  test('is among those that answer a ping to all nodes', async () => {
    const { stdout } = await link.run('ping', ['-6', '-c', '1', '-W', '1', '-L', 'ff02::1%tap0'], {
      allowFailure: true,
    })
    expect(stdout).toContain(`from ${linkLocal}`)
  })

  test('sends and receives what takes many fragments', async () => {
    expect(await link.ping(STATIC, '-c', '3', '-i', '0.1', '-s', '60000')).toContain('3 received')
    expect(await host.ask({ do: 'ping', address: 'fd00::1', size: 60_000 })).toMatchObject({ size: 60_000 })
    const client = `
      const socket = require('dgram').createSocket('udp6')
      const sent = Buffer.alloc(60000, 'kernel ')
      socket.on('message', (data) => { console.log(data.equals(sent)); socket.close() })
      socket.send(sent, 7, '${STATIC}')`
    expect((await link.run(process.execPath, ['-e', client], { timeout: 5000 })).stdout).toBe('true\n')
    const echo = `
      const socket = require('dgram').createSocket('udp6')
      socket.on('message', (data, from) => socket.send(data, from.port, from.address))
      socket.bind(7, () => console.log('ready'))`
    await using server = link.namespace.spawn(process.execPath, ['-e', echo])
    await server.waitFor('ready')
    expect(await host.ask({ do: 'udp', address: 'fd00::1', size: 60_000 })).toEqual({ size: 60_000, equal: true })
    // To a neighbour that is not known yet: all fragments wait for its address.
    await link.run('ip', ['address', 'add', 'fd00::77/64', 'dev', 'tap0', 'nodad'])
    expect(await host.ask({ do: 'udp', address: 'fd00::77', size: 60_000 })).toEqual({ size: 60_000, equal: true })
    await link.run('ip', ['address', 'del', 'fd00::77/64', 'dev', 'tap0'])
    const { packets, fragments } = await host.report()
    expect([packets, fragments.kept, fragments.packets]).toEqual([0, 0, 0])
  })

  describe('fragments of all kinds', () => {
    const kernelMac = '02:00:00:00:00:01'
    /** From a host that is not there, so that no kernel interferes. */
    const addresses = { source: 'fd00::55', destination: STATIC }
    const header = { source: kernelMac, destination: MAC }
    let identification = 1

    /** An echo request cut in pieces, [begin, end) in bytes of which all but the end of the last are multiples of 8. */
    function fragments(size: number, pieces: [number, number][], sequence: number): Uint8Array[] {
      const id = identification++
      const whole = ipv6(
        addresses,
        icmpv6({ identifier: 0x7e57, sequence }, new Uint8Array(size).fill(sequence)),
      ).bytes.subarray(40)
      return pieces.map(([begin, end]) => {
        const more = end < whole.length ? 1 : 0
        const offset = begin | more
        const fragment = Uint8Array.of(58, 0, offset >>> 8, offset & 255, 0, 0, id >>> 8, id & 255)
        return ethernet(header, ipv6({ ...addresses, nextHeader: 44 }, concat([fragment, whole.subarray(begin, end)])))
      })
    }
    const inPieces = (size: number, length: number): [number, number][] =>
      Array.from({ length: Math.ceil((size + 8) / length) }, (_, i) => [
        i * length,
        Math.min((i + 1) * length, size + 8),
      ])

    test('are put together, or not, as the RFCs say', async () => {
      await using wire = await link.rawWire()
      // The kernel does not answer for the stranger.
      await link.run('ip', ['address', 'add', 'fd00::55/64', 'dev', 'tap0', 'nodad'])
      try {
        wire.send(
          // In order, in the reverse order, tiny, a single one (RFC 6946), one of them twice (RFC 8200, 4.5).
          ...fragments(1200, inPieces(1200, 400), 1),
          ...fragments(1200, inPieces(1200, 400).toReversed(), 2),
          ...fragments(400, inPieces(400, 8), 3),
          ...fragments(40, [[0, 48]], 4),
          ...fragments(
            80,
            [
              [0, 40],
              [0, 40],
              [40, 88],
            ],
            5,
          ),
          // These have no answer: overlaps (RFC 5722), however small and wherever, what never ends, and what is over 64 KiB.
          ...fragments(
            80,
            [
              [0, 48],
              [40, 88],
            ],
            100,
          ),
          ...fragments(
            80,
            [
              [40, 88],
              [0, 48],
            ],
            101,
          ),
          ...fragments(
            120,
            [
              [0, 80],
              [16, 24],
              [80, 128],
            ],
            102,
          ),
          ...fragments(80, [[0, 40]], 103),
          ...fragments(80, [[40, 88]], 104),
          // RFC 7112: the first one has not got all headers. This one even ends before the checksum.
          ...fragments(80, [[8, 88]], 105),
        )
        // And at the end something whole.
        wire.send(ethernet(header, ipv6(addresses, icmpv6({ identifier: 0x7e57, sequence: 6 }, 'whole'))))
        const answered: number[] = []
        await eventually(() => {
          for (const frame of wire.take()) {
            const { icmp } = dissect(frame)
            if (icmp?.icmpType === 129 && icmp.identifier === 0x7e57) answered.push(icmp.sequence)
          }
          expect(answered).toContain(6)
        })
        expect(answered).toEqual([1, 2, 3, 4, 5, 6])
        const { fragments: counters } = await host.report()
        expect(counters.overlaps).toBe(3)
        // Those that have not come to an end, and those that keep an identification that overlapped from being used again.
        expect(counters.kept).toBeGreaterThan(0)
      } finally {
        await link.run('ip', ['address', 'del', 'fd00::55/64', 'dev', 'tap0'])
      }
    })

    test('that never come to an end take bounded memory, and keep nobody else out', async () => {
      // However long the host has to wait for a processor, the device drops none.
      await link.run('ip', ['link', 'set', 'tap0', 'txqueuelen', '12000'])
      await using wire = await link.rawWire()
      for (let round = 0; round < 40; round++) {
        for (let i = 0; i < 250; i++) wire.send(...fragments(1200, [[0, 1200]], 7))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await eventually(async () => {
        expect((await host.report()).fragments.received).toBeGreaterThan(8000)
      })
      const { fragments: counters, problems } = await host.report()
      expect(counters.kept).toBeLessThanOrEqual(524_288)
      expect(counters.evicted).toBeGreaterThan(5000)
      expect(problems).toEqual([])
      expect(await link.ping(STATIC, '-c', '2', '-i', '0.1', '-s', '60000')).toContain('2 received')
    })
  })
})
