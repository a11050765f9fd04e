import { EventEmitter } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { IpPrefix } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import type { ApplicationLog } from '../log/index.ts'
import { type CreateStackOptions, SocketStack, type Stack, type StackEvents } from '../stack/index.ts'
import type { LogControl } from './log-control.ts'
import { run } from './run.ts'
import { type UnikernelOptions, unikernel } from './unikernel.ts'

/** A run with all that it touches in the hands of the test; its stack is on loopback. */
class Trial {
  readonly signals = new EventEmitter()
  readonly uncaught = new EventEmitter()
  stdout = ''
  stderr = ''
  readonly created: CreateStackOptions[] = []
  stack: ShownStack | null = null
  failure: Error | null = null
  sandboxInterface: string | null = 'tap0'
  terminal = false
  environment: Record<string, string> = { TAPSTACK_LOGS_FORMAT: 'text' }

  start(options: Partial<UnikernelOptions<Record<never, never>>>, ...argv: string[]): Promise<number> {
    const application = unikernel({ name: 'trial', start: () => {}, ...options })
    return run(application, argv, {
      command: 'tapstack run trial.ts',
      stdout: { write: (text) => (this.stdout += text) },
      stderr: { write: (text) => (this.stderr += text), isTTY: this.terminal },
      signals: this.signals,
      uncaught: this.uncaught,
      sandboxInterface: this.sandboxInterface,
      environment: this.environment,
      createStack: async (created) => {
        this.created.push(created)
        if (this.failure !== null) throw this.failure
        this.stack = new ShownStack()
        return this.stack
      },
    })
  }
}

/** Shows one address of its own, and more when the test says so. */
class ShownStack extends SocketStack {
  tell: Parameters<StackEvents['onAddress']>[0] = () => {}

  override get addresses() {
    return [IpPrefix.parse('10.0.0.2/24')]
  }

  override onAddress(handler: Parameters<StackEvents['onAddress']>[0]): void {
    this.tell = handler
  }
}

/** Whoever could make it does not. */
const CAPTURE = join(tmpdir(), 'b.pcapng')

/** Until a signal comes. */
const untilStopped = async ({ signal }: { signal: AbortSignal }) => {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

const pause = (milliseconds = 10) => new Promise((resolve) => setTimeout(resolve, milliseconds))

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

describe('where arguments stand', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapstack-config-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  const declared = {
    helloWorld: { type: 'string', default: 'none', doc: '' },
    upstream: { type: 'endpoint', repeated: true, doc: '' },
    publicIpv4: { type: 'prefix', doc: '' },
    idle: { type: 'duration', doc: '' },
  } as const

  async function valuesFrom(environment: Record<string, string>, ...argv: string[]) {
    const trial = new Trial()
    trial.environment = environment
    let seen: Record<string, unknown> = {}
    const start = ({ arguments: own, name }: { arguments: object; name: string }) => {
      seen = { ...own, name }
    }
    const code = await trial.start({ arguments: declared as never, start }, ...argv)
    return { code, stderr: trial.stderr, seen, created: trial.created[0] }
  }

  test('the command line counts before the file, the file before the environment, that before the default', async () => {
    const file = write('order.toml', 'hello-world = "file"\nname = "of-file"\ninterface = "tap3"\n')
    const environment = { TAPSTACK_HELLO_WORLD: 'variable', TAPSTACK_NAME: 'of-variable', TAPSTACK_IDLE: '7s' }
    expect(await valuesFrom(environment)).toMatchObject({ seen: { helloWorld: 'variable', name: 'of-variable' } })
    const { seen, created, stderr } = await valuesFrom(environment, '--config', file, '--name', 'of-line')
    expect(stderr).toBe('')
    expect(seen).toMatchObject({ helloWorld: 'file', name: 'of-line', idle: 7_000 })
    expect(created).toMatchObject({ interface: 'tap3', dhcp: { hostName: 'of-line' } })
  })

  test('TOML and JSON say the same: tables are groups, names in any spelling, lists for what is repeated', async () => {
    const toml = `idle = 2_500_000_000
upstream = ["10.0.0.1:80", "[fd00::1]:81"]
logs = "debug"
ipv6_only = true
[public]
ipv4 = "10.0.0.9/24"
`
    const json = JSON.stringify({
      idle: 2_500_000_000,
      upstream: ['10.0.0.1:80', '[fd00::1]:81'],
      logs: ['debug'],
      ipv6Only: true,
      public: { ipv4: '10.0.0.9/24' },
    })
    for (const file of [write('same.toml', toml), write('same.json', json)]) {
      const { seen, created } = await valuesFrom({}, `--config=${file}`)
      expect(seen).toMatchObject({ idle: 2_500, upstream: [{ port: 80 }, { address: 'fd00::1', port: 81 }] })
      expect(String(seen.publicIpv4)).toBe('10.0.0.9/24')
      expect(created).toMatchObject({ ipv6Only: true })
    }
  })

  test('numbers are for numbers, true and false for switches, texts for anything', async () => {
    const json = '{"idle": 3000000000, "delay": 0, "dnsCacheSize": 5, "ipv4Only": true, "dnsTimeout": "2s"}'
    expect(await valuesFrom({}, '--config', write('numbers.json', json))).toMatchObject({
      seen: { idle: 3_000 },
      created: { ipv4Only: true, dns: { cacheSize: 5, timeout: 2_000 } },
    })
    expect((await valuesFrom({}, '--config', write('mark.json', `\uFEFF${json}`))).seen.idle).toBe(3_000)
    const texts = '{"idle": "3000000000", "delay": "0", "dnsCacheSize": "5", "ipv4Only": "true"}'
    expect(await valuesFrom({}, '--config', write('texts.json', texts))).toMatchObject({
      seen: { idle: 3_000 },
      created: { ipv4Only: true, dns: { cacheSize: 5 } },
    })
  })

  test('start gets the arguments of the application, and no others', async () => {
    const { seen } = await valuesFrom({}, '--grace=5s', '--idle=1s')
    expect(seen).toEqual({ helloWorld: 'none', upstream: [], publicIpv4: undefined, idle: 1_000, name: 'trial' })
  })

  test('the environment: lists by commas, an empty variable is none, and it may name the file', async () => {
    const file = write('named.toml', 'idle = "250ms"')
    const environment = { TAPSTACK_UPSTREAM: '10.0.0.1:80, 10.0.0.2:80', TAPSTACK_IPV4: '', TAPSTACK_CONFIG: file }
    const { seen, created } = await valuesFrom({ ...environment, TAPSTACK_IPV6_ONLY: 'true', TAPSTACK_OTHER: 'x' })
    expect(seen).toMatchObject({ upstream: [{ port: 80 }, { address: '10.0.0.2' }], idle: 250 })
    expect(created).toMatchObject({ ipv4: '10.0.0.2/24', ipv6Only: true })
  })

  test.each([
    [
      'a.toml',
      'ipv4 = "10.0.0.0/24"',
      /^trial: .*a\.toml: ipv4: expected a host's IPv4 address .*, not "10\.0\.0\.0\/24"\n$/,
    ],
    ['b.toml', 'ipv5 = "10.0.0.2/24"', /^trial: .*b\.toml: ipv5: unknown argument: did you mean ipv4\? /],
    ['c.toml', 'name = ["a", "b"]', /^trial: .*c\.toml: name: expected a host name such as web-1, not a list\n$/],
    ['d.toml', 'ipv4 = \n', /^trial: --config: .*d\.toml, line 1: .+\n$/],
    ['e.json', '{ "name": ', /^trial: --config: .*e\.json: .+\n$/],
    ['i.toml', 'name = 42', /^trial: .*i\.toml: name: expected a host name .*, in quotes, not the number 42\n$/],
    ['j.json', '{"helloWorld": true}', /^trial: .*j\.json: helloWorld: expected a text, in quotes, not true\n$/],
    ['k.json', '{"net": 4}', /^trial: .*k\.json: net: expected one of direct, .*, in quotes, not the number 4\n$/],
    ['l.toml', 'ipv6-only = 1', /^trial: .*l\.toml: ipv6-only: expected true or false, not the number 1\n$/],
    ['m.toml', 'idle = true', /^trial: .*m\.toml: idle: expected a duration [^,]*, .*, not true\n$/],
    [
      'n.toml',
      'ipv4-gateway = "10.0.0.1"\nipv4Gateway = "10.0.0.3"',
      /^trial: .*n\.toml: ipv4-gateway and ipv4Gateway: expected one of them, both are --ipv4-gateway\n$/,
    ],
    [
      'o.toml',
      'public-ipv4 = "10.0.0.2/24"\n[public]\nipv4 = "10.0.0.3/24"',
      /^trial: .*o\.toml: public-ipv4 and public\.ipv4: expected one of them, both are --public-ipv4\n$/,
    ],
    [
      'p.json',
      '{"acceptRouterAdvertisement": true, "accept_router_advertisements": true}',
      /^trial: .*p\.json: acceptRouterAdvertisement and accept_router_advertisements: expected one of them, both are --acc/,
    ],
    ['q.json', '{"public": {"ipv5": "x"}}', /^trial: .*q\.json: public\.ipv5: unknown .*: did you mean public-ipv4\? /],
    ['s.toml', 'config = "x"', /^trial: .*s\.toml: config: expected on the command line only\n$/],
    ['t.json', '{"help": true}', /^trial: .*t\.json: help: expected on the command line only\n$/],
    ['u.json', '{"": 1}', /^trial: .*u\.json: : unknown argument: --help lists them all\n$/],
    ['r.json', '{"helloWolrd": "x"}', /^trial: .*r\.json: helloWolrd: unknown .*: did you mean hello-world\? /],
    ['f.json', '[]', /^trial: --config: .*f\.json: expected names and values, .+\n$/],
    ['g.json', '{ "name": null }', /^trial: .*g\.json: name: expected a text, a number, .+\n$/],
    ['h.toml', 'date = 2020-01-01', /^trial: .*h\.toml: date: expected a text, a number, .+\n$/],
  ])('a file with something wrong, %s: one line that names it, exit code 64', async (name, text, message) => {
    const { code, stderr, created } = await valuesFrom({}, '--config', write(name, text))
    expect(stderr).toMatch(message)
    expect(code).toBe(64)
    expect(created).toBeUndefined()
  })

  test('a file that is not there, and a variable that does not fit', async () => {
    expect(await valuesFrom({}, '--config=nowhere.toml')).toMatchObject({
      code: 64,
      stderr: 'trial: --config: expected a file that is there, not "nowhere.toml"\n',
    })
    expect(await valuesFrom({ TAPSTACK_CONFIG: 'nowhere.toml' })).toMatchObject({
      code: 64,
      stderr: 'trial: TAPSTACK_CONFIG: expected a file that is there, not "nowhere.toml"\n',
    })
    expect(await valuesFrom({ TAPSTACK_CONFIG: write('named.json', '{') })).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^trial: TAPSTACK_CONFIG: .*named\.json: /),
    })
    expect(await valuesFrom({ TAPSTACK_GRACE: 'long' })).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^trial: TAPSTACK_GRACE: expected a duration .*, not "long"\n$/),
    })
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
    await pause()
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

describe('addresses', () => {
  test('one line each, also for those that come and go later', async () => {
    const trial = new Trial()
    const running = trial.start({ start: untilStopped })
    await pause()
    expect(trial.stdout).toBe('trial answers on 10.0.0.2\n')
    const prefix = IpPrefix.parse('fd00::2/64')
    trial.stack?.tell({ type: 'added', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'added', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'deprecated', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'removed', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'dadFailed', prefix, interface: 'tap0' })
    trial.stack?.tell({ type: 'added', prefix: IpPrefix.parse('fe80::2/64'), interface: 'tap0' })
    expect(trial.stdout.split('\n')).toEqual([
      'trial answers on 10.0.0.2',
      'trial answers on fd00::2',
      'trial no longer answers on fd00::2',
      'trial answers on fe80::2%tap0',
      '',
    ])
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
  })
})

describe('life and end', () => {
  test('it ends when start has returned and nothing is open', async () => {
    const trial = new Trial()
    expect(await trial.start({})).toBe(0)
    expect(trial.signals.listenerCount('SIGINT')).toBe(0)
    await expect(trial.stack?.udp()).rejects.toMatchObject({ code: 'ENETDOWN' })
  })

  test.each<[string, (stack: Stack) => Promise<() => PromiseLike<void>>]>([
    [
      'a listener',
      async (stack) => {
        const listener = await stack.listen({ port: 0 }, () => {})
        return () => listener.close()
      },
    ],
    [
      'a UDP socket',
      async (stack) => {
        const socket = await stack.udp()
        return () => socket[Symbol.asyncDispose]()
      },
    ],
    [
      'an accepted flow',
      async (stack) => {
        const other = new SocketStack()
        const listener = await stack.listen({ port: 0 }, (flow) => flow.shutdown('read'))
        const flow = await other.connect({ address: '127.0.0.1', port: listener.local.port })
        await pause()
        await listener.close()
        return async () => {
          flow.abort()
          await other.close(0)
        }
      },
    ],
    [
      'a flow that it has opened',
      async (stack) => {
        const other = new SocketStack()
        const listener = await other.listen({ port: 0 }, () => {})
        const flow = await stack.connect({ address: '127.0.0.1', port: listener.local.port })
        return async () => {
          flow.abort()
          await other.close(0)
        }
      },
    ],
  ])('it goes on while %s is open', async (_what, open) => {
    const trial = new Trial()
    let ended = false
    let running = Promise.resolve(-1)
    const close = await new Promise<() => PromiseLike<void>>((opened) => {
      running = trial.start({ start: async ({ stack }) => opened(await open(stack)) })
    })
    running.then(() => {
      ended = true
    })
    await pause(60)
    expect(ended).toBe(false)
    await close()
    expect(await running).toBe(0)
  })

  test('a number that start returns is the exit code, whatever is open', async () => {
    const trial = new Trial()
    const start = async ({ stack }: { stack: Stack }) => {
      await stack.listen({ port: 0 }, () => {})
      return 7
    }
    expect(await trial.start({ start })).toBe(7)
  })

  test.each(['SIGINT', 'SIGTERM'])(
    '%s: the signal fires, listeners close, connections finish, exit code 0',
    async (name) => {
      const trial = new Trial()
      let aborted = false
      let port = 0
      const running = trial.start({
        start: async ({ stack, signal }) => {
          signal.addEventListener('abort', () => {
            aborted = true
          })
          const listener = await stack.listen({ port: 0 }, async (flow) => {
            for await (const data of flow) await flow.write(data)
            await flow.close()
          })
          port = listener.local.port
        },
      })
      await pause(30)
      const client = new SocketStack()
      const flow = await client.connect({ address: '127.0.0.1', port })
      await pause()
      trial.signals.emit(name)
      expect(aborted).toBe(true)
      await pause()
      await expect(client.connect({ address: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await flow.write('last words')
      await flow.shutdown('write')
      let text = ''
      for await (const data of flow) text += data
      expect(text).toBe('last words')
      expect(await running).toBe(0)
      expect(trial.stderr).toMatch(new RegExp(`info {2}unikernel: ${name}: shutting down\n$`))
      await client.close(0)
    },
  )

  test('connections that do not finish are reset after --grace', async () => {
    const trial = new Trial()
    let port = 0
    const running = trial.start(
      {
        start: async ({ stack }) => {
          port = (await stack.listen({ port: 0 }, () => {})).local.port
        },
      },
      '--grace=150ms',
    )
    await pause(30)
    await using client = new SocketStack()
    const flow = await client.connect({ address: '127.0.0.1', port })
    const reading = flow.read()
    const started = performance.now()
    trial.signals.emit('SIGTERM')
    await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(performance.now() - started).toBeGreaterThanOrEqual(140)
    expect(await running).toBe(0)
  })

  test('a second signal ends at once', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const trial = new Trial()
      const running = trial.start({ start: () => new Promise(() => {}) }, '--grace=1m')
      await pause()
      trial.signals.emit('SIGINT')
      await pause()
      const started = performance.now()
      trial.signals.emit(signal)
      expect(await running).toBe(code)
      expect(performance.now() - started).toBeLessThan(100)
    }
  })

  test('a start that goes on after a signal is waited for as long as --grace', async () => {
    const trial = new Trial()
    let finished = false
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        await pause(50)
        finished = true
        return 3
      },
    })
    await pause()
    trial.signals.emit('SIGINT')
    expect(await running).toBe(3)
    expect(finished).toBe(true)
    const stubborn = new Trial()
    const hanging = stubborn.start({ start: () => new Promise(() => {}) }, '--grace', '50ms')
    await pause()
    stubborn.signals.emit('SIGINT')
    expect(await hanging).toBe(0)
  })

  test('what fails because of the shutdown is no failure', async () => {
    const trial = new Trial()
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        throw context.signal.reason
      },
    })
    await pause()
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
    expect(trial.stderr).not.toContain('failed')
  })

  test.each([
    [
      'throws',
      () => {
        throw new SystemError('EADDRINUSE', 'listen', { address: '10.0.0.2', port: 80 })
      },
    ],
    [
      'rejects',
      async () => {
        throw new SystemError('EADDRINUSE', 'listen', { address: '10.0.0.2', port: 80 })
      },
    ],
  ])('start that %s: one line, exit code 1', async (_how, start) => {
    const trial = new Trial()
    expect(await trial.start({ start })).toBe(1)
    expect(trial.stderr).toBe('trial: failed: listen EADDRINUSE 10.0.0.2:80\n')
  })

  test.each(['uncaughtException', 'unhandledRejection'])(
    '%s: one line, connections are reset at once, exit code 1',
    async (event) => {
      const trial = new Trial()
      let port = 0
      const running = trial.start(
        {
          start: async ({ stack }) => {
            port = (await stack.listen({ port: 0 }, () => {})).local.port
          },
        },
        '--grace=1m',
      )
      await pause(30)
      await using client = new SocketStack()
      const flow = await client.connect({ address: '127.0.0.1', port })
      const reading = flow.read()
      trial.uncaught.emit(event, new Error('too\nlate'))
      trial.uncaught.emit(event, new Error('and another'))
      await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
      expect(await running).toBe(1)
      expect(trial.stderr).toBe('trial: failed: too late\n')
      expect(trial.uncaught.listenerCount(event)).toBe(0)
    },
  )

  test('an error that nobody catches is no failure while shutting down', async () => {
    const trial = new Trial()
    const running = trial.start({
      start: async (context) => {
        await untilStopped(context)
        trial.uncaught.emit('unhandledRejection', new Error('ECONNRESET'))
      },
    })
    await pause()
    trial.signals.emit('SIGINT')
    expect(await running).toBe(0)
    expect(trial.stderr).not.toContain('ECONNRESET')
  })

  test.each([256, -1, 1.5, Number.NaN])('start that returns %d: one line, exit code 1', async (result) => {
    const trial = new Trial()
    expect(await trial.start({ start: () => result })).toBe(1)
    expect(trial.stderr).toBe(`trial: failed: start returned ${result}: expected an exit code from 0 to 255\n`)
  })

  test('a capture that cannot be opened or written names the argument', async () => {
    const trial = new Trial()
    // What has become of it since the arguments were read.
    trial.failure = Object.assign(new Error(`ENOSPC: no space left on device, open '${CAPTURE}'`), { path: CAPTURE })
    expect(await trial.start({}, '--capture', CAPTURE)).toBe(1)
    expect(trial.stderr).toMatch(/^trial: cannot start the network: --capture: ENOSPC: .*\n$/)
  })

  test('with debug logs the stack trace follows', async () => {
    const trial = new Trial()
    const start = () => {
      throw new Error('two\nlines')
    }
    expect(await trial.start({ start }, '-l', 'trial:debug')).toBe(1)
    expect(trial.stderr).toMatch(/^trial: failed: two lines\nError: two\nlines\n +at .*run\.test\.ts/)
  })

  test('a stack that cannot be made: one line with the hint, exit code 1', async () => {
    const trial = new Trial()
    trial.failure = new SystemError('EPERM', 'open', { hint: 'run it in `tapstack sandbox`' })
    expect(await trial.start({})).toBe(1)
    expect(trial.stderr).toBe('trial: cannot start the network: open EPERM (run it in `tapstack sandbox`)\n')
  })
})
