import { readFileSync } from 'node:fs'
import { parseInterface } from '../netif/index.ts'
import { type BootValues, isSocket } from './boot-arguments.ts'

/** Ways to a network in which the kernel stands as well, with addresses of its own; `raw:` may be meant to share one. */
const BESIDE_THE_KERNEL: readonly string[] = ['tap', 'tun', 'packet', 'pcap']

/**
 * That the address of `--ipv4` is one of this machine, as a sentence: the kernel then answers in our place and sends us nothing. Of
 * IPv6 duplicate address detection tells.
 * @param local the kernel's table of local addresses, /proc/net/fib_trie; default that of this network namespace
 */
export function kernelHasAddress(
  values: Pick<BootValues, 'net' | 'interface' | 'ipv4' | 'ipv6Only'>,
  local = localTable(),
): string | null {
  const { ipv4 } = values
  if (ipv4 === undefined || values.ipv6Only || isSocket(values)) return null
  if (!BESIDE_THE_KERNEL.includes(parseInterface(values.interface).kind.kind)) return null
  if (!addressesIn(local).has(`${ipv4.address}`)) return null
  const other = ipv4.length < 32 ? `another one of ${ipv4.network}` : 'another one'
  return `--ipv4: this machine has ${ipv4.address} itself, and nobody on it reaches us there; choose ${other}`
}

function localTable(): string {
  try {
    return readFileSync('/proc/self/net/fib_trie', 'utf8')
  } catch {
    return ''
  }
}

/** Each stands in a line of its own, and what it is in one that follows: `/32 host LOCAL`. */
function addressesIn(table: string): Set<string> {
  const found = new Set<string>()
  let address = ''
  for (const line of table.split('\n')) {
    const [, next] = /\|-- ([\d.]+)$/.exec(line) ?? []
    if (next !== undefined) address = next
    else if (/\/32 host LOCAL/.test(line)) found.add(address)
  }
  return found
}
