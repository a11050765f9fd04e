import type { Clock } from '../clock/index.ts'
import type { PacketMemory } from '../packet/index.ts'
import { CARRIER_KINDS } from './carrier/index.ts'
import { MultiQueueTap } from './multi-queue-tap.ts'
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
  /** Whether this may stand behind the colon. */
  accepts(target: string): boolean
  /** What the interface is called in logs, zones of addresses and captures, where that is not its target. */
  nameOf?(target: string): string
  open(target: string, context: OpenNetifContext): Promise<Netif>
}

/** As the kernel's dev_valid_name: 1 to 15 bytes, no slash, colon or white space, not `.` or `..`. */
function isDeviceName(text: string): boolean {
  return /^(?!\.\.?$)[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/.test(text)
}

/** `tap0`, or `tap0,queues=4`; null for what can be neither. */
function parseTap(target: string): { name: string; queues: number | null } | null {
  const [, name = target, option, digits = ''] = /^(.*?)(,queues=(.*))?$/s.exec(target) ?? []
  if (!isDeviceName(name)) return null
  if (option === undefined) return { name, queues: null }
  return /^([1-9]|1[0-6])$/.test(digits) ? { name, queues: Number(digits) } : null
}

/** The first is what a name alone means. */
export const INTERFACE_KINDS: readonly InterfaceKind[] = [
  {
    kind: 'tap',
    label: 'tap',
    placeholder: 'NAME[,queues=N]',
    doc: 'a tap device; with 1 to 16 queues, over which the kernel spreads connections',
    accepts: (target) => parseTap(target) !== null,
    nameOf: (target) => parseTap(target)?.name ?? target,
    open: (target, { memory }) => {
      const { name, queues } = parseTap(target) ?? { name: target, queues: null }
      return queues === null ? Tap.open({ name, memory }) : MultiQueueTap.open({ name, queues, memory })
    },
  },
  {
    kind: 'packet',
    label: 'packet socket',
    placeholder: 'NAME',
    doc: 'an existing interface such as a veth or a NIC, through a packet socket',
    accepts: isDeviceName,
    open: (name, { memory }) => openPacketSocket({ name, memory }),
  },
  {
    kind: 'pcap',
    label: 'libpcap',
    placeholder: 'NAME',
    doc: 'an existing interface, through the optional package pcap',
    accepts: isDeviceName,
    open: (name, { memory }) => openPcap({ name, memory }),
  },
  {
    kind: 'tun',
    label: 'tun',
    placeholder: 'NAME',
    doc: 'a tun device: IP packets from point to point, without Ethernet',
    carriesIp: true,
    accepts: isDeviceName,
    open: (name, { memory }) => openTun({ name, memory }),
  },
  {
    kind: 'raw',
    label: 'raw sockets on',
    placeholder: 'NAME',
    doc: 'IPv4 without Ethernet, through raw sockets on an interface, by the optional package raw-socket',
    carriesIp: true,
    accepts: isDeviceName,
    open: (name, { memory }) => openRawSockets({ name, memory }),
  },
  REPLAY_KIND,
  ...CARRIER_KINDS,
]

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
  return { kind, target, name: kind.nameOf?.(target) ?? target }
}

/** Whether `openNetif` understands it; what it names need not be there. */
export function isInterface(text: string): boolean {
  const { kind, target } = parseInterface(text)
  return kind.accepts(target)
}

/** `packet:NAME, pcap:NAME`: all kinds that have to be written. */
export function interfaceKinds(): string {
  return INTERFACE_KINDS.slice(1)
    .map(({ kind, placeholder }) => `${kind}:${placeholder}`)
    .join(', ')
}

/** What `--interface` expects, as a phrase, closer where the text is of a kind that there is: `packet:NAME`. */
export function expectedInterface(text = ''): string {
  const { kind } = parseInterface(text)
  if (text.startsWith(`${kind.kind}:`)) return `${kind.kind}:${kind.placeholder}, ${kind.doc}`
  const kinds = INTERFACE_KINDS.slice(1).map(({ kind }) => `${kind}:`)
  return `an interface's name of 1 to 15 characters such as tap0, or what follows one of ${kinds.join(', ')}`
}

/**
 * Opens an interface by its text: `tap0` or `tap:tap0` for a tap, `packet:eth0` for an existing one through a packet socket, and
 * so on through `INTERFACE_KINDS`.
 * @throws as the function that opens that kind
 */
export async function openNetif(text: string, context: OpenNetifContext): Promise<Netif> {
  const { kind, target } = parseInterface(text)
  return await kind.open(target, context)
}
