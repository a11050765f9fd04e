import type { Clock } from '../clock/index.ts'
import { nearestTo } from '../errors/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketMemory } from '../packet/index.ts'
import { CARRIER_KINDS } from './carrier/index.ts'
import { interfaceNames, misspeltInterface } from './interface-names.ts'
import { InterfaceTextError, integerOption, parseOptions, problemOf } from './interface-text.ts'
import { MAXIMUM_QUEUES, MultiQueueTap } from './multi-queue-tap.ts'
import type { Netif } from './netif.ts'
import { openPacketSocket } from './packet-socket.ts'
import { openPcap } from './pcap.ts'
import { openRawSockets } from './raw-sockets.ts'
import { REPLAY_KIND } from './replay-kind.ts'
import { Tap } from './tap.ts'
import { openTun } from './tun.ts'

/** What every way to reach a network is given. */
export interface OpenNetifContext {
  readonly memory: PacketMemory
  readonly clock: Clock
  /** Told of a device that was made because there was none. */
  readonly log?: Log
}

/** One way to reach a network: what stands before the colon of `packet:eth0`, what after it, and how it is opened. */
export interface InterfaceKind {
  readonly kind: string
  /** How `tapstack describe` names it, before its target. */
  readonly label: string
  /** What stands behind the colon, as help shows it. */
  readonly placeholder: string
  /** One line of help: what it is. */
  readonly doc: string
  /** What it carries has no link layer, see `Netif.linkLayer`. */
  readonly carriesIp?: true
  /** Where there is no such device it is made, if the process may, and `ip tuntap` calls it so. */
  readonly makes?: 'tap' | 'tun'
  /** "expected this, not that", where this must not stand behind the colon. */
  problem(target: string): string | undefined
  /** What the interface is called in logs, zones of addresses and captures, where that is not its target. */
  nameOf?(target: string): string
  open(target: string, context: OpenNetifContext): Promise<Netif>
}

/** As the kernel's dev_valid_name: 1 to 15 bytes, no slash, colon or white space, not `.` or `..`; no comma either, which begins options. */
function isDeviceName(text: string): boolean {
  return /^(?!\.\.?$)[\x21-\x2b\x2d\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(text)
}

const DEVICE_NAME = "an interface's name of 1 to 15 characters such as tap0"
const TAP = { queues: integerOption('queues', 1, MAXIMUM_QUEUES) } as const

/** @throws InterfaceTextError */
function parseTap(target: string): { name: string; queues?: number } {
  const { address: name, options } = parseOptions(target, TAP)
  // Without a kind, or of none that there is, it may have been meant as anything.
  if (!isDeviceName(name)) {
    throw new InterfaceTextError(expectedInterface(), `${JSON.stringify(target)}${guessOfKind(target)}`)
  }
  return { name, ...options }
}

/** For `pakcet:eth0`. */
function guessOfKind(text: string): string {
  const [, written, rest] = /^([\w-]+):(.+)$/s.exec(text) ?? []
  const kind = written === undefined ? null : nearestKind(written)
  return kind === null ? '' : `; did you mean ${kind}:${rest}?`
}

function nearestKind(written: string): string | null {
  return nearestTo(
    written,
    INTERFACE_KINDS.map(({ kind }) => kind),
    1,
  )
}

/** @throws InterfaceTextError */
function checkDevice(target: string): void {
  const { address: name } = parseOptions(target, {})
  if (!isDeviceName(name)) throw new InterfaceTextError(DEVICE_NAME, JSON.stringify(name))
}

/** What every kind has that a device alone says all of. */
const DEVICE = {
  placeholder: 'NAME',
  problem: (target: string) => problemOf(() => checkDevice(target)),
}

/** The first is what a name alone means. */
export const INTERFACE_KINDS: readonly InterfaceKind[] = [
  {
    kind: 'tap',
    label: 'tap',
    placeholder: 'NAME[,queues=N]',
    makes: 'tap',
    doc: 'a tap device; with 1 to 16 queues, over which the kernel spreads connections',
    problem: (target) => problemOf(() => parseTap(target)),
    nameOf: (target) => parseOptions(target, TAP).address,
    open: async (target, { memory }) => {
      const { name, queues } = parseTap(target)
      return await (queues === undefined ? Tap.open({ name, memory }) : MultiQueueTap.open({ name, queues, memory }))
    },
  },
  {
    kind: 'packet',
    label: 'packet socket',
    ...DEVICE,
    doc: 'an existing interface such as a veth or a NIC, through a packet socket',
    open: (name, { memory }) => openPacketSocket({ name, memory }),
  },
  {
    kind: 'pcap',
    label: 'libpcap',
    ...DEVICE,
    doc: 'an existing interface, through the optional package pcap',
    open: (name, { memory }) => openPcap({ name, memory }),
  },
  {
    kind: 'tun',
    label: 'tun',
    ...DEVICE,
    makes: 'tun',
    doc: 'a tun device: IP packets from point to point, without Ethernet',
    carriesIp: true,
    open: (name, { memory }) => openTun({ name, memory }),
  },
  {
    kind: 'raw',
    label: 'raw sockets on',
    ...DEVICE,
    doc: 'IPv4 without Ethernet, through raw sockets on an interface, by the optional package raw-socket',
    carriesIp: true,
    open: (name, { memory }) => openRawSockets({ name, memory }),
  },
  REPLAY_KIND,
  ...CARRIER_KINDS,
]

/** `--interface`, taken apart. */
export interface ParsedInterface {
  readonly kind: InterfaceKind
  /** What stands behind the colon. */
  readonly target: string
  /** What the interface is called. */
  readonly name: string
}

/** `packet:eth0` as what it is, and of what; without a kind that there is it is a tap. */
export function parseInterface(text: string): ParsedInterface {
  const colon = text.indexOf(':')
  const named = INTERFACE_KINDS.find(({ kind }) => kind === text.slice(0, Math.max(0, colon)))
  const kind = named ?? INTERFACE_KINDS[0]!
  const target = named === undefined ? text : text.slice(colon + 1)
  const isUnderstood = kind.problem(target) === undefined
  return { kind, target, name: (isUnderstood ? kind.nameOf?.(target) : undefined) ?? target }
}

/** Whether `openNetif` understands it; what it names need not be there. */
export function isInterface(text: string): boolean {
  return interfaceProblem(text) === undefined
}

/** Why `openNetif` does not understand it: "expected this, not that"; undefined where it does. */
export function interfaceProblem(text: string): string | undefined {
  const { kind, target } = parseInterface(text)
  return kind.problem(target)
}

/** `packet:NAME, pcap:NAME`: all kinds that have to be written. */
export function interfaceKinds(): string {
  return INTERFACE_KINDS.slice(1)
    .map(({ kind, placeholder }) => `${kind}:${placeholder}`)
    .join(', ')
}

/** What `--interface` expects, as a phrase. */
export function expectedInterface(): string {
  const kinds = INTERFACE_KINDS.slice(1).map(({ kind }) => `${kind}:`)
  return `${DEVICE_NAME}, or what follows one of ${kinds.join(', ')}`
}

/**
 * Opens an interface by its text: `tap0` or `tap:tap0` for a tap, `packet:eth0` for an existing one through a packet socket, and
 * so on through `INTERFACE_KINDS`.
 * @throws TypeError in one line for what is no interface's text; and as the function that opens that kind
 */
export async function openNetif(text: string, context: OpenNetifContext): Promise<Netif> {
  const { kind, target } = parseInterface(text)
  const problem = kind.problem(target)
  if (problem !== undefined) throw new TypeError(`interface ${text}: ${problem}`)
  const { makes } = kind
  const { log } = context
  if (makes === undefined || log === undefined) return await kind.open(target, context)
  const known = interfaceNames()
  const netif = await kind.open(target, context)
  if (!known.includes(netif.name)) tellOfMade(makes, netif.name, known, log)
  return netif
}

/** A name that is misspelt makes a device which leads nowhere, and nobody would know. */
function tellOfMade(kind: 'tap' | 'tun', name: string, known: readonly string[], log: Log): void {
  const another = INTERFACE_KINDS.find((each) => each.kind === name)
  const meant = another === undefined ? misspeltInterface(name, known) : `${name}:${another.placeholder}`
  const made = `there was no ${name}: a ${kind} of that name is made, and gone at the end`
  if (meant !== null) log.warn(`${made}; did you mean ${meant}?`)
  else log.info(`${made}; "ip tuntap add dev ${name} mode ${kind}" makes one that stays`)
}
