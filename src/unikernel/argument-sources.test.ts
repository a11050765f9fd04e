import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Trial } from '../../test/support/trial.ts'

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
