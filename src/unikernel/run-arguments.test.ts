import { EventEmitter } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Trial } from '../../test/support/trial.ts'
import { until } from '../../test/support/wires.ts'
import type { ApplicationLog } from '../log/index.ts'
import type { LogControl } from './log-control.ts'
import { run } from './run.ts'
import { unikernel } from './unikernel.ts'

/** Whoever could make it does not. */
const CAPTURE = join(tmpdir(), 'b.pcapng')
describe('boot arguments', () => {
  test('defaults', async () => {
    const trial = new Trial()
    expect(await trial.start({})).toBe(0)
    expect(trial.created).toEqual([
      { net: 'direct', interface: 'tap0', ipv4: '10.0.0.2/24', logs: expect.any(Function) },
    ])
  })

  test('all of them', async () => {
    const trial = new Trial()
    const argv = ['--interface=tap7', '--ipv4', '10.1.0.5/16', '--ipv4-gateway=10.1.0.1', '--capture', CAPTURE]
    let name = ''
    const start = (context: { name: string }) => {
      name = context.name
    }
    expect(await trial.start({ start }, ...argv, '--name=web-1', '-l', 'trial:debug', '--net', 'direct')).toBe(0)
    expect(trial.created).toEqual([
      {
        net: 'direct',
        interface: 'tap7',
        ipv4: '10.1.0.5/16',
        ipv4Gateway: '10.1.0.1',
        capture: CAPTURE,
        logs: expect.any(Function),
      },
    ])
    expect(name).toBe('web-1')
    expect(trial.stdout).toBe('web-1 answers on 10.0.0.2\n')
  })

  test.each([
    ['--ipv4', '10.0.0.0/24'],
    ['--ipv4', '10.0.0.255/24'],
    ['--ipv4', '10.0.0.2'],
    ['--ipv4', '224.0.0.1/24'],
    ['--ipv4', 'fd00::2/64'],
    ['--ipv4', '0.0.0.0/0'],
    ['--ipv4-gateway', '10.0.1.1'],
    ['--ipv4-gateway', '10.0.0.2'],
    ['--ipv6', 'fd00::/64'],
    ['--ipv6', 'fd00::2'],
    ['--ipv6', 'ff02::1/64'],
    ['--ipv6', '::1/128'],
    ['--ipv6', '10.0.0.2/24'],
    ['--ipv6-gateway', 'fd00::1'],
    ['--ipv6-gateway', '10.0.0.1'],
    ['--accept-router-advertisement=perhaps', 'perhaps'],
    ['--dhcpv6', 'always'],
    ['--interface', 'a-name-that-is-too-long'],
    ['--interface', '..'],
    ['--net', 'both'],
    ['--logs', 'tcp'],
    ['--logs', 'tcp:loud'],
    ['--logs', 'nobody:debug'],
    ['--logs', 'tcp:debug:info'],
    ['--capture', 'frames.txt'],
    ['--name', 'no_underscores'],
    ['--grace', '1x'],
    ['--grace', '2h'],
    ['--delay', 'soon'],
    ['--ipv4', '127.0.0.1/8'],
  ])('%s %s: one line that names it, exit code 64, and no stack', async (option, value) => {
    const trial = new Trial()
    const argv = option.includes('=') ? [option] : [option, value]
    expect(await trial.start({}, ...argv)).toBe(64)
    const name = option.replace(/=.*/, 's?')
    expect(trial.stderr).toMatch(new RegExp(`^trial: ${name}: expected .*, not "${value.replace(/[.]/g, '\\.')}"\n$`))
    expect(trial.stdout).toBe('')
    expect(trial.created).toEqual([])
  })

  test.each(['10.0.0.2/31', '10.0.0.3/31', '10.0.0.2/32', '172.16.0.1/12'])('--ipv4 %s is fine', async (ipv4) => {
    const trial = new Trial()
    expect(await trial.start({}, '--ipv4', ipv4)).toBe(0)
  })

  test.each<[string[], object]>([
    [['--ipv6=fd00::2/64', '--ipv6-gateway=fd00::1'], { ipv6: 'fd00::2/64', ipv6Gateway: 'fd00::1' }],
    [['--ipv6', 'FD00::2/127', '--ipv6-gateway', 'fd00::3'], { ipv6: 'fd00::2/127', ipv6Gateway: 'fd00::3' }],
    [['--ipv6-gateway=fe80::1'], { ipv6Gateway: 'fe80::1' }],
    [['--ipv6-gateway=fe80::1%tap0'], { ipv6Gateway: 'fe80::1' }],
    [['--ipv4-only'], { ipv4Only: true }],
    [['--ipv6-only=true'], { ipv6Only: true }],
    [['--ipv6-only', '--no-ipv6-only'], {}],
    [['--accept-router-advertisements'], {}],
    [['--accept-router-advertisements=false'], { acceptRouterAdvertisements: false }],
    [['--no-accept-router-advertisements'], { acceptRouterAdvertisements: false }],
    [['--accept-router-advertisement', 'false'], { acceptRouterAdvertisements: false }],
    [['--dhcpv6', 'flags'], {}],
    [['--dhcpv6', 'off', '--dhcpv6-duid-file', 'duid'], { dhcpv6: false }],
    [['--dhcpv6', 'stateful'], { dhcpv6: { mode: 'stateful' } }],
    [['--dhcpv6-duid-file', 'duid'], { dhcpv6: { mode: 'flags', duidFile: 'duid' } }],
  ])('%j', async (argv, options) => {
    const trial = new Trial()
    expect(await trial.start({}, ...argv)).toBe(0)
    const usual = { net: 'direct', interface: 'tap0', ipv4: '10.0.0.2/24', logs: expect.any(Function) }
    expect(trial.created).toEqual([{ ...usual, ...options }])
  })

  describe('outside the sandbox', () => {
    const dhcp = { hostName: 'trial' }
    test.each<[string[], object]>([
      [[], { dhcp, signal: expect.any(AbortSignal) }],
      [['--dhcp'], { dhcp, signal: expect.any(AbortSignal) }],
      [['--name=web-1'], { dhcp: { hostName: 'web-1' }, signal: expect.any(AbortSignal) }],
      [
        ['--dhcp-lease-file=lease', '--dhcp-link-local', '--dhcp-release'],
        { dhcp: { ...dhcp, leaseFile: 'lease', linkLocal: true, release: true }, signal: expect.any(AbortSignal) },
      ],
      [['--no-dhcp'], { ipv4: '10.0.0.2/24' }],
      [['--ipv4=10.0.0.7/24'], { ipv4: '10.0.0.7/24' }],
      [['--ipv4=10.0.0.7/24', '--dhcp'], { ipv4: '10.0.0.7/24', dhcp, signal: expect.any(AbortSignal) }],
      [['--ipv6-only'], { ipv4: '10.0.0.2/24', ipv6Only: true }],
    ])('%j', async (argv, options) => {
      const trial = new Trial()
      trial.sandboxInterface = null
      expect(await trial.start({}, ...argv)).toBe(0)
      expect(trial.created).toEqual([{ net: 'direct', interface: 'tap0', logs: expect.any(Function), ...options }])
    })

    test('inside, DHCP may be asked for outright, and is the default on another tap', async () => {
      const trial = new Trial()
      expect(await trial.start({}, '--dhcp')).toBe(0)
      expect(await trial.start({}, '--interface=tap7')).toBe(0)
      expect(trial.created.map((created) => created.dhcp)).toEqual([dhcp, dhcp])
    })

    test('with DHCP alone the server says who the router is', async () => {
      const trial = new Trial()
      trial.sandboxInterface = null
      expect(await trial.start({}, '--ipv4-gateway=10.0.0.1')).toBe(64)
      expect(trial.stderr).toMatch(/^trial: --ipv4-gateway: expected only with --ipv4/)
      expect(await trial.start({}, '--ipv4-gateway=10.0.0.1', '--no-dhcp')).toBe(0)
    })
  })

  test('families and their addresses have to fit together', async () => {
    const trial = new Trial()
    const refused = async (...argv: string[]) => {
      trial.stderr = ''
      expect(await trial.start({}, ...argv)).toBe(64)
      return trial.stderr
    }
    expect(await refused('--ipv4-only', '--ipv6-only')).toMatch(
      /^trial: --ipv6-only: expected only without --ipv4-only/,
    )
    expect(await refused('--ipv6=fd00::2/64', '--ipv6-gateway=fd00::2')).toMatch(
      /expected another address in fd00::\/64/,
    )
    expect(await refused('--ipv6=fd00::2/64', '--ipv6-gateway=fd01::1')).toMatch(
      /expected another address in fd00::\/64/,
    )
    expect(await refused('--ipv6-gateway=fe80::1%eth0')).toMatch(/expected a router on tap0, not "fe80::1%eth0"/)
    expect(trial.created).toEqual([])
    expect(await trial.start({}, '--ipv4-only', '--ipv6=fd00::2/64')).toBe(0)
    expect(trial.stderr).toMatch(/: --ipv6 has no effect with --ipv4-only\n/)
    expect(await trial.start({}, '--ipv6-only', '--ipv4=10.0.0.5/24', '--ipv4-gateway=10.9.0.1')).toBe(0)
    expect(trial.stderr).toMatch(/: --ipv4, --ipv4-gateway have no effect with --ipv6-only\n/)
  })

  test('the application can ask what is logged, and change it', async () => {
    const trial = new Trial()
    const start = ({ log, logs }: { log: ApplicationLog; logs: LogControl }) => {
      expect(logs.levels).toBe('*:warning,trial:error')
      log.warn('one')
      logs.set('trial:debug')
      log.debug('two')
      expect(logs.levels).toBe('*:warning,trial:debug')
      logs.set('info')
      trial.created[0].logs?.('tcp').info('three')
      trial.signals.emit('SIGUSR1')
      logs.set('tcp:quiet')
      trial.created[0].logs?.('tcp').debug('four')
      trial.signals.emit('SIGUSR1')
      trial.created[0].logs?.('tcp').error('five')
      logs.reset()
      trial.created[0].logs?.('tcp').error('six')
      log.warn('seven')
      expect(() => logs.set('nobody:debug')).toThrow(
        /^levels are a source of \*, trial, unikernel, .*, not "nobody:debug"$/,
      )
      expect(() => logs.set('pit:debug,tpc:debug')).toThrow(/a source of .*, not "pit:debug,tpc:debug"$/)
      expect(() => logs.set('tpc:debug')).toThrow(/a source of .*, not "tpc:debug"; did you mean tcp\?$/)
      expect(logs.levels).toBe('*:warning,trial:error')
    }
    expect(await trial.start({ start }, '--logs=*:warning,trial:error')).toBe(0)
    expect(trial.stderr.replace(/^\S+ /gm, '')).toBe(`debug trial: two
info  tcp: three
app   unikernel: everything is logged
debug tcp: four
app   unikernel: the levels are those that the application has set, again
error tcp: six
`)
  })

  test('with --net socket, --capture is refused and what has no effect is said', async () => {
    const refused = new Trial()
    expect(await refused.start({}, '--net', 'socket', '--capture', 'x.pcapng')).toBe(64)
    expect(refused.stderr).toMatch(/^trial: --capture: expected only with --net direct.*\n$/)
    const warned = new Trial()
    expect(await warned.start({}, '--net=socket', '--interface=tap9')).toBe(0)
    expect(warned.stderr).toMatch(/warn {2}unikernel: --interface has no effect with --net socket\n/)
  })

  test.each(['--help=1', '--help=true', '-h'])('%s shows the help, and starts nothing', async (help) => {
    const trial = new Trial()
    expect(await trial.start({}, help)).toBe(0)
    expect(trial.stdout).toContain('Usage: ')
    expect(trial.created).toEqual([])
  })

  test('--help=false starts the application; --help=perhaps is refused', async () => {
    const trial = new Trial()
    expect(await trial.start({}, '--help=false')).toBe(0)
    expect(trial.created).toHaveLength(1)
    expect(await trial.start({}, '--help=perhaps')).toBe(64)
  })

  test('--help shows the own arguments and those of every unikernel, also when one is missing', async () => {
    const trial = new Trial()
    const declared = { target: { type: 'address', required: true, doc: 'whom to ask' } } as never
    expect(await trial.start({ description: 'asks', arguments: declared }, '--help')).toBe(0)
    expect(trial.stdout).toContain('Usage: tapstack run trial.ts [arguments]\n\ntrial: asks\n')
    expect(trial.stdout).toMatch(/Arguments of trial:\n {2}--target ADDRESS +whom to ask \(required; an IP address/)
    for (const option of ['interface', 'ipv4', 'ipv4-gateway', 'net', 'logs', 'name', 'capture', 'grace', 'help']) {
      expect(trial.stdout).toContain(`--${option}`)
    }
    for (const line of trial.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(trial.stdout).not.toContain('\x1b')
    expect(trial.stdout.indexOf('Arguments of trial')).toBeLessThan(trial.stdout.indexOf('Boot arguments'))
    expect(trial.created).toEqual([])
    const missing = new Trial()
    expect(await missing.start({ arguments: declared })).toBe(64)
    expect(missing.stderr).toBe('trial: --target is missing: expected an IP address such as 10.0.0.1\n')
  })
})

describe('the arguments of the process', () => {
  test('--net host is the socket stack; its address and family are what is listened on', async () => {
    const created = async (...argv: string[]) => {
      const trial = new Trial()
      expect(await trial.start({}, ...argv)).toBe(0)
      return trial.created[0]
    }
    const logs = expect.any(Function)
    expect(await created('--net=host')).toEqual({ net: 'socket', logs, socket: {} })
    expect(await created('--net=socket', '--ipv4=127.0.0.1/24')).toEqual({
      net: 'socket',
      logs,
      socket: { address: ['127.0.0.1'] },
    })
    expect(await created('--net=socket', '--ipv6-only')).toEqual({ net: 'socket', logs, socket: { ipv6Only: true } })
    expect(await created('--net=socket', '--ipv4=127.0.0.1/24', '--ipv6=::1/128')).toEqual({
      net: 'socket',
      logs,
      socket: { address: ['127.0.0.1', '::1'] },
    })
    expect(await created('--net=socket', '--ipv4=127.0.0.1/24', '--ipv6=::1/128', '--ipv4-only')).toEqual({
      net: 'socket',
      logs,
      socket: { ipv4Only: true, address: ['127.0.0.1'] },
    })
  })

  test('--reports: a mistake in a program leaves one there on the socket stack, too; SIGUSR2 says that there are no frames', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-reports-'))
    const signals = new EventEmitter()
    let stderr = ''
    const start = () => {
      signals.emit('SIGUSR2')
      throw new TypeError('not a function')
    }
    const words = ['--net=socket', '--reports', folder, '--logs-format=text', '--name=web-1']
    const world = {
      stdout: { write: () => {} },
      stderr: { write: (text: string) => (stderr += text) },
      environment: {},
    }
    try {
      expect(await run(unikernel({ name: 'trial', start }), words, { ...world, signals })).toBe(1)
      const file = join(folder, `web-1-${process.pid}-crash.json`)
      expect(
        stderr.replace(/^\S+Z /gm, ''),
      ).toBe(`app   unikernel: there are no frames to save: those of sockets are the operating system's
web-1: failed: not a function
web-1: a report is in ${file}
`)
      expect(readdirSync(folder)).toEqual([`web-1-${process.pid}-crash.json`])
      const report = JSON.parse(readFileSync(file, 'utf8'))
      expect(report).toMatchObject({ name: 'web-1', error: { message: 'not a function' }, frames: [] })
      expect(report.stacks).toEqual([{ kind: 'socket', addresses: expect.arrayContaining(['127.0.0.1/8']) }])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('--delay: nothing starts before, and a signal ends the wait', async () => {
    const trial = new Trial()
    const started = performance.now()
    let at = 0
    const start = () => {
      at = performance.now()
    }
    expect(await trial.start({ start }, '--delay', '80ms')).toBe(0)
    expect(at - started).toBeGreaterThanOrEqual(79)
    const stopped = new Trial()
    const running = stopped.start({}, '--delay', '3600')
    await until(() => stopped.signals.listenerCount('SIGTERM') > 0, 'wait')
    stopped.signals.emit('SIGTERM')
    expect(await running).toBe(0)
    expect(stopped.created).toEqual([])
  })

  test('--logs several times add up; --logs-format: text on a terminal, JSON elsewhere', async () => {
    const start = ({ log }: { log: ApplicationLog }) => {
      log.debug('details')
      log.app('said')
    }
    const written = async (environment: Record<string, string>, terminal: boolean, ...argv: string[]) => {
      const trial = new Trial()
      trial.environment = environment
      trial.terminal = terminal
      await trial.start({ start }, ...argv)
      return trial.stderr
    }
    expect(JSON.parse(await written({}, false))).toMatchObject({ level: 'app', source: 'trial', msg: 'said' })
    expect(await written({}, true)).toMatch(/^[\d:.]{12} app {3}trial: said\n$/)
    expect(await written({}, true, '-l', 'trial:debug')).toContain('\x1b[')
    expect(await written({ NO_COLOR: '1' }, true, '-l', 'trial:debug')).toMatch(/^[\d:.]{12} debug trial: details\n/)
    expect(await written({}, true, '-l', '*:debug', '-l', 'trial:app')).toMatch(/^[^\n]*said\n$/)
    expect(await written({}, true, '-l', 'quiet')).toBe('')
  })
})
