import { isIP, isIPv6 } from 'node:net'
import type { InterfaceKind, OpenNetifContext } from '../open-netif.ts'
import { openByteStream } from './byte-stream-peers.ts'
import { LARGEST_DATAGRAM_MTU, openDatagram } from './datagram.ts'
import { parseHostAndPort, parseTarget, type Target } from './target.ts'
import { openWebSocket } from './web-socket.ts'

const COMMON = ['mac', 'mtu'] as const
const CONNECTING = [...COMMON, 'reconnect'] as const
const LOOPBACK = '127.0.0.1'
/** sockaddr_un, unix(7). */
const LONGEST_PATH = 107

function unixTarget(text: string, allowed: typeof COMMON | typeof CONNECTING) {
  const target = parseTarget(text, allowed)
  if (target === undefined || Buffer.byteLength(target.address) > LONGEST_PATH) return undefined
  return { path: target.address, ...optionsOf(target) }
}

function tcpTarget(text: string, allowed: typeof COMMON | typeof CONNECTING, defaultHost?: string) {
  const target = parseTarget(text, allowed)
  const address = target === undefined ? undefined : parseHostAndPort(target.address, defaultHost)
  return address === undefined ? undefined : { ...address, ...optionsOf(target!) }
}

function udpTarget(text: string) {
  const target = parseTarget(text, [...COMMON, 'local'])
  const remote = target === undefined ? undefined : parseHostAndPort(target.address)
  if (remote === undefined || isIP(remote.host) === 0 || (target!.mtu ?? 0) > LARGEST_DATAGRAM_MTU) return undefined
  const local = parseHostAndPort(target!.local ?? '', isIPv6(remote.host) ? '::1' : LOOPBACK)
  if (local === undefined || isIP(local.host) !== isIP(remote.host)) return undefined
  return { ...optionsOf(target!), remote, local }
}

/** @param scheme `ws` or `wss`, which stands before the colon */
function webSocketTarget(scheme: string, text: string) {
  const target = parseTarget(text, CONNECTING)
  const url = `${scheme}:${target?.address}`
  // A WebSocket takes no fragment, and would find a host in a path where there is no `//`.
  if (target === undefined || !/^\/\/[^/]/.test(target.address) || url.includes('#') || !URL.canParse(url))
    return undefined
  return { ...optionsOf(target), url }
}

function optionsOf({ address: _, ...options }: Target) {
  return options
}

/** One that is made of how its target is read, and how what was read is opened. */
function carrier<T>(
  kind: string,
  describe: Pick<InterfaceKind, 'label' | 'placeholder' | 'doc'>,
  parse: (target: string) => T | undefined,
  open: (target: T, context: OpenNetifContext) => ReturnType<InterfaceKind['open']>,
): InterfaceKind {
  return {
    kind,
    ...describe,
    accepts: (target) => parse(target) !== undefined,
    // A path or a port is no zone of an address; of several in one process each has its own stack.
    nameOf: () => kind,
    open: async (target, context) => {
      const parsed = parse(target)
      if (parsed === undefined)
        throw new TypeError(`an interface ${kind}:${describe.placeholder}, not ${kind}:${target}`)
      return await open(parsed, context)
    },
  }
}

/** The ways to reach a network that are no device of the kernel. */
export const CARRIER_KINDS: readonly InterfaceKind[] = [
  carrier(
    'unix',
    {
      label: 'UNIX socket',
      placeholder: 'PATH',
      doc: "connects to a UNIX socket, with frames as QEMU's -netdev stream has them",
    },
    (target) => unixTarget(target, CONNECTING),
    (target, { memory }) => openByteStream({ ...target, memory }),
  ),
  carrier(
    'unix-listen',
    {
      label: 'UNIX socket, listening:',
      placeholder: 'PATH',
      doc: "listens on a UNIX socket, with frames as QEMU's -netdev stream has them",
    },
    (target) => unixTarget(target, COMMON),
    (target, { memory }) => openByteStream({ ...target, memory, listen: true, name: 'unix-listen' }),
  ),
  carrier(
    'tcp',
    {
      label: 'TCP connection',
      placeholder: 'HOST:PORT',
      doc: "connects to a TCP port, with frames as QEMU's -netdev stream has them",
    },
    (target) => tcpTarget(target, CONNECTING),
    (target, { memory }) => openByteStream({ ...target, memory }),
  ),
  carrier(
    'tcp-listen',
    {
      label: 'TCP, listening:',
      placeholder: '[HOST:]PORT',
      doc: `listens on a TCP port, of ${LOOPBACK} without HOST, with frames as QEMU's -netdev stream has them`,
    },
    (target) => tcpTarget(target, COMMON, LOOPBACK),
    (target, { memory }) => openByteStream({ ...target, memory, listen: true, name: 'tcp-listen' }),
  ),
  carrier(
    'udp',
    {
      label: 'UDP',
      placeholder: 'ADDRESS:PORT,local=[ADDRESS:]PORT',
      doc: "a frame in each datagram, as QEMU's -netdev dgram has them",
    },
    udpTarget,
    (target, { memory }) => openDatagram({ ...target, memory }),
  ),
  ...['ws', 'wss'].map((scheme) =>
    carrier(
      scheme,
      {
        label: scheme === 'ws' ? 'WebSocket' : 'WebSocket over TLS',
        placeholder: '//HOST[:PORT]/PATH',
        doc: 'a frame in each message of a WebSocket',
      },
      (target) => webSocketTarget(scheme, target),
      (target, { memory }) => openWebSocket({ ...target, memory, name: scheme }),
    ),
  ),
]
