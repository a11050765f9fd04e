/**
 * The tools of thc-ipv6 against one of our hosts, from another station of its link, while an honest neighbour uses it. Each
 * tool is bounded in time. `npm run test:attacks` (TAPSTACK_ATTACKS=all) takes longer, and more of them.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { describeWithNamespaces, type Namespace } from '../support/namespace.ts'
import { eventually, Ipv6TrialLink, needs, type TrialHost } from './link.ts'

const isLong = process.env.TAPSTACK_ATTACKS === 'all'
const MAC = '02:00:00:00:00:aa'
const TARGET = 'fd00::2'

/** Defaults of `NeighborDiscoveryOptions`, and of fragments for each source and in all. */
const NEIGHBORS = 512
const AUTOCONFIGURED_ADDRESSES = 16
const FRAGMENTS = 4_194_304
/** Slots of packet memory: all fragments, and what waits for strangers (a quarter of the neighbours). */
const PACKETS = FRAGMENTS / 2048 + 512
const HEAP = 96_000_000

/** Tools with their arguments, one after the other, and seconds for each in the short run. */
interface Attack {
  what: string
  commands: string[][]
  seconds: number
}

const fuzz = (...options: string[]) => ['atk6-fuzz_ip6', '-a', ...options, 'eth0', TARGET]

const ATTACKS: Attack[] = [
  {
    what: 'mutated messages of neighbour discovery',
    commands: [fuzz('-2'), fuzz('-3'), fuzz('-4')],
    seconds: 0.4,
  },
  {
    what: 'mutated messages about groups, node queries, SYNs and echo requests, with extension headers',
    commands: [
      ...['-5', '-6', '-7', '-8', '-9'].map((kind) => fuzz(kind, '-H', '-R')),
      ...[fuzz('-0'), fuzz('-s', '7'), fuzz('-1', '-F', '-S', '-D', '-H'), fuzz('-1', '-J'), fuzz('-I', '-X')],
    ],
    seconds: 0.25,
  },
  { what: 'a flood of router advertisements', commands: [['atk6-flood_router26', 'eth0']], seconds: 1 },
  { what: 'a flood of neighbour advertisements', commands: [['atk6-flood_advertise6', 'eth0', TARGET]], seconds: 1 },
  {
    what: 'a flood of neighbour solicitations',
    commands: [['atk6-flood_solicitate6', 'eth0', TARGET, TARGET]],
    seconds: 1,
  },
  {
    what: 'headers that are a lot of work',
    commands: ['1', '2', '3', '4', '5', '6', '7'].map((test) => ['atk6-denial6', 'eth0', TARGET, test]),
    seconds: 0.25,
  },
  { what: 'fragments of all kinds', commands: [['atk6-fragmentation6', '-fp', 'eth0', TARGET]], seconds: 1.2 },
  { what: 'what has brought down others', commands: [['atk6-exploit6', 'eth0', TARGET]], seconds: 1.2 },
]

const LONG_ATTACKS: Attack[] = [
  {
    what: 'router advertisements that evade guards, with small lifetimes, and of 64 KiB',
    commands: [['-F'], ['-s'], ['-s', '-H'], ['-G'], ['-R'], ['-P'], ['-m', '-a']].map((options) => [
      ...['atk6-flood_router26', ...options, 'eth0'],
    ]),
    seconds: 0.5,
  },
  {
    what: 'neighbour messages to all nodes, from one and from many stations',
    commands: [
      ['atk6-flood_advertise6', '-k', 'eth0'],
      ['atk6-flood_solicitate6', 'eth0'],
      ['atk6-flood_solicitate6', '-k', '-a', 'eth0', TARGET, TARGET],
      ['atk6-flood_mld6', 'eth0'],
      ['atk6-flood_mld26', 'eth0'],
      ['atk6-flood_mldrouter6', 'eth0'],
      ['atk6-flood_redir6', 'eth0', TARGET],
      ['atk6-flood_unreach6', 'eth0', TARGET],
      ['atk6-ndpexhaust26', '-c', 'eth0', 'fd00::/64'],
    ],
    seconds: 0.5,
  },
  {
    what: 'redirects and errors of all kinds',
    commands: [fuzz('-x', '-1'), fuzz('-x', '-4'), fuzz('-x', '-3')],
    seconds: 1,
  },
]

const NEEDS = needs('atk6-fuzz_ip6', 'ping')

describeWithNamespaces('an IPv6 host under attack', () => {
  let link: Ipv6TrialLink
  let host: TrialHost
  let attacker: Namespace

  beforeEach((context) => requires(context, ...NEEDS))

  beforeAll(async () => {
    if (missing(...NEEDS) !== null) return
    link = await Ipv6TrialLink.create({ bridge: true })
    // The honest neighbour is no victim.
    await link.run('sh', ['-c', 'echo 0 > /proc/sys/net/ipv6/conf/br0/accept_ra'])
    attacker = (await link.join('attacker', '02:00:00:00:06:66')).namespace
    await attacker.run('ip', ['address', 'add', 'fd00::666/64', 'dev', 'eth0', 'nodad'])
    host = await link.host({ mac: MAC, ipv6: `${TARGET}/64` })
    await host.waitForAddress('added', TARGET)
    await link.ping(TARGET, '-c', '1')
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await link?.[Symbol.asyncDispose]()
  })

  /** Runs a tool for so long at most. */
  async function attack(command: string[], seconds: number): Promise<void> {
    const { stderr } = await attacker.run('timeout', ['-s', 'KILL', String(seconds), ...command], {
      allowFailure: true,
      timeout: (seconds + 10) * 1000,
    })
    expect(stderr).not.toMatch(/Syntax|not found|ERROR: not enough/)
  }

  test.each(isLong ? [...ATTACKS, ...LONG_ATTACKS] : ATTACKS)(
    'bears $what',
    {
      timeout: 600_000,
    },
    async ({ commands, seconds }) => {
      const each = isLong ? seconds * 10 : seconds
      const milliseconds = Math.round((commands.length * each + 0.7) * 1000)
      const bystander = link.namespace.spawnNode('test/service/programs/bystander.ts', [String(milliseconds), '0'], {
        environment: { SERVICE_ADDRESS: TARGET },
      })
      await bystander.waitFor('open')
      for (const command of commands) await attack(command, each)
      const { stdout } = await bystander.finish(milliseconds + 20_000)
      const result = JSON.parse(stdout.trim().split('\n').at(-1)!)
      expect(result).toMatchObject({ changed: 0, failures: [] })
      expect(result.blocks).toBeGreaterThan(5)
      expect(result.connections).toBeGreaterThan(2)

      expect(await link.ping(TARGET, '-c', '3', '-i', '0.1', '-W', '5')).toContain(' 0% packet loss')
      expect(await link.neighbourEntry(TARGET)).toMatch(new RegExp(`lladdr ${MAC} (REACHABLE|DELAY|PROBE|STALE)`))
      const report = await host.report()
      expect(report.problems).toEqual([])
      expect(host.complaints).toBe('')
      expect(report.neighbors.find(({ address }) => address === 'fd00::1')?.state).toMatch(
        /Reachable|Delay|Probe|Stale/,
      )
      expect(report.neighbors.length).toBeLessThanOrEqual(NEIGHBORS)
      const made = report.addresses.filter(({ origin }) => origin === 'autoconfigured')
      expect(made.length).toBeLessThanOrEqual(AUTOCONFIGURED_ADDRESSES)
      expect(report.fragments.kept).toBeLessThanOrEqual(FRAGMENTS)
      expect(report.packets).toBeLessThanOrEqual(PACKETS)
      expect(report.heap).toBeLessThan(HEAP)
      expect(report.paths).toBeLessThanOrEqual(4096)
    },
  )

  test('has given everything back but what strangers may still complete', async () => {
    await eventually(async () => {
      const { packets, fragments, connections } = await host.report()
      expect(packets).toBeLessThanOrEqual(fragments.packets * 64)
      expect(packets * 2048).toBeLessThanOrEqual(fragments.kept + 65_536)
      expect(connections).toBeLessThan(5000)
    }, 10_000)
  })
})
