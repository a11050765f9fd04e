/** `tapstack doctor` where all is well, and where something is taken away from it. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Check } from '../../src/cli/doctor/check.ts'
import { loadAddon } from '../../src/netif/index.ts'
import { requires } from '../requirements.ts'
import { type Outcome, Running, root, runTapstack, tapstack } from './process.ts'

const DOCTOR = `${process.execPath} ${tapstack} doctor`
/** Nobody of this system, as most have that user. */
const NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups'
const WITHOUT = '-net_admin,-net_raw,-sys_admin'
const NO_CAPABILITIES = `setpriv --bounding-set=${WITHOUT} --inh-caps=${WITHOUT}`

function inShell(script: string, environment: Record<string, string> = {}, cwd = root): Promise<Outcome> {
  return new Running('sh', ['-c', script], { env: { ...process.env, ...environment }, cwd }).ended
}

/** What a JSON report says, by name. */
function checksOf({ stdout }: Outcome): Map<string, Check> {
  const { checks } = JSON.parse(stdout) as { checks: Check[] }
  return new Map(checks.map((check) => [check.name, check]))
}

test('where all is there: text of 80 columns without colour, exit code 0', async (context) => {
  requires(context, 'tap', 'namespaces', 'root')
  const { code, stdout, stderr } = await runTapstack(['doctor'])
  expect(stderr).toBe('')
  expect(code, stdout).toBe(0)
  expect(stdout).toMatch(/^A service can run on a tap here\.$/m)
  for (const name of ['Linux', 'Node.js', 'native addon', 'Node.js inside', '/dev/net/tun', 'taps', 'kernel offload'])
    expect(stdout).toMatch(new RegExp(`^ok {7}${name} `, 'm'))
  expect(stdout).toMatch(/^ok {7}a tap tried out .* answers ping: IPv4 [\d.]+ ms/m)
  expect(stdout).toMatch(/virtio header, checksums, TSO4, TSO6/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that must not be there
  expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

describe('where something is taken away', () => {
  beforeEach((context) => requires(context, 'root', 'tap', 'namespaces', 'unshare', 'setpriv', 'mount', 'mknod'))

  test('no tun driver: how to get it, and exit code 1', async () => {
    const outcome = await inShell(`exec unshare --mount sh -c 'mount -t tmpfs none /dev/net && ${DOCTOR} --json'`)
    expect(outcome.code, outcome.stderr).toBe(1)
    const checks = checksOf(outcome)
    expect(checks.get('/dev/net/tun')).toEqual({
      name: '/dev/net/tun',
      status: 'missing',
      found: 'cannot be opened (ENOENT); tap devices are made through it',
      mend: ['Load the driver.', 'modprobe tun', 'In a container: start it with --device /dev/net/tun.'],
    })
    expect(JSON.parse(outcome.stdout).ok).toBe(false)
    expect(checks.has('a tap tried out')).toBe(false)
  })

  test('an ordinary user who may not open it', async () => {
    const tun = 'mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200 && chmod 600 /dev/net/tun'
    const outcome = await inShell(`exec unshare --mount sh -c '${tun} && ${NOBODY} ${DOCTOR}'`)
    expect(outcome.stderr).toBe('')
    expect(outcome.code).toBe(1)
    expect(outcome.stdout).toMatch(/^missing {2}\/dev\/net\/tun .*\n.*\n.*\n {9}-> sudo chmod 666 \/dev\/net\/tun$/m)
    expect(outcome.stdout).toMatch(/^warning {2}packet sockets .*no CAP_NET_RAW/m)
    expect(outcome.stdout).toMatch(/No service can run on a tap here: see \/dev\/net\/tun/)
  })

  test('without capabilities a sandbox is the way, where there are user namespaces', async (context) => {
    requires(context, 'user namespaces')
    const outcome = await inShell(`exec ${NO_CAPABILITIES} ${DOCTOR} --json`)
    expect(outcome.code, outcome.stdout).toBe(0)
    const checks = checksOf(outcome)
    expect(checks.get('taps')).toMatchObject({ status: 'warning', mend: ['tapstack sandbox -- tapstack run FILE'] })
    expect(checks.get('namespaces')).toMatchObject({ status: 'ok', found: expect.stringContaining('without root') })
    expect(checks.get('a tap tried out')).toMatchObject({ status: 'ok' })
    expect(checks.get('packet sockets')).toMatchObject({
      status: 'warning',
      mend: ['In a container: start it with --cap-add NET_RAW.'],
    })
  })

  test('without capabilities and namespaces there is no tap; a tap that was given is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-doctor-'))
    try {
      // A path on which there is no `unshare`.
      for (const program of ['setpriv', 'sh', 'ip']) {
        const { stdout } = await inShell(`command -v ${program}`)
        symlinkSync(stdout.trim(), join(folder, program))
      }
      const alone = await inShell(`${NO_CAPABILITIES} ${DOCTOR} --json`, { PATH: folder })
      expect(alone.code).toBe(1)
      expect(checksOf(alone).get('taps')).toMatchObject({
        status: 'missing',
        mend: ['In a container: start it with --cap-add NET_ADMIN.'],
      })
      expect(checksOf(alone).get('namespaces')).toMatchObject({ status: 'warning' })
      expect(checksOf(alone).get('namespaces')!.found).toMatch(/`unshare` is not installed/)

      const open = 'mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200 && chmod 666 /dev/net/tun'
      const give = `${open} && mount -t sysfs none /sys && ip tuntap add dev mine0 mode tap user 65534`
      const given = await inShell(
        `exec unshare --net --mount sh -c '${give} && PATH=${folder} ${NOBODY} ${DOCTOR} --json'`,
      )
      expect(given.stderr).toBe('')
      expect(checksOf(given).get('taps')).toMatchObject({ status: 'ok', found: 'mine0 may be used by this user' })
      expect(given.code, given.stdout).toBe(0)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('no addon, no compiler, few files, packages that do not load, IPv6 turned off', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-doctor-'))
    try {
      const parcel = (name: string, program: string) => {
        const place = join(folder, 'node_modules', name)
        mkdirSync(place, { recursive: true })
        writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '1.2.3', main: 'index.js' }))
        writeFileSync(join(place, 'index.js'), program)
      }
      parcel('pcap', 'throw new Error("libpcap.so.0.8: cannot open shared object file\\nand more")')
      parcel('raw-socket', 'exports.there = true')
      const script = `
        mount --bind /dev/null '${loadAddon()}' && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && ulimit -n 256
        exec ${DOCTOR} --json`
      const words = ['--mount', '--net', 'sh', '-c', script]
      const outcome = await new Running('unshare', words, {
        cwd: folder,
        env: { ...process.env, CC: '/nowhere/cc' },
      }).ended
      expect(outcome.code, outcome.stderr).toBe(1)
      const checks = checksOf(outcome)
      expect(checks.get('native addon')).toMatchObject({
        status: 'missing',
        found: expect.stringMatching(/does not load: .*file too short/),
        mend: [
          'There is no C compiler (/nowhere/cc).',
          'apt-get install build-essential',
          expect.stringMatching(/^node .*scripts\/build-native\.mjs$/),
        ],
      })
      expect(checks.get('open files')).toMatchObject({ status: 'warning', mend: ['ulimit -n 1024'] })
      expect(checks.get('IPv6 of the kernel')).toMatchObject({
        status: 'warning',
        mend: ['sysctl -w net.ipv6.conf.all.disable_ipv6=0'],
      })
      expect(checks.get('package pcap')).toMatchObject({
        status: 'warning',
        found: 'is installed and does not load: libpcap.so.0.8: cannot open shared object file',
        mend: expect.arrayContaining(['npm rebuild pcap']),
      })
      expect(checks.get('package raw-socket')).toMatchObject({ status: 'ok', found: expect.stringMatching(/^1\.2\.3/) })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
