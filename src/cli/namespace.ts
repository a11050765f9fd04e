import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { Failure } from './failure.ts'

/**
 * How to get into a private network namespace on this machine. `unshare` makes it, without a name, so that it is gone
 * with its last process whatever happens to us: there is nothing to clean up.
 */
export interface NamespaceEntry {
  /** Command and options; the program to run follows. */
  readonly command: readonly string[]
  /** Whether a user namespace stands in for being root. */
  readonly rootless: boolean
  /** Whether the program has its own view of mounts, so that /proc may be mounted for its own process numbers. */
  readonly ownMounts: boolean
}

/** The environment of the system tools we call: an ordinary user's path often lacks the folders that hold `ip`. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` }
}

// A process namespace makes sure that nothing started in there outlives it: the kernel ends all of them with their
// first process, and --kill-child ends that one with `unshare`.
const BASE = ['--net', '--pid', '--fork', '--kill-child']
const WAYS: readonly NamespaceEntry[] = [
  { command: ['unshare', ...BASE, '--mount'], rootless: false, ownMounts: true },
  { command: ['unshare', ...BASE], rootless: false, ownMounts: false },
  { command: ['unshare', '--user', '--map-root-user', ...BASE, '--mount'], rootless: true, ownMounts: true },
  { command: ['unshare', '--user', '--map-root-user', ...BASE], rootless: true, ownMounts: false },
]

/**
 * Finds a way that works by trying it, into a namespace in which there can be taps.
 * @throws Failure that says what is missing and how to get it
 */
export function findNamespaceEntry(): NamespaceEntry {
  const way = enterableNamespace()
  checkTunDevice()
  return way
}

/** The same, whether or not there can be taps. @throws Failure likewise */
export function enterableNamespace(): NamespaceEntry {
  const isRoot = process.geteuid?.() === 0
  let refusal = ''
  for (const way of WAYS) {
    if (!way.rootless && !isRoot) continue
    const [program, ...options] = way.command
    // `ip link set lo up` also proves the right to configure: a system may grant an empty shell of a user namespace.
    const { status, error, stderr } = spawnSync(program!, [...options, 'ip', 'link', 'set', 'lo', 'up'], {
      encoding: 'utf8',
      env: toolEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    if (status === 0) return way
    // EACCES: a folder of the path may not be searched, and the others do not have it either.
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '')) {
      throw new Failure('`unshare` is not installed; it makes the network namespace (package util-linux)')
    }
    if (/\bip\b.*No such file/.test(stderr)) throw new Failure('`ip` is not installed (package iproute2)')
    refusal = stderr.trim()
  }
  throw new Failure(explainRefusal(refusal, isRoot, readSetting))
}

/** The kernel settings that can forbid user namespaces, as files below /proc/sys. */
const USER_NAMESPACE_SETTINGS = [
  { name: 'kernel.unprivileged_userns_clone', forbids: '0', allow: '1' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', forbids: '1', allow: '0' },
  { name: 'user.max_user_namespaces', forbids: '0', allow: '15000' },
]

/**
 * What a person can do when no namespace can be had.
 * @param refusal what `unshare` said
 * @param setting gives the value of a kernel setting, null where there is no such setting
 */
export function explainRefusal(refusal: string, isRoot: boolean, setting: (name: string) => string | null): string {
  const lines = ['no private network namespace can be made here', refusal === '' ? '' : `  (${refusal})`]
  const forbidding = USER_NAMESPACE_SETTINGS.filter(({ name, forbids }) => setting(name) === forbids)
  if (isRoot) {
    lines.push('  In a container: start it with --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun')
  } else {
    for (const { name, allow } of forbidding) {
      lines.push(`  This system forbids user namespaces; allow them with: sudo sysctl -w ${name}=${allow}`)
    }
    lines.push('  Or run it as root: sudo npm start, sudo npx tapstack sandbox ...')
    if (forbidding.length === 0) lines.push('  In a container: allow user namespaces in its security profile')
  }
  return lines.filter((line) => line !== '').join('\n')
}

function readSetting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim()
  } catch {
    return null
  }
}

function checkTunDevice(): void {
  try {
    closeSync(openSync('/dev/net/tun', 'r+'))
  } catch (error) {
    throw new Failure(explainTunDevice((error as NodeJS.ErrnoException).code ?? String(error)))
  }
}

/** @param code why /dev/net/tun could not be opened */
export function explainTunDevice(code: string): string {
  const first = `/dev/net/tun cannot be opened (${code}); tap devices are made through it`
  switch (code) {
    case 'EACCES':
      return `${first}\n  Let every user open it, as most distributions do: sudo chmod 666 /dev/net/tun\n  Or run it as root`
    case 'EPERM':
      return `${first}\n  In a container: start it with --device /dev/net/tun`
    default:
      return `${first}\n  Load the driver: sudo modprobe tun\n  In a container: start it with --device /dev/net/tun`
  }
}
