import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root, runTapstack } from './process.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-cli-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the command line', () => {
  test('prints the version', async () => {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    expect(await runTapstack(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test.each([
    [['--help']],
    [['run', '--help']],
    [['exec', '--help']],
    [['sandbox', '--help']],
    [['demo', '--help']],
    [['dhcp', '--help']],
    [['doctor', '--help']],
  ])('helps with %j', async (words) => {
    const { code, stdout, stderr } = await runTapstack(words)
    expect(code).toBe(0)
    expect(stdout).toContain('Usage: tapstack')
    expect(stderr).toBe('')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    // What stands under "Arguments" has a name that the first line has.
    const [usage] = stdout.split('\n')
    const [, operands = ''] = /^Arguments:\n((?: .*\n)+)/m.exec(stdout) ?? []
    for (const [, name] of operands.matchAll(/^ {2}(\S+(?: \S+)*) {2}/gm)) expect(usage).toContain(name)
  })

  test.each([
    [[], 'no command given; expected run, exec, sandbox, ping, traceroute, dhcp, describe, completion, doctor or demo'],
    [
      ['walk'],
      `unknown command 'walk'; expected run, exec, sandbox, ping, traceroute, dhcp, describe, completion, doctor or demo`,
    ],
    [['rnu', 'examples/echo.ts'], 'doctor or demo (see --help); did you mean run?'],
    [['examples/echo.ts'], 'doctor or demo (see --help); did you mean run examples/echo.ts?'],
    [['help'], '; did you mean --help?'],
    [['help', 'run'], '; did you mean run --help?'],
    [['version'], '; did you mean --version?'],
    [['-v'], `unknown option '-v'; did you mean -V?`],
    [['sandbox', '--adress', '10.0.0.1/24', '--', 'ls'], `unknown option '--adress'; did you mean --address?`],
    [['exec', '--logs', 'tcp=debug', '--', 'node'], 'debug, not "tcp=debug"; did you mean tcp:debug?'],
    [['--fast'], `unknown option '--fast'`],
    [['run'], `missing required argument 'FILE'`],
    [['run', '--ipv4', '10.0.0.2/24'], '--ipv4 stands where the file is expected'],
    [['run', 'missing.ts'], 'missing.ts: no such file; expected a TypeScript or JavaScript file'],
    [['exec'], 'expected -- and a command: tapstack exec [boot arguments] -- node app.js'],
    [['exec', '--interface', 'lo'], 'expected -- and a command'],
    [['exec', '--ipv4', 'x', '--', 'node'], "--ipv4: expected a host's IPv4 address"],
    [['exec', '--loud', '--', 'node'], 'unknown argument --loud'],
    [['exec', '--config', 'none.toml', '--', 'node'], '--config: expected a file that is there, not "none.toml"'],
    [
      ['exec', '--interface', 'tap0,queues=17', '--', 'node'],
      '--interface: expected queues=N (1 to 16), not "queues=17"',
    ],
    [['dhcp', '--interface', 'packet:lo,foo=1'], '-i: expected nothing behind the comma, not "foo=1"'],
    [['sandbox'], `missing required argument 'COMMAND'`],
    [['sandbox', '--loud', '--', 'true'], `unknown option '--loud'`],
    [
      ['sandbox', '--publish', '80', '--', 'true'],
      '--publish: expected HOSTPORT:PORT or HOSTPORT:ADDRESS:PORT, such as 8080:80, not "80"',
    ],
    [
      ['sandbox', '--address', '10.0.0.1', '--', 'true'],
      "--address: expected a host's address and the length of its prefix",
    ],
    [['sandbox', '--address', '10.0.0.0/24', '--', 'true'], "--address: expected a host's address"],
    [['sandbox', '--address', '10.0.0.255/24', '--', 'true'], "--address: expected a host's address"],
    [['sandbox', '--interface', 'a name that is long', '--', 'true'], '--interface: expected a device name'],
    [['sandbox', '--address', '10.0.0.1/32', '--publish', '0:80', '--', 'true'], 'expected a shorter prefix'],
    [['demo', '--port', 'http'], '--port: expected a port, 1 to 65535, not "http"'],
    [['completion', 'fish'], 'SHELL: expected one of bash, zsh, not "fish"'],
    [
      ['describe', 'examples/echo.ts', '--format', 'png'],
      '--format: expected one of tree, mermaid, dot, svg, not "png"',
    ],
    [['describe', '--format', 'svgg', 'examples/echo.ts'], 'dot, svg, not "svgg"; did you mean svg?'],
    [['describe', 'examples/echo.ts', '--format=mermiad'], 'dot, svg, not "mermiad"; did you mean mermaid?'],
    [['completion', 'bahs'], 'SHELL: expected one of bash, zsh, not "bahs"; did you mean bash?'],
    [['exec', '--logs', 'tpc:debug', '--', 'node'], 'dhcp, not "tpc:debug"; did you mean tcp?'],
    [['exec', '--logs', 'tcp:debgu', '--', 'node'], 'info, debug, not "tcp:debgu"; did you mean debug?'],
    [['exec', '--interface', 'pakcet:eth0', '--', 'node'], 'not "pakcet:eth0"; did you mean packet:eth0?'],
    [['demo', 'now'], `unexpected argument 'now'`],
    [['dhcp', 'tap0'], `unexpected argument 'tap0'`],
    [['doctor', 'who'], `unexpected argument 'who'`],
    [['dhcp', '--timeout', 'long'], '--timeout: expected seconds from 0.1 to 3600, not "long"'],
    [['sandbox', '--interface', 'tap%d', '--', 'true'], '--interface: expected a device name'],
    [['sandbox', '--address', '127.0.0.1/8', '--', 'true'], "--address: expected a host's address"],
    [['run', 'package.json'], 'package.json: expected a TypeScript or JavaScript file'],
    [['run', 'src'], 'src: a folder; expected a TypeScript or JavaScript file'],
  ])('says in one line what is wrong with %j', async (words, expected) => {
    const { code, stdout, stderr } = await runTapstack(words)
    expect(stderr).toContain(expected)
    expect(stderr).toMatch(/^tapstack: [^\n]*\n$/)
    expect(stdout).toBe('')
    expect(code).toBe(64)
  })

  test('asks no DHCP servers on an interface that does not exist', async () => {
    const { code, stderr } = await runTapstack(['dhcp', '--interface', 'nowhere0'])
    expect(stderr).toBe('tapstack: there is no interface nowhere0\n')
    const { stderr: near } = await runTapstack(['dhcp', '--interface', 'loo'])
    expect(near).toBe('tapstack: there is no interface loo; did you mean lo?\n')
    expect(code).toBe(1)
  })

  test('without dist/ says how to build it', () => {
    const copy = join(folder, 'unbuilt')
    mkdirSync(copy)
    cpSync(`${root}bin`, join(copy, 'bin'), { recursive: true })
    const { status, stderr } = spawnSync(process.execPath, [join(copy, 'bin/tapstack.mjs'), '--version'], {
      encoding: 'utf8',
    })
    expect(stderr).toMatch(/^tapstack: not built yet: run `npm run build` in .*unbuilt\/\n$/)
    expect(status).toBe(1)
  })
})

describe('the package', () => {
  const node = (program: string, ...options: string[]) =>
    execFileSync(process.execPath, [...options, '-e', program], { cwd: folder, encoding: 'utf8' }).trim()

  beforeAll(() => {
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(root, join(folder, 'node_modules/tapstack'))
  })

  test('can be imported', () => {
    expect(
      node(
        `import { IpAddress } from 'tapstack'; console.log(String(IpAddress.parse('10.0.0.2')))`,
        '--input-type=module',
      ),
    ).toBe('10.0.0.2')
  })

  // Node loads an ES module by require() from 20.19 and 22.12 on, if nothing in it awaits at top level.
  test('can be required from CommonJS', () => {
    const program = `const { IpAddress } = require('tapstack'); console.log(String(IpAddress.parse('10.0.0.2')))`
    expect(node(program, '--input-type=commonjs', '--no-warnings')).toBe('10.0.0.2')
  })

  test('has its types where an importer looks for them', () => {
    writeFileSync(
      join(folder, 'importer.ts'),
      `import { IpPrefix } from 'tapstack'\nexport const length: number = IpPrefix.parse('10.0.0.2/24').length\n`,
    )
    const config = {
      compilerOptions: {
        module: 'nodenext',
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots: [`${root}node_modules/@types`],
        skipLibCheck: true,
      },
      files: ['importer.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { stdout, status } = spawnSync(`${root}node_modules/.bin/tsc`, ['-p', folder], { encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})
