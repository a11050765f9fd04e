/** A lease that outlives the program, so that the next run asks for the same address at once (RFC 2131, section 3.2). */

import { IpAddress, IpPrefix } from '../../address/index.ts'
import { type Clock, SECOND } from '../../clock/index.ts'
import { isHostAddress } from '../../ipv4/index.ts'
import type { Log } from '../../log/index.ts'
import type { Dhcpv4Lease } from './lease.ts'

/** Where a lease outlives the program: a file, usually. */
export interface Dhcpv4LeaseStore {
  /** The text that was saved last, null if none ever was. */
  load(): Promise<string | null> | string | null
  save(text: string): Promise<void> | void
}

/** What is remembered. */
export interface RememberedLease {
  readonly address: IpPrefix
  readonly serverId: IpAddress
  /** Whether its time has run out, so that it is a wish and no more. */
  readonly isOver: boolean
}

/** What stands in the store when there is nothing to remember. */
const NOTHING = ''

/** A store and what is written there. Without memory a lease is as good as with it: what goes wrong is logged. */
export class LeaseMemory {
  readonly #store: Dhcpv4LeaseStore
  readonly #clock: Clock
  readonly #log: Log
  /** One write after the other, so that the last one stays. */
  #writing: Promise<void> = Promise.resolve()

  constructor(store: Dhcpv4LeaseStore, clock: Clock, log: Log) {
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Never rejects. @returns null for nothing, and for what `remember` has not written */
  async recall(): Promise<RememberedLease | null> {
    try {
      const text = (await this.#store.load()) ?? NOTHING
      return text.trim() === NOTHING ? null : parseLeaseText(text, this.#clock)
    } catch (error) {
      this.#log.warn('no lease can be recalled', { error: String(error) })
      return null
    }
  }

  remember(lease: Dhcpv4Lease): void {
    this.#save(leaseText(lease, this.#clock))
  }

  forget(): void {
    this.#save(NOTHING)
  }

  /** Resolves when all is written, or could not be. */
  get written(): Promise<void> {
    return this.#writing
  }

  #save(text: string): void {
    const failed = (error: unknown) =>
      this.#log.warn('the lease cannot be remembered', { reason: (error as Error).message })
    this.#writing = this.#writing.then(() => this.#store.save(text)).catch(failed)
  }
}

/** With the end in seconds since 1970, because monotonic time begins anew with each run. */
function leaseText(lease: Dhcpv4Lease, clock: Clock): string {
  const isForever = lease.expiresAt === Number.POSITIVE_INFINITY
  const expires = isForever ? null : Math.floor((clock.epoch + lease.expiresAt) / SECOND)
  return `${JSON.stringify({ address: lease.address.toString(), server: lease.serverId.toString(), expires })}\n`
}

function parseLeaseText(text: string, clock: Clock): RememberedLease | null {
  try {
    const { address, server, expires } = JSON.parse(text) as Record<string, unknown>
    if (typeof address !== 'string' || typeof server !== 'string') return null
    const prefix = IpPrefix.parse(address)
    const serverId = IpAddress.parse(server)
    const isUsable = [prefix.address, serverId].every(({ family, word3 }) => family === 4 && isHostAddress(word3))
    if (!isUsable || (expires !== null && typeof expires !== 'number')) return null
    return { address: prefix, serverId, isOver: expires !== null && expires * SECOND <= clock.epoch + clock.now() }
  } catch {
    return null
  }
}
