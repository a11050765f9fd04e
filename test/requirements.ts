/** What a test needs of the machine. A test that asks here is skipped with the reason where the machine lacks it. */

import { execFileSync } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import type { TestContext } from 'vitest'

const probes: Record<string, () => string | null> = {
  // Of the whole machine: in a user namespace, numbers of users are mapped to others.
  root: () =>
    process.geteuid?.() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
      ? null
      : 'needs root',
  tap: () => {
    try {
      closeSync(openSync('/dev/net/tun', 'r+'))
      return null
    } catch (error) {
      return `/dev/net/tun cannot be opened (${(error as NodeJS.ErrnoException).code})`
    }
  },
  /** A network namespace of one's own, as root or through a user namespace. */
  namespaces: () => {
    const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']
    try {
      execFileSync('unshare', [...user, '--net', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'pipe' })
      return null
    } catch (error) {
      const { stderr, message } = error as Error & { stderr?: Buffer }
      return `no network namespaces here (${String(stderr ?? message).trim()})`
    }
  },
  'kernel IPv6': () => (existsSync('/proc/net/if_inet6') ? null : 'the kernel has no IPv6'),
  /** User namespaces for those who are not root. */
  'user namespaces': () => {
    try {
      execFileSync('unshare', ['--user', '--map-root-user', '--net', 'true'], { stdio: 'pipe' })
      return null
    } catch {
      return 'no user namespaces here'
    }
  },
}

const known = new Map<string, string | null>()

/**
 * What is missing of the things named, null if all is there.
 * @param names `root`, `tap`, `namespaces`, `user namespaces`, or the name of a command
 */
export function missing(...names: string[]): string | null {
  for (const name of names) {
    let reason = known.get(name)
    if (reason === undefined) {
      reason = probes[name] === undefined ? missingCommand(name) : probes[name]()
      known.set(name, reason)
    }
    if (reason !== null) return reason
  }
  return null
}

/** Ends a test as skipped, with the reason, if anything named is missing. First line of a test or of a `beforeEach`. */
export function requires(context: Pick<TestContext, 'skip'>, ...names: string[]): void {
  const reason = missing(...names)
  if (reason !== null) context.skip(reason)
}

function missingCommand(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK)
      return null
    } catch {
      // Not in this folder.
    }
  }
  return `the command \`${name}\` is not installed`
}
