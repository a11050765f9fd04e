import { readFileSync } from 'node:fs'
import type { IpPrefix } from '../../address/index.ts'
import type { Clock, Random } from '../../clock/index.ts'
import {
  AddressLookup,
  createDnsModule,
  type DestinationOrder,
  DnsClient,
  type DnsHost,
  type DnsModule,
  type HappyEyeballsSettings,
  Hosts,
  parseResolvConf,
  parseServers,
} from '../../dns/index.ts'
import type { Log } from '../../log/index.ts'
import type { OpenHandles } from '../node-modules.ts'
import type { ConnectOptions, Flow } from '../stack.ts'
import { checkDnsOptions, type DnsOptions } from './dns-options.ts'
import { type DnsCarrier, StackDnsTransport } from './dns-transport.ts'
import { NameConnector } from './name-connector.ts'
import { WatchedFile } from './watched-file.ts'

/** Resolvers of the application that are made before those that it no longer has are forgotten. */
const FORGET_EVERY = 256

export interface StackDnsParts {
  carrier: DnsCarrier & { readonly addresses: readonly IpPrefix[] }
  /** How several addresses are ordered; default by the carrier's addresses alone. */
  order?: Omit<DestinationOrder, 'addresses'>
  clock: Clock
  random: Random
  log: Log
  options?: DnsOptions | undefined
  happyEyeballs?: Partial<HappyEyeballsSettings> | undefined
  /** One attempt to connect to an address. */
  connect(options: ConnectOptions): Promise<Flow>
  /** Where questions under way count as what holds a process. */
  openHandles?: OpenHandles
  /** Takes what the options leave open from the operating system's resolv.conf. */
  asSystem?: boolean
}

/** The resolver of a stack, composed: `src/dns/` over the stack's own sockets, and the files of the system. */
export class StackDns {
  readonly client: DnsClient
  readonly lookup: AddressLookup
  readonly module: DnsModule
  readonly connector: NameConnector
  readonly #clients = new Set<WeakRef<DnsClient>>()

  /** @throws TypeError or RangeError for an option */
  constructor(parts: StackDnsParts) {
    const { carrier, clock, random, log, options = {}, asSystem = false } = parts
    checkDnsOptions(options)
    const system = parseResolvConf(asSystem ? textOf('/etc/resolv.conf') : '')
    const transport = new StackDnsTransport(carrier, options.certificateAuthorities)
    const servers = options.servers ?? (asSystem ? system.servers : null)
    const { openHandles } = parts
    const onPending = (isPending: boolean) => (isPending ? openHandles?.opened() : openHandles?.closed())
    const own = { transport, clock, random, log, rotate: options.rotate ?? system.rotate, onPending }
    const sizes = options.cacheSize === undefined ? {} : { cacheSize: options.cacheSize }
    this.client = new DnsClient({
      ...own,
      ...sizes,
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(servers === null ? {} : { servers: parseServers(servers) }),
    })
    const hostsFile = new WatchedFile(
      options.hostsFile === undefined ? '/etc/hosts' : options.hostsFile,
      clock,
      Hosts.parse,
    )
    const services = new WatchedFile('/etc/services', clock, serviceNames)
    const hosts = () => hostsFile.value
    this.lookup = new AddressLookup({
      client: this.client,
      searchList: options.searchList ?? (asSystem ? system.searchList : null),
      ndots: options.ndots ?? system.ndots ?? 1,
      hosts,
    })
    const order = { ...parts.order, addresses: () => carrier.addresses }
    const host: DnsHost = {
      ...order,
      client: this.client,
      lookup: this.lookup,
      hosts,
      nameRequests: openHandles?.nameRequests,
      serviceName: (port) => services.value.get(port) ?? String(port),
      newClient: (differing) => {
        const client = new DnsClient({ ...own, ...sizes, parent: this.client.servers, ...differing })
        if (this.#clients.size % FORGET_EVERY === FORGET_EVERY - 1) this.#forgetUnused()
        this.#clients.add(new WeakRef(client))
        return client
      },
    }
    this.module = createDnsModule(host)
    this.connector = new NameConnector({
      lookup: this.lookup,
      clock,
      order,
      settings: parts.happyEyeballs,
      connect: (options) => parts.connect(options),
    })
  }

  #forgetUnused(): void {
    for (const client of this.#clients) if (client.deref() === undefined) this.#clients.delete(client)
  }

  /** Ends all questions, and those of every resolver that was made. */
  close(): void {
    this.client.close()
    for (const client of this.#clients) client.deref()?.close()
    this.#clients.clear()
  }
}

/** Names of TCP services by their port, services(5); UDP has the same ones. */
function serviceNames(text: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const [, name, port] of text.matchAll(/^([^#\s]+)\s+(\d+)\/tcp\b/gm)) {
    if (!names.has(Number(port))) names.set(Number(port), name)
  }
  return names
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
