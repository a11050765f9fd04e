/** The system around us: programs, the kernel's IPv6, limits. */
import { existsSync, readFileSync } from 'node:fs'
import { onPath } from '../on-path.ts'
import { type Check, missing, ok, warning } from './check.ts'

const PROGRAMS = [
  { name: 'ip', parcel: 'iproute2', purpose: 'the sandbox' },
  { name: 'unshare', parcel: 'util-linux', purpose: 'the sandbox' },
  { name: 'ping', parcel: 'iputils-ping', purpose: 'checks by hand' },
]

export function checkPrograms(): Check {
  const name = 'programs'
  const lacking = PROGRAMS.filter((program) => onPath(program.name) === null)
  if (lacking.length === 0) return ok(name, PROGRAMS.map((program) => program.name).join(', '))
  const found = lacking.map((program) => `no \`${program.name}\` (for ${program.purpose})`).join(', ')
  return warning(name, found, `sudo apt-get install ${lacking.map(({ parcel }) => parcel).join(' ')}`)
}

/** Of the kernel's end only: a stack of ours has IPv6 wherever it runs. */
export function checkIpv6(): Check {
  const name = 'IPv6 of the kernel'
  if (!existsSync('/proc/net/if_inet6')) {
    const found = 'none: a stack has its own, but nobody on this machine could speak it'
    return warning(name, found, 'Start the kernel without ipv6.disable=1.')
  }
  if (setting('net.ipv6.conf.all.disable_ipv6') === '1') {
    return warning(name, 'turned off', 'sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0')
  }
  return ok(name, 'there')
}

/** What packet sockets ask for: `BUFFER_BYTES` of native/packet.c. */
const PACKET_BUFFER = 8 * 1024 * 1024
/** Sockets of applications, and of the socket stack, are files; those of a stack of ours are not. */
const ENOUGH_FILES = 1024

/** @param mayForce whether we have CAP_NET_ADMIN, with which the limit of buffers does not count */
export function checkLimits(mayForce: boolean): Check[] {
  return [checkFiles(), checkBuffers(mayForce)]
}

function checkFiles(): Check {
  const name = 'open files'
  const limits = read('/proc/self/limits') ?? ''
  const [, soft] = /^Max open files\s+(\S+)/m.exec(limits) ?? []
  if (soft === undefined) return ok(name, 'no limit to be seen')
  if (soft === 'unlimited' || Number(soft) >= ENOUGH_FILES) return ok(name, `${soft} at most`)
  return warning(name, `${soft} at most, few for a server of many connections`, `ulimit -n ${ENOUGH_FILES}`)
}

function checkBuffers(mayForce: boolean): Check {
  const name = 'receive buffers'
  const most = Number(setting('net.core.rmem_max') ?? Number.NaN)
  if (mayForce) return ok(name, 'as large as a packet socket wants them')
  if (Number.isNaN(most)) return ok(name, 'no limit to be seen')
  if (most >= PACKET_BUFFER) return ok(name, `${most} bytes at most`)
  const found = `${most} bytes at most: interfaces packet:NAME lose frames earlier under load`
  return warning(name, found, `sudo sysctl -w net.core.rmem_max=${PACKET_BUFFER}`)
}

export function checkKernel(): Check {
  const name = 'Linux'
  if (process.platform !== 'linux') return missing(name, `this is ${process.platform}`, 'Run it on Linux.')
  return ok(name, setting('kernel.osrelease') ?? 'of an unknown version')
}

function setting(name: string): string | null {
  return read(`/proc/sys/${name.replaceAll('.', '/')}`)
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}
