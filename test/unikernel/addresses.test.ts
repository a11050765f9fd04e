/** What the boot arguments about addresses do, as the wire shows it: each with it, and without. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix, MacAddress } from '../../src/address/index.ts'
import { readCapture } from '../../src/capture/index.ts'
import { Dhcpv4Server } from '../../src/dhcp/index.ts'
import { parseMessage } from '../../src/dhcp/v6/parse-message.ts'
import { RouterAdvertiser } from '../../src/ipv6/index.ts'
import { DirectStack, type Stack } from '../../src/stack/index.ts'
import type { Dissection } from '../support/dissect.ts'
import { ArgumentTrial, type Outcome } from './trial.ts'

const IPV4 = '--ipv4=10.0.0.2/24'
let trial: ArgumentTrial
let folder: string
beforeEach(() => {
  trial = new ArgumentTrial()
})
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-arguments-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const addressesOf = ({ stack }: { stack: Stack }) => stack.addresses.map(String)
const families = ({ sent }: Outcome) => new Set(sent.map(({ ip }) => ip?.family ?? 4))
const ip = (text: string) => IpAddress.parse(text)

/** Runs for so many seconds. */
const lasting = (seconds: number) => async (context: { stack: Stack }) => {
  await trial.pause(seconds * 1_000)
  return addressesOf(context)
}

describe('IPv4', () => {
  test('--ipv4: it answers there, and nowhere else', async () => {
    const other = await trial.host({ ipv4: '10.0.0.1/24', ipv4Only: true })
    const asked: unknown[] = []
    const { stdout } = await trial.run([IPV4, '--ipv4-only'], async () => {
      for (const address of ['10.0.0.2', '10.0.0.3']) {
        asked.push(await other.ping(address, { timeout: 5_000 }).then(String, ({ code }) => code))
      }
    })
    expect(asked).toEqual(['[object Object]', 'EHOSTUNREACH'])
    expect(stdout).toBe('trial answers on 10.0.0.2\n')
  })

  test('--ipv4-gateway: what is elsewhere goes there', async () => {
    const far = ({ stack }: { stack: Stack }) =>
      stack.connect({ address: '192.0.2.1', port: 80, timeout: 500 }).catch(({ code }) => code)
    expect((await trial.run([IPV4, '--ipv4-only'], far)).result).toBe('ENETUNREACH')
    const { result, sent } = await trial.run([IPV4, '--ipv4-only', '--ipv4-gateway=10.0.0.1'], far)
    expect(result).toBe('ETIMEDOUT')
    expect(sent.some(({ arp }) => arp?.operation === 1 && arp.targetAddress === '10.0.0.1')).toBe(true)
  })

  test('--ipv4-probe: whoever has the address is asked before it is used, and keeps it', async () => {
    const words = [IPV4, '--ipv4-only']
    const isProbe = ({ arp }: Dissection) => arp?.senderAddress === '0.0.0.0' && arp.targetAddress === '10.0.0.2'
    expect((await trial.run(words)).sent.filter(isProbe)).toEqual([])
    const before = trial.clock.now()
    const free = await trial.run([...words, '--ipv4-probe'], addressesOf)
    expect(free.sent.filter(isProbe)).toHaveLength(3)
    expect(free.result).toEqual(['10.0.0.2/24'])
    expect(trial.clock.now() - before).toBeGreaterThan(4_000_000)
    await trial.host({ ipv4: '10.0.0.2/24', ipv4Only: true })
    const taken = await trial.run([...words, '--ipv4-probe'])
    expect([taken.code, taken.stdout]).toEqual([1, ''])
    expect(taken.stderr).toMatch(/^trial: cannot start the network: .*EADDRINUSE 10\.0\.0\.2/)
  })
})

describe('DHCP', () => {
  /** 10.0.0.1, which gives 10.0.0.50 and more. */
  async function server(): Promise<Dhcpv4Server> {
    const stack = await trial.host({ ipv4: '10.0.0.1/24', ipv4Only: true })
    const made = new Dhcpv4Server({
      ipv4: stack.ipv4!,
      udp: stack.udpLayer,
      clock: trial.clock,
      address: IpPrefix.parse('10.0.0.1/24'),
      pool: [ip('10.0.0.50'), ip('10.0.0.59')],
    })
    made.start()
    return made
  }

  /** Options 53 (the kind of message) and 12 (host name) of what was sent to port 67; RFC 2132. */
  const messages = ({ sent }: Outcome) =>
    sent
      .filter(({ udp }) => udp?.destinationPort === 67)
      .map(({ udp }) => {
        const { payload } = udp!
        const found: Record<number, Uint8Array> = {}
        for (let at = 240; payload[at] !== 255 && at < payload.length; at += 2 + payload[at + 1]) {
          found[payload[at]] = payload.subarray(at + 2, at + 2 + payload[at + 1])
        }
        return { kind: found[53][0], name: Buffer.from(found[12] ?? []).toString() }
      })
  const [DISCOVER, REQUEST, RELEASE] = [1, 3, 7]

  test('--dhcp and --no-dhcp, and --name as its host name', async () => {
    await server()
    const asking = await trial.run(['--ipv4-only', '--name=web-1'], addressesOf)
    expect(asking.result).toEqual(['10.0.0.50/24'])
    expect(messages(asking)).toEqual([DISCOVER, REQUEST].map((kind) => ({ kind, name: 'web-1' })))
    expect(asking.stdout).toBe('web-1 answers on 10.0.0.50\n')
    const beside = await trial.run([IPV4, '--dhcp', '--ipv4-only'], lasting(10))
    expect(beside.result).toEqual(expect.arrayContaining(['10.0.0.2/24', expect.stringMatching(/^10\.0\.0\.5\d\/24$/)]))
    for (const words of [[IPV4], ['--no-dhcp']]) {
      const silent = await trial.run([...words, '--ipv4-only'], addressesOf)
      expect([silent.result, messages(silent)]).toEqual([['10.0.0.2/24'], []])
    }
  })

  test('--dhcp-lease-file: the next run asks for the same address at once', async () => {
    await server()
    trial.mac = MacAddress.parse('02:00:00:00:00:02')
    const words = ['--ipv4-only', `--dhcp-lease-file=${join(folder, 'lease')}`]
    const kinds = async () => messages(await trial.run(words)).map(({ kind }) => kind)
    expect(await kinds()).toEqual([DISCOVER, REQUEST])
    expect(await kinds()).toEqual([REQUEST])
    // Its folder goes while it runs.
    const going = mkdtempSync(join(folder, 'going-'))
    const lease = join(going, 'lease')
    const begun = trial.run(['--ipv4-only', `--dhcp-lease-file=${lease}`])
    rmSync(going, { recursive: true })
    const { code, stderr } = await begun
    expect(code).toBe(0)
    expect(stderr).toContain(`the lease file (--dhcp-lease-file) ${lease} cannot be written`)
  })

  test('--dhcp-link-local: an address of its own where no server answers', async () => {
    expect((await trial.run(['--ipv4-only'], lasting(60))).result).toEqual([])
    const own = await trial.run(['--ipv4-only', '--dhcp-link-local'], lasting(60))
    expect(own.result).toEqual([expect.stringMatching(/^169\.254\.\d+\.\d+\/16$/)])
  })

  test('--dhcp-release: the server gets the address back', async () => {
    const { counters } = await server()
    const released = async (...words: string[]) => {
      const outcome = await trial.run(['--ipv4-only', ...words])
      return messages(outcome).some(({ kind }) => kind === RELEASE)
    }
    expect(await released('--grace=100ms')).toBe(false)
    expect(await released('--grace=100ms', '--dhcp-release')).toBe(true)
    expect(counters.releases).toBe(1)
    expect(await released('--dhcp-release')).toBe(false)
  })
})

describe('IPv6', () => {
  const asksForRouters = ({ sent }: Outcome) => sent.some(({ icmp }) => icmp?.family === 6 && icmp.icmpType === 133)

  /** fd00:9::/64 from a router at fd00:9::1. */
  async function router(settings: { managed?: boolean; otherConfiguration?: boolean } = {}) {
    const host = await trial.host({ ipv6: 'fd00:9::1/64', ipv6Only: true, acceptRouterAdvertisements: false })
    new RouterAdvertiser(host.ipv6!, { prefixes: [{ prefix: 'fd00:9::/64' }], interval: 10, ...settings }).start()
    return host
  }

  test('--ipv6: it answers there', async () => {
    const other = await trial.host({ ipv6: 'fd00::1/64', ipv6Only: true })
    const { result, stdout } = await trial.run(['--ipv6=fd00::2/64', '--ipv6-only'], () => other.ping('fd00::2'))
    expect(result).toMatchObject({ address: 'fd00::2' })
    expect(stdout).toContain('trial answers on fd00::2\n')
  })

  test('--ipv6-gateway: what is elsewhere goes there', async () => {
    const far = ({ stack }: { stack: Stack }) =>
      stack.connect({ address: '2001:db8::1', port: 80, timeout: 500 }).catch(({ code }) => code)
    const words = ['--ipv6=fd00::2/64', '--ipv6-only']
    expect((await trial.run(words, far)).result).toBe('ENETUNREACH')
    const { result, sent } = await trial.run([...words, '--ipv6-gateway=fd00::1'], far)
    expect(result).toBe('ETIMEDOUT')
    const target = ip('fd00::1')
    const solicits = ({ icmp }: Dissection) =>
      icmp?.icmpType === 135 && `${IpAddress.parse(textOf(icmp.payload))}` === `${target}`
    expect(sent.some(solicits)).toBe(true)
  })

  test('--ipv4-only and --ipv6-only: nothing of the other family is sent', async () => {
    const both = await trial.run([IPV4], lasting(3))
    expect(families(both)).toEqual(new Set([4, 6]))
    expect(families(await trial.run([IPV4, '--ipv4-only'], lasting(3)))).toEqual(new Set([4]))
    expect(families(await trial.run(['--ipv6-only'], lasting(3)))).toEqual(new Set([6]))
  })

  test('--accept-router-advertisements: routers are asked for, and addresses made from what they say', async () => {
    const no = '--accept-router-advertisements=false'
    const asking = async (...words: string[]) => asksForRouters(await trial.run(['--ipv6-only', ...words], lasting(8)))
    expect([await asking(), await asking(no)]).toEqual([true, false])
    await router()
    const made = async (...words: string[]) => {
      const { result } = await trial.run(['--ipv6-only', ...words], lasting(8))
      return (result as string[]).some((text) => text.startsWith('fd00:9:'))
    }
    expect([await made(), await made(no)]).toEqual([true, false])
  })

  test('--ipv6-stable-secret-file: the addresses are the same in the next run', async () => {
    await router()
    const found = async (...words: string[]) => {
      const { result } = await trial.run(['--ipv6-only', ...words], lasting(8))
      return (result as string[]).sort()
    }
    expect(await found()).not.toEqual(await found())
    const file = join(folder, 'secret')
    const first = await found(`--ipv6-stable-secret-file=${file}`)
    expect(first).toHaveLength(2)
    expect(await found(`--ipv6-stable-secret-file=${file}`)).toEqual(first)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  describe('DHCPv6', () => {
    const heard = ({ sent }: Outcome) =>
      sent.filter(({ udp }) => udp?.destinationPort === 547).map(({ udp }) => parseMessage(udp!.payload)!)
    /** RFC 8415, section 7.3. */
    const [SOLICIT, INFORMATION_REQUEST] = [1, 11]

    test('--dhcpv6: as routers say, or for what is said here', async () => {
      const kinds = async (...words: string[]) => {
        const outcome = await trial.run(['--ipv6-only', ...words], lasting(8))
        return [...new Set(heard(outcome).map(({ type }) => type))]
      }
      expect(await kinds()).toEqual([])
      expect(await kinds('--dhcpv6=stateful')).toEqual([SOLICIT])
      expect(await kinds('--dhcpv6=stateless')).toEqual([INFORMATION_REQUEST])
      await router({ managed: true })
      expect(await kinds()).toEqual([SOLICIT])
      expect(await kinds('--dhcpv6=off')).toEqual([])
    })

    test('--dhcpv6-duid-file: servers know it from run to run', async () => {
      const file = join(folder, 'duid')
      const identity = async (...words: string[]) => {
        const outcome = await trial.run(['--ipv6-only', '--dhcpv6=stateful', ...words], lasting(4))
        return Buffer.from(heard(outcome)[0].options.clientId!).toString('hex')
      }
      expect(await identity()).not.toBe(await identity())
      const first = await identity(`--dhcpv6-duid-file=${file}`)
      expect(readFileSync(file, 'utf8').replaceAll(':', '').trim()).toBe(first)
      expect(await identity(`--dhcpv6-duid-file=${file}`)).toBe(first)
    })
  })
})

test('--capture: every frame, both ways, is in the file', async () => {
  const other = await trial.host({ ipv4: '10.0.0.1/24', ipv4Only: true })
  const file = join(folder, 'frames.pcapng')
  const { sent } = await trial.run([IPV4, '--ipv4-only', `--capture=${file}`], async ({ stack }) => {
    await other.ping('10.0.0.2')
    expect(stack).not.toBeInstanceOf(DirectStack)
  })
  const captured = [...readCapture(file)]
  expect(captured.filter(({ direction }) => direction === 'outbound')).toHaveLength(sent.length)
  expect(captured.some(({ direction }) => direction === 'inbound')).toBe(true)
})

/** 16 bytes as the text of an IPv6 address. */
function textOf(payload: Uint8Array): string {
  return Array.from({ length: 8 }, (_, i) => ((payload[2 * i] << 8) | payload[2 * i + 1]).toString(16)).join(':')
}
