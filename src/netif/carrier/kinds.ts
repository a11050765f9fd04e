import type { InterfaceKind, OpenNetifContext } from '../open-netif.ts'
import { openByteStream } from './byte-stream-peers.ts'
import { parseHostAndPort, parseTarget, type Target } from './target.ts'

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
]
