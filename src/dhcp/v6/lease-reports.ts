/** What is said of leases, to the events of a client and to the log. */

import type { Log } from '../../log/index.ts'
import type { Dhcpv6LeaseTimes } from './binding.ts'
import type { Dhcpv6Events, Dhcpv6Lease } from './client-interface.ts'
import { MessageType } from './codes.ts'
import { duidText } from './duid.ts'

export class LeaseReports {
  readonly #events: Dhcpv6Events
  readonly #log: Log

  constructor(events: Dhcpv6Events, log: Log) {
    this.#events = events
    this.#log = log
  }

  /** @param asked what was answered @param lease null if whoever heard of leases that are gone has stopped the client */
  granted(asked: MessageType, lease: Dhcpv6Lease | null): void {
    if (lease === null) return
    const event = asked === MessageType.Renew ? 'renewed' : asked === MessageType.Rebind ? 'rebound' : 'bound'
    const fields = { leases: texts([...lease.addresses, ...lease.prefixes]), server: duidText(lease.serverId) }
    this.#log.info(LINES[event], fields)
    this.#events[event](lease)
  }

  expired(leases: readonly Dhcpv6LeaseTimes[]): void {
    if (leases.length === 0) return
    this.#log.warn('DHCPv6 leases have expired', { leases: texts(leases) })
    this.#events.expired(leases)
  }

  declined(leases: readonly Dhcpv6LeaseTimes[]): void {
    this.#log.warn('DHCPv6 leases are declined: another host uses these addresses', { leases: texts(leases) })
    this.#events.declined(leases)
  }
}

const LINES = {
  bound: 'DHCPv6 leases are bound',
  renewed: 'DHCPv6 leases are renewed',
  rebound: 'DHCPv6 leases are rebound',
} as const

function texts(leases: readonly Dhcpv6LeaseTimes[]): string[] {
  return leases.map(({ prefix }) => prefix.toString())
}
