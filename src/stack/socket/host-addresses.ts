import { networkInterfaces } from 'node:os'
import { IpPrefix } from '../../address/index.ts'
import type { StackEvents } from '../stack.ts'

type AddressHandler = Parameters<StackEvents['onAddress']>[0]

/** How often changes of the host's addresses are looked for: Node offers no event for them. */
const POLL_MILLISECONDS = 2_000

const MAPPED = '::ffff:'

/** A dual-stack socket shows IPv4 peers in the IPv4-mapped form (RFC 4291, 2.5.5.2); applications see plain IPv4. */
export function withoutMapping(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
}

/** The addresses of the host's interfaces, and a watch on them. */
export class HostAddresses {
  readonly #handlers: AddressHandler[] = []
  readonly #isOurs: (prefix: IpPrefix) => boolean
  #timer: NodeJS.Timeout | null = null
  /** Interface and prefix as one text -> both, as last seen while watching. */
  #seen = new Map<string, { prefix: IpPrefix; interface: string }>()

  /** @param isOurs picks those to show */
  constructor(isOurs: (prefix: IpPrefix) => boolean) {
    this.#isOurs = isOurs
  }

  get current(): IpPrefix[] {
    return [...this.#read().values()].map((entry) => entry.prefix)
  }

  watch(handler: AddressHandler): void {
    this.#handlers.push(handler)
    if (this.#timer !== null) return
    this.#seen = this.#read()
    this.#timer = setInterval(() => this.#compare(), POLL_MILLISECONDS)
    this.#timer.unref()
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#handlers.length = 0
  }

  #read(): Map<string, { prefix: IpPrefix; interface: string }> {
    const found = new Map<string, { prefix: IpPrefix; interface: string }>()
    for (const [name, addresses] of Object.entries(networkInterfaces())) {
      for (const address of addresses ?? []) {
        if (address.cidr === null) continue
        const prefix = IpPrefix.parse(address.cidr)
        if (this.#isOurs(prefix)) found.set(`${name} ${address.cidr}`, { prefix, interface: name })
      }
    }
    return found
  }

  #compare(): void {
    const before = this.#seen
    this.#seen = this.#read()
    for (const [key, entry] of this.#seen) if (!before.has(key)) this.#emit('added', entry)
    for (const [key, entry] of before) if (!this.#seen.has(key)) this.#emit('removed', entry)
  }

  #emit(type: 'added' | 'removed', entry: { prefix: IpPrefix; interface: string }): void {
    for (const handler of this.#handlers) handler({ type, ...entry })
  }
}
