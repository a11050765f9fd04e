import { isIP, isIPv6 } from 'node:net'
import { InterfaceTextError, integerOption, parseOptions, problemOf } from '../interface-text.ts'
import type { InterfaceKind, OpenNetifContext } from '../open-netif.ts'
import { openByteStream } from './byte-stream-peers.ts'
import { LARGEST_DATAGRAM_MTU, openDatagram } from './datagram.ts'
import { COMMON, CONNECTING, type HostAndPort, parseHostAndPort } from './target.ts'
import { openUnixDatagram } from './unix-datagram.ts'
import { LONGEST_PATH } from './unix-path.ts'
import { openWebSocket } from './web-socket.ts'

const LOOPBACK = '127.0.0.1'

function unixTarget(text: string, allowed: typeof COMMON | typeof CONNECTING) {
  const { address: path, options } = parseOptions(text, allowed)
  checkPath(path)
  return { path, ...options }
}

function checkPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes === 0) throw new InterfaceTextError('the path of a socket', 'nothing')
  if (bytes > LONGEST_PATH)
    throw new InterfaceTextError(`the path of a socket, ${LONGEST_PATH} bytes at most`, `one of ${bytes}`)
}

const LOCAL_PATH = { form: 'local=PATH', parse: (text: string) => (text === '' ? undefined : text) }
const UNIX_DATAGRAM = { local: LOCAL_PATH, ...COMMON } as const

function unixDatagramTarget(text: string) {
  const { address: remote, options } = parseOptions(text, UNIX_DATAGRAM)
  const { local } = options
  checkPath(remote)
  if (local === undefined) throw new InterfaceTextError(`${LOCAL_PATH.form} behind a comma`, 'nothing')
  checkPath(local)
  if (local === remote) throw new InterfaceTextError('a socket for each end', JSON.stringify(`local=${local}`))
  return { ...options, local, remote }
}

function tcpTarget(text: string, allowed: typeof COMMON | typeof CONNECTING, defaultHost?: string) {
  const { address, options } = parseOptions(text, allowed)
  const found = parseHostAndPort(address, defaultHost)
  if (found === undefined)
    throw new InterfaceTextError(`${defaultHost === undefined ? 'HOST:PORT' : '[HOST:]PORT'}`, JSON.stringify(address))
  return { ...found, ...options }
}

const LOCAL = {
  form: 'local=[ADDRESS:]PORT',
  // Whose default depends on the family of the other end.
  parse: (text: string) => (parseHostAndPort(text, LOOPBACK) === undefined ? undefined : text),
}
const UDP = { local: LOCAL, mac: COMMON.mac, mtu: integerOption('mtu', 68, LARGEST_DATAGRAM_MTU) } as const

function udpTarget(text: string): { remote: HostAndPort; local: HostAndPort } {
  const { address, options } = parseOptions(text, UDP)
  const remote = parseHostAndPort(address)
  if (remote === undefined || isIP(remote.host) === 0)
    throw new InterfaceTextError('ADDRESS:PORT of the other end', JSON.stringify(address))
  if (options.local === undefined) throw new InterfaceTextError(`${LOCAL.form} behind a comma`, 'nothing')
  const local = parseHostAndPort(options.local, isIPv6(remote.host) ? '::1' : LOOPBACK)
  if (local === undefined || isIP(local.host) !== isIP(remote.host))
    throw new InterfaceTextError(`${LOCAL.form} of the family of ${remote.host}`, JSON.stringify(options.local))
  return { ...options, remote, local }
}

/** @param scheme `ws` or `wss`, which stands before the colon */
function webSocketTarget(scheme: string, text: string) {
  const { address, options } = parseOptions(text, CONNECTING)
  const url = `${scheme}:${address}`
  // A WebSocket takes no fragment, and would find a host in a path where there is no `//`.
  if (!/^\/\/[^/]/.test(address) || url.includes('#') || !URL.canParse(url))
    throw new InterfaceTextError(`${scheme}://HOST[:PORT]/PATH`, JSON.stringify(url))
  return { ...options, url }
}

/** One that is made of how its target is read, and how what was read is opened. @param parse throws InterfaceTextError */
function carrier<T>(
  kind: string,
  describe: Pick<InterfaceKind, 'label' | 'placeholder' | 'doc'>,
  parse: (target: string) => T,
  open: (target: T, context: OpenNetifContext) => ReturnType<InterfaceKind['open']>,
): InterfaceKind {
  return {
    kind,
    ...describe,
    problem: (target) => problemOf(() => parse(target)),
    // A path or a port is no zone of an address; of several in one process each has its own stack.
    nameOf: () => kind,
    open: async (target, context) => await open(parse(target), context),
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
    'unix-dgram',
    {
      label: 'UNIX datagram socket',
      placeholder: 'PATH,local=PATH',
      doc: "a frame in each datagram between two UNIX sockets, as QEMU's -netdev dgram has them",
    },
    unixDatagramTarget,
    (target, { memory }) => openUnixDatagram({ ...target, memory }),
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
