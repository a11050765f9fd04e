/** What this process may do: open the tun driver, make taps, open packet sockets, make namespaces. */
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Failure } from '../failure.ts'
import { enterableNamespace, explainTunDevice, type NamespaceEntry } from '../namespace.ts'
import { type Check, missing, ok, warning } from './check.ts'

// capabilities(7); their numbers are those of <linux/capability.h>.
const CAP_NET_ADMIN = 12n
const CAP_NET_RAW = 13n

export interface Rights {
  readonly netAdmin: boolean
  readonly netRaw: boolean
}

/** @param status of this process, as /proc/self/status has it */
export function rightsOf(status = readFileSync('/proc/self/status', 'utf8')): Rights {
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (capability: bigint) => ((effective >> capability) & 1n) === 1n
  return { netAdmin: has(CAP_NET_ADMIN), netRaw: has(CAP_NET_RAW) }
}

export function checkTunDevice(): Check {
  const name = '/dev/net/tun'
  try {
    closeSync(openSync(name, 'r+'))
    return ok(name, 'can be opened')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    const [, ...lines] = explainTunDevice(code).split('\n')
    return missing(name, `cannot be opened (${code}); tap devices are made through it`, ...mends(lines))
  }
}

/**
 * The way into a namespace of one's own, if there is one, and what stands in the way otherwise. Only a warning: a service
 * on a tap of this namespace needs none.
 */
export function checkNamespaces(): { check: Check; entry: NamespaceEntry | null } {
  const name = 'namespaces'
  try {
    const entry = enterableNamespace()
    const how = entry.rootless ? 'through a user namespace, without root' : 'as root'
    return { check: ok(name, `can be made, ${how}: tapstack sandbox, npm start`), entry }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const [first = '', ...lines] = error.message.split('\n')
    const refusal = lines.find((line) => /^\s*\(/.test(line))?.trim()
    const found = refusal === undefined ? first : `${first} ${refusal}`
    const others = lines.filter((line) => line.trim() !== refusal)
    return { check: warning(name, found, ...mends(others)), entry: null }
  }
}

/**
 * Whether a tap can be had: by right, because one has been given to us, or in a sandbox.
 * @param sandbox whether a namespace of our own can be made
 */
export function checkTaps(rights: Rights, sandbox: boolean, given = tapsOf(process.geteuid?.() ?? 0)): Check {
  const name = 'taps'
  if (rights.netAdmin) return ok(name, 'may be made and used (CAP_NET_ADMIN)')
  if (given.length > 0) return ok(name, `${given.join(', ')} may be used by this user`)
  const give = isRoot() ? [] : [`sudo ip tuntap add dev tap0 mode tap user ${userName()}`]
  if (sandbox) {
    return warning(name, 'only in a sandbox (no CAP_NET_ADMIN)', ...give, 'tapstack sandbox -- tapstack run FILE')
  }
  const found = 'may not be made (no CAP_NET_ADMIN), and none is given to this user'
  return missing(name, found, ...give, containerNeeds('ADMIN'))
}

export function checkPacketSockets({ netRaw }: Rights): Check {
  const name = 'packet sockets'
  if (netRaw) return ok(name, 'may be opened (CAP_NET_RAW): interfaces packet:NAME')
  const asRoot = isRoot() ? [] : ['sudo tapstack run FILE --interface packet:eth0']
  return warning(name, 'may not be opened (no CAP_NET_RAW)', ...asRoot, containerNeeds('RAW'))
}

function isRoot(): boolean {
  return process.geteuid?.() === 0
}

function containerNeeds(what: 'ADMIN' | 'RAW'): string {
  return `In a container: start it with --cap-add NET_${what}.`
}

/** The tap devices here that this user may attach to: its own, and those that are nobody's. */
function tapsOf(user: number): string[] {
  const folder = '/sys/class/net'
  const attribute = (device: string, name: string) => {
    try {
      return Number(readFileSync(`${folder}/${device}/${name}`, 'utf8'))
    } catch {
      return null
    }
  }
  try {
    // IFF_TAP of <linux/if_tun.h>.
    const taps = readdirSync(folder).filter((device) => ((attribute(device, 'tun_flags') ?? 0) & 2) !== 0)
    return taps.filter((device) => attribute(device, 'owner') === user)
  } catch {
    return []
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return '$USER'
  }
}

/** Lines of a message as commands, or as sentences. */
function mends(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .flatMap((line) => {
      const [, why, command] = /^(.*?):? ((?:sudo|tapstack) .*)$/.exec(line) ?? []
      return command === undefined ? [`${line.replace(/\.$/, '')}.`] : [`${why}.`, command]
    })
}
