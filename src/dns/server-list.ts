import { type Clock, MINUTE, type Microseconds, SECOND } from '../clock/index.ts'
import { type DnsServer, formatServer } from './server.ts'

/** How long a server that failed is asked after the others. */
const DEMOTION: Microseconds = 30 * SECOND
/** How long it is remembered that a server does not understand EDNS. */
const WITHOUT_EDNS: Microseconds = 15 * MINUTE
/** Learnt ones that are kept: what a network offers, not what anybody sends. */
export const MOST_LEARNT_SERVERS = 16
const MOST_SEARCH_DOMAINS = 32

/** A server and what we know about it. */
export class ServerState {
  readonly server: DnsServer
  readonly key: string
  /** Asked after the others until then. */
  demotedUntil: Microseconds = Number.NEGATIVE_INFINITY
  withoutEdnsUntil: Microseconds = Number.NEGATIVE_INFINITY

  constructor(server: DnsServer) {
    this.server = server
    this.key = formatServer(server)
  }
}

/** What a source other than the application says: DHCP, or a router's advertisement. */
export interface LearntServers {
  readonly servers: readonly DnsServer[]
  readonly searchList?: readonly string[]
}

/**
 * The servers that are asked, and in which order. Those that the application names count alone; otherwise those that the
 * network offers, those of DHCP first.
 */
export class ServerList {
  readonly #clock: Clock
  readonly #rotate: boolean
  readonly #parent: ServerList | null
  #configured: ServerState[] | null = null
  readonly #learnt = new Map<string, { states: ServerState[]; searchList: readonly string[] }>()
  #next = 0

  /**
   * @param rotate begins each question with another server, as `options rotate` of resolv.conf
   * @param parent whose servers count while this list has none of its own
   */
  constructor(clock: Clock, rotate: boolean, parent: ServerList | null = null) {
    this.#clock = clock
    this.#rotate = rotate
    this.#parent = parent
  }

  /** Null: only what is learnt counts. */
  configure(servers: readonly DnsServer[] | null): void {
    this.#configured = servers === null ? null : withoutRepeats(servers.map((server) => this.#known(server)))
  }

  /**
   * What one source says from now on, instead of what it said before; null: nothing any more.
   * @returns whether that is another thing
   */
  learn(source: string, learnt: LearntServers | null): boolean {
    if (learnt === null) return this.#learnt.delete(source)
    const before = this.#learnt.get(source)
    const states = learnt.servers.slice(0, MOST_LEARNT_SERVERS).map((server) => this.#known(server))
    const searchList = (learnt.searchList ?? []).slice(0, MOST_SEARCH_DOMAINS)
    this.#learnt.set(source, { states, searchList })
    return (
      before === undefined ||
      before.states.map(({ key }) => key).join() !== states.map(({ key }) => key).join() ||
      before.searchList.join() !== searchList.join()
    )
  }

  /** What is known of a server stays known. */
  #known(server: DnsServer): ServerState {
    const key = formatServer(server)
    return this.#states().find((state) => state.key === key) ?? new ServerState(server)
  }

  get servers(): DnsServer[] {
    return this.#states().map(({ server }) => server)
  }

  /** What the network offers; the application's own list comes before it. */
  get learntSearchList(): string[] {
    return [...new Set(this.#sources().flatMap(({ searchList }) => searchList))]
  }

  #sources() {
    return [...this.#learnt]
      .sort(([one], [other]) => Number(other === 'dhcp') - Number(one === 'dhcp'))
      .map(([, each]) => each)
  }

  #states(): ServerState[] {
    if (this.#configured !== null) return this.#configured
    if (this.#parent !== null) return this.#parent.#states()
    return withoutRepeats(this.#sources().flatMap((source) => source.states))
  }

  /** The order for one question: as configured, those that failed lately last. */
  order(): ServerState[] {
    const states = this.#states()
    const now = this.#clock.now()
    const start = this.#rotate && states.length > 0 ? this.#next++ % states.length : 0
    const rotated = [...states.slice(start), ...states.slice(0, start)]
    return [
      ...rotated.filter(({ demotedUntil }) => demotedUntil <= now),
      ...rotated.filter(({ demotedUntil }) => demotedUntil > now),
    ]
  }

  failed(state: ServerState): void {
    state.demotedUntil = this.#clock.now() + DEMOTION
  }

  answered(state: ServerState): void {
    state.demotedUntil = Number.NEGATIVE_INFINITY
  }

  /** RFC 6891, section 7. */
  refusedEdns(state: ServerState): void {
    state.withoutEdnsUntil = this.#clock.now() + WITHOUT_EDNS
  }

  understandsEdns(state: ServerState): boolean {
    return state.withoutEdnsUntil <= this.#clock.now()
  }
}

/** Asking a server again in the place of another one would be a waste of time. So does c-ares. */
function withoutRepeats(states: readonly ServerState[]): ServerState[] {
  return states.filter((state, index) => states.findIndex(({ key }) => key === state.key) === index)
}
