/** A DHCPv6 client on a link with servers, and what it told. */

import { SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { Dhcpv6LeaseTimes } from '../../src/dhcp/v6/binding.ts'
import { Dhcpv6Client } from '../../src/dhcp/v6/client.ts'
import type { Dhcpv6ClientOptions, Dhcpv6Events, Dhcpv6Lease } from '../../src/dhcp/v6/client-interface.ts'
import type { IdentityAssociation } from '../../src/dhcp/v6/message.ts'
import { DhcpLink, type ServerSettings, TestServer } from './dhcpv6-server.ts'
import { LeapingClock } from './leaping-clock.ts'

export const DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x22)

export const IAID = 0xfedcba98

/** One event of the client. */
export interface Heard {
  at: number
  event: string
  what: string[]
}

/** @param settings of the one server; null for none */
export function setUp(settings: ServerSettings | null = {}, options: Partial<Dhcpv6ClientOptions> = {}, seed = 1) {
  const clock = new VirtualClock()
  const link = new DhcpLink(clock)
  const server = new TestServer(settings ?? {})
  if (settings !== null) link.servers.push(server)
  const heard: Heard[] = []
  const note = (event: string) => (leases: readonly Dhcpv6LeaseTimes[]) => {
    heard.push({ at: clock.now(), event, what: leases.map(({ prefix }) => prefix.toString()) })
  }
  const noteLease = (event: string) => (lease: Dhcpv6Lease) => note(event)([...lease.addresses, ...lease.prefixes])
  const client: Dhcpv6Client = new Dhcpv6Client({
    transport: link,
    clock,
    random: new SeededRandom(seed),
    duid: DUID,
    iaid: IAID,
    events: {
      bound: noteLease('bound'),
      renewed: noteLease('renewed'),
      rebound: noteLease('rebound'),
      expired: note('expired'),
      declined: note('declined'),
    },
    ...options,
  })
  client.start()
  const events = () => heard.map(({ event }) => event)
  /** Lets time pass until the next event. */
  const next = (): Heard => {
    const before = heard.length
    while (heard.length === before) {
      const expiry = clock.nextExpiry()
      if (expiry === undefined) throw new Error('nothing will happen any more')
      clock.advanceTo(Math.max(expiry, clock.now()))
    }
    return heard[before]
  }
  /** Gaps between the last messages of a kind, in seconds. */
  const gaps = (type: number) => {
    const times = link.sent.filter(({ message }) => message.type === type).map(({ at }) => at)
    return times.slice(1).map((at, index) => (at - times[index]) / SECOND)
  }
  return { clock, link, server, client, heard, events, next, gaps }
}

/** `address fd00::1 ...` for each association. */
export const texts = (associations: IdentityAssociation[]) =>
  associations.map(({ kind, leases }) => [kind, ...leases.map(({ prefix }) => prefix.toString())].join(' '))

/** On a machine that can sleep. */
export function setUpAsleep() {
  const clock = new LeapingClock()
  const link = new DhcpLink(clock)
  link.servers.push(new TestServer())
  const heard: string[] = []
  const note = (event: string) => () => void heard.push(event)
  const names = ['bound', 'renewed', 'rebound', 'expired', 'declined'] as const
  const events = Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as Dhcpv6Events
  const client = new Dhcpv6Client({
    transport: link,
    clock,
    random: new SeededRandom(1),
    duid: DUID,
    iaid: IAID,
    events,
  })
  client.start()
  return { client, clock, link, heard }
}
