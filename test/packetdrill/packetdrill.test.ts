import { describe, expect, test } from 'vitest'
import { crossValidated, deviations, isPresent, NOTICE, RUNS, runScripts, surprises } from './judge.ts'
import { sockstat } from './sockstat.ts'
import { sysctl } from './sysctl.ts'

/** Of those that hold on Linux, too. */
const MOST_DEVIATIONS = 0.03

const sections = deviations()
const expected = sections.flatMap((section) => section.deviations)

describe('deviations.md', () => {
  test.each(sections.map((section) => [section.title, section] as const))('gives a reason: %s', (_title, section) => {
    expect(section.reason).toMatch(/RFC\s+\d+,\s+\d/)
    expect(section.reason.length).toBeGreaterThan(100)
    expect(section.deviations.length).toBeGreaterThan(0)
  })

  test('names each script once', () => {
    const names = expected.map(({ script }) => script)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })
})

describe('what scripts ask of the system', () => {
  test('sockstat counts sockets as the shell pipeline does', () => {
    const sockets = [
      { localPort: 8080, remotePort: 0, state: 'LISTEN' },
      { localPort: 8080, remotePort: 40_000, state: 'TIME_WAIT' },
    ]
    const status = (rest: string) => sockstat(`sockstat -4 -P tcp -s ${rest}`, 'v4', sockets)
    expect(status('| grep packetdril | grep -c TIME_WAIT | grep 1')).toBe(0)
    expect(status('| grep -c SYN_RCVD | grep 0')).toBe(0)
    expect(status('| grep -c SYN_RCVD | grep 1')).toBe(1)
    expect(status('-p 9 | grep TIME_WAIT')).toBe(1)
    expect(status('| grep -v LISTEN | grep -c tcp4 | grep 1')).toBe(0)
    expect(sockstat('sockstat -6 -P tcp | grep -c LISTEN | grep 1', 'v4', sockets)).toBe(1)
    expect(sockstat('sockstat -6 -P tcp | grep -c tcp6 | grep 2', 'v6', sockets)).toBe(0)
    expect(sockstat('sockstat -4 -6 -P tcp | grep -c tcp4 | grep 2', 'v4', sockets)).toBe(0)
    expect(sockstat('true', 'v4', sockets)).toBe(0)
  })

  test('sysctl sets what the stack has a setting for', () => {
    const settings = {}
    sysctl('sysctl -w net.inet.tcp.keepidle=15000 net.inet.tcp.nonsense=3 net.inet.tcp.keepcnt=1000', settings, false)
    sysctl('sysctl -q net.ipv4.tcp_rmem="4096 131072 6291456" > /dev/null', settings, true)
    expect(settings).toEqual({ keepAliveIdle: 15_000_000, receiveBuffer: 131_072, maximumReceiveBuffer: 6_291_456 })
  })

  test("a sysctl of FreeBSD's brings its defaults, but for what is set", () => {
    const settings = { sendBuffer: 5000 }
    sysctl('sysctl -w net.inet.tcp.sack.enable=0', settings, true)
    expect(settings).toMatchObject({ sendBuffer: 5000, receiveBuffer: 65_536, selectiveAcknowledgments: false })
  })
})

if (!isPresent) console.log(NOTICE)
else {
  test.each(RUNS.map((run) => [run.name, run] as const))(
    'all scripts, %s',
    async (_name, run) => {
      const outcome = await runScripts(run)
      expect(outcome.passed).toBeGreaterThan(0)
      expect(surprises(run, outcome, expected)).toEqual([])
    },
    120_000,
  )

  test('few that hold on Linux, too, are among the deviations', () => {
    const both = new Set(crossValidated())
    expect(both.size).toBeGreaterThan(200)
    const deviating = expected.filter(({ script, onlyStrict }) => !onlyStrict && both.has(script))
    expect(deviating.length / both.size).toBeLessThanOrEqual(MOST_DEVIATIONS)
  })
}
