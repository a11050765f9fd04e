/** What a person is told of devices that were made because there were none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-made-'))
  const program = `import { unikernel } from 'tapstack'
    export default unikernel({ name: 'once', start: () => 0 })`
  writeFileSync(join(folder, 'once.mjs'), program)
  writeFileSync(join(folder, 'program.mjs'), `console.log('ran')`)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWithNamespaces('a device that is made', () => {
  test('one line of the log says so, and asks whether another was meant; none where it was there', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    const said = async (...words: string[]) => {
      const { stderr } = await namespace.run(process.execPath, [tapstack, ...words])
      return stderr.replace(/^\S+Z /gm, '')
    }
    const run = (name: string, ...words: string[]) =>
      said('run', join(folder, 'once.mjs'), `--interface=${name}`, '--ipv4=10.0.0.2/24', '--logs-format=text', ...words)
    const exec = (name: string) =>
      said('exec', `--interface=${name}`, '--ipv4=10.0.0.2/24', '--', 'node', join(folder, 'program.mjs'))
    const misspelt =
      'warn  netif: there was no tpa0: a tap of that name is made, and gone at the end; did you mean tap0?\n'
    const made = (name: string, mode: string) =>
      `info  netif: there was no ${name}: a ${mode} of that name is made, and gone at the end; ` +
      `"ip tuntap add dev ${name} mode ${mode}" makes one that stays\n`
    const all = await Promise.all([
      run('tpa0'),
      run('tap:tap1'),
      run('tun:wire%d'),
      run('tap2,queues=2', '--logs=*:quiet,netif:info'),
      run('tap0'),
      run('tap3', '--logs=*:warning'),
      run('tap4', '--logs=quiet'),
    ])
    expect(all).toEqual([misspelt, made('tap1', 'tap'), made('wire0', 'tun'), made('tap2', 'tap'), '', '', ''])
    // Of a program, whose standard error is its own, only what is likely to be wrong.
    const kind = misspelt.replace('tpa0', 'pcap').replace('tap0', 'pcap:NAME')
    expect(await Promise.all([exec('tpa0'), exec('tap5'), exec('pcap')])).toEqual([misspelt, '', kind])
    // The address of the kernel's end is the likeliest mistake of all.
    await namespace.run('sh', ['-c', 'ip link set tap0 up && ip address add 10.0.0.2/24 dev tap0'])
    const taken = 'warn  unikernel: --ipv4: this machine has 10.0.0.2 itself, and nobody on it reaches us there; '
    const other = 'choose another one of 10.0.0.0/24\n'
    expect(await Promise.all([run('tap0'), exec('tap9')])).toEqual([taken + other, taken + other])
    const { stdout } = await namespace.run('ip', ['-brief', 'link'])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/\s/)[0]),
    ).toEqual(['lo', 'tap0'])
  })
})
