import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

/** Where one subject and the load generator stand, and how they are joined. */
export interface Place {
  /** Namespace of the load generator. */
  readonly client: string
  /** Namespace of the subject; the same one where a tap device joins them. */
  readonly subject: string
}

const CLIENT_ADDRESS = '10.0.0.1'
const CLIENT_ADDRESSES = '10.0.0.128/25'
export const SUBJECT_ADDRESS = '10.0.0.2'
/** The same of IPv6, on the places without a relay. */
const CLIENT_ADDRESS_6 = 'fd00::1'
export const SUBJECT_ADDRESS_6 = 'fd00::2'
export const SUBJECT_PREFIX = `${SUBJECT_ADDRESS}/24`
export const TAP_NAME = 'tap0'
export const VETH_NAME = 'veth0'
const MTU = 1500
const PREFIX = 'tapstack-bench-'

/** Why the bench cannot run here, or null. */
export function whyNot(): string | null {
  if (process.platform !== 'linux') return 'the bench needs Linux'
  if (process.getuid?.() !== 0) {
    return 'the bench needs root: it makes network namespaces, a tap device and a veth pair (try: sudo npm run bench)'
  }
  for (const [command, parcel, argument] of [
    ['ip', 'iproute2', '-V'],
    ['wrk', 'wrk', '-v'],
    ['curl', 'curl', '--version'],
    ['openssl', 'openssl', 'version'],
    ['cc', 'a C compiler', '--version'],
  ]) {
    try {
      execFileSync(command, [argument], { stdio: 'ignore' })
    } catch (error) {
      // wrk prints its version and then its usage, with exit code 1.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return `the bench needs ${command}, which is not installed (Debian, Ubuntu: the package ${parcel})`
      }
    }
  }
  if (!existsSync('/dev/net/tun')) return 'the bench needs /dev/net/tun (try: modprobe tun)'
  return null
}

function ip(...parameters: string[]): void {
  try {
    execFileSync('ip', parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error).trim()
    throw new Error(`ip ${parameters.join(' ')}: ${said}`)
  }
}

/** Where subject and load generator stand with a relay between them, and its two ends (`bench/load/relay.c`). */
export interface RelayedPlace extends Place {
  readonly ends: readonly [string, string]
}

/** The kernel's side of a link whose other side is the relay. */
const LINK_NAME = 'link0'

/**
 * The namespaces of one run of the bench: one with a tap device, for the stack under test, and two joined by a veth
 * pair, for node:net over the kernel's TCP, and two more for the stack over a packet socket. MTU 1500 and the kernel's default
 * offloads on both. And three more for a long and lossy link: one for the load generator, and one for each subject.
 */
export class Namespaces {
  readonly tap: Place
  readonly veth: Place
  /** As the one before, with nobody on the subject's side. */
  readonly packet: Place
  readonly relayedTap: RelayedPlace
  readonly relayedKernel: RelayedPlace
  private readonly made: string[] = []

  constructor() {
    const name = (role: string) => `${PREFIX}${process.pid}-${role}`
    this.tap = { client: name('tap'), subject: name('tap') }
    this.veth = { client: name('client'), subject: name('subject') }
    this.packet = { client: name('packet-client'), subject: name('packet') }
    const client = name('far')
    const near = `tap:${client}:${LINK_NAME}`
    const [tap, kernel] = [name('far-tap'), name('far-kernel')]
    this.relayedTap = { client, subject: tap, ends: [near, `packet:${tap}:${TAP_NAME}`] }
    this.relayedKernel = { client, subject: kernel, ends: [near, `tap:${kernel}:${LINK_NAME}`] }
  }

  make(): void {
    removeLeftOvers()
    const places = [this.tap, this.veth, this.packet, this.relayedTap, this.relayedKernel]
    for (const namespace of new Set(places.flatMap(({ client, subject }) => [client, subject]))) {
      ip('netns', 'add', namespace)
      this.made.push(namespace)
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
      // What the kernel learnt about one connection must not shape the next: rounds are to be independent.
      execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.tcp_no_metrics_save=1'])
    }
    addTap(this.tap.client, TAP_NAME)
    bringUp(this.tap.client, TAP_NAME, CLIENT_ADDRESS)
    addTap(this.relayedTap.client, LINK_NAME)
    bringUp(this.relayedTap.client, LINK_NAME, CLIENT_ADDRESS)
    addTap(this.relayedKernel.subject, LINK_NAME)
    bringUp(this.relayedKernel.subject, LINK_NAME, SUBJECT_ADDRESS)
    // No address: the kernel is not to take part in what passes here.
    addTap(this.relayedTap.subject, TAP_NAME)
    ip('-n', this.relayedTap.subject, 'link', 'set', TAP_NAME, 'mtu', String(MTU), 'up')
    addVeth(this.veth)
    bringUp(this.veth.subject, VETH_NAME, SUBJECT_ADDRESS)
    bringUp(this.veth.client, VETH_NAME, CLIENT_ADDRESS)
    addVeth(this.packet)
    // No address: the stack over the packet socket is alone on this side.
    ip('-n', this.packet.subject, 'link', 'set', VETH_NAME, 'mtu', String(MTU), 'up')
    bringUp(this.packet.client, VETH_NAME, CLIENT_ADDRESS)
    addAddress6(this.tap.client, TAP_NAME, CLIENT_ADDRESS_6)
    addAddress6(this.veth.subject, VETH_NAME, SUBJECT_ADDRESS_6)
    addAddress6(this.veth.client, VETH_NAME, CLIENT_ADDRESS_6)
    addClientAddresses(this.tap.client)
    addClientAddresses(this.veth.client)
    addClientAddresses(this.packet.client)
  }

  /** Idempotent and synchronous, so that it can run while the process ends. */
  remove(): void {
    for (const namespace of this.made.splice(0)) {
      try {
        ip('netns', 'del', namespace)
      } catch (error) {
        process.stderr.write(`bench: ${(error as Error).message}\n`)
      }
    }
  }
}

function addVeth({ client, subject }: Place): void {
  ip('-n', client, 'link', 'add', VETH_NAME, 'type', 'veth', 'peer', 'name', VETH_NAME, 'netns', subject)
}

function addTap(namespace: string, device: string): void {
  ip('-n', namespace, 'tuntap', 'add', 'dev', device, 'mode', 'tap')
}

function bringUp(namespace: string, device: string, address: string): void {
  ip('-n', namespace, 'link', 'set', device, 'mtu', String(MTU), 'up')
  ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', device)
  // A namespace cannot choose its congestion control everywhere, a route can: every kernel socket of the bench,
  // Node's and wrk's too, runs CUBIC, which is what Linux machines run unless told otherwise.
  const route = ['10.0.0.0/24', 'dev', device, 'proto', 'kernel', 'scope', 'link', 'src', address]
  ip('-n', namespace, 'route', 'replace', ...route, 'congctl', 'cubic')
}

/** With CUBIC, as above. */
function addAddress6(namespace: string, device: string, address: string): void {
  ip('-n', namespace, 'addr', 'add', `${address}/64`, 'dev', device, 'nodad')
  ip('-n', namespace, '-6', 'route', 'replace', 'fd00::/64', 'dev', device, 'proto', 'kernel', 'congctl', 'cubic')
}

/** The client's end answers on more addresses, for more connections than one address has ports (`bench/load/crowd.c`). */
function addClientAddresses(namespace: string): void {
  ip('-n', namespace, 'route', 'add', 'local', CLIENT_ADDRESSES, 'dev', 'lo')
  const widest = 'net.ipv4.ip_local_port_range=1024 65535'
  execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', widest])
}

/** What a bench that was killed hard has left behind. */
function removeLeftOvers(): void {
  const folder = '/run/netns'
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) ip('netns', 'del', name)
  }
}
