import { InvalidArgumentError } from 'commander'
import { IpAddress, type IpPrefix } from '../address/index.ts'
import { EXIT_USAGE, Failure } from './failure.ts'

/** A port of the host's loopback and where in the sandbox its connections go. */
export interface Publication {
  /** 0 to 65,535; 0 takes a free one. */
  readonly hostPort: number
  readonly address: string
  /** 1 to 65,535. */
  readonly port: number
}

/** As it stands on the command line: without an address it means the stack's. */
export interface UnresolvedPublication {
  readonly hostPort: number
  readonly address: string | null
  readonly port: number
}

/** @param text `8080:80`, `8080:10.0.0.3:80` or `8080:[fd00::2]:80` */
export function parsePublication(text: string): UnresolvedPublication {
  const match = /^(\d{1,5}):(?:(?:\[([^\]]+)\]|([\d.]+)):)?(\d{1,5})$/.exec(text)
  const hostPort = Number(match?.[1])
  const port = Number(match?.[4])
  const address = match?.[2] ?? match?.[3] ?? null
  if (match === null || hostPort > 65535 || port < 1 || port > 65535 || !isAddress(address)) {
    const isBare = /^\d{1,5}:[0-9a-f:.]*:[0-9a-f.]*:\d{1,5}$/i.test(text)
    const example = isBare ? '8080:[fd00::2]:80' : '8080:80'
    throw new InvalidArgumentError(`Expected HOSTPORT:PORT or HOSTPORT:ADDRESS:PORT, such as ${example}.`)
  }
  return { hostPort, address, port }
}

/** @param text 1 to 65535 */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) {
    throw new InvalidArgumentError('Expected a port, 1 to 65535.')
  }
  return port
}

/** @param kernel the kernel's own address on the tap device: the stack's is taken to be the other one of that network */
export function resolvePublications(publications: readonly UnresolvedPublication[], kernel: IpPrefix): Publication[] {
  return publications.map(({ hostPort, address, port }) => ({
    hostPort,
    address: address ?? neighbourOf(kernel),
    port,
  }))
}

/** The first host address of a network that is not our own: 10.0.0.2 for 10.0.0.1/24. */
function neighbourOf(own: IpPrefix): string {
  const { word0, word1, word2, word3 } = own.network.address
  for (const offset of own.length >= (own.family === 4 ? 31 : 127) ? [0, 1] : [1, 2]) {
    const candidate = IpAddress.fromWords(word0, word1, word2, word3 + offset)
    if (candidate.toString() !== own.address.toString() && own.contains(candidate)) return candidate.toString()
  }
  throw new Failure(`--address ${own} leaves no address for the stack: expected a shorter prefix`, EXIT_USAGE)
}

function isAddress(text: string | null): boolean {
  if (text === null) return true
  try {
    IpAddress.parse(text)
    return true
  } catch {
    return false
  }
}
