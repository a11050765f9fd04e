/** A DNS client whose servers are in the hands of a test; `clock`, `network` and `client` are those of the test at hand. */
import { expect } from 'vitest'
import { SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { DnsClient, type DnsClientOptions, type DnsOutcome } from '../../src/dns/client.ts'
import type { RecordType } from '../../src/dns/codes.ts'
import { parseServers } from '../../src/dns/server.ts'
import { ScriptedNetwork } from './dns-server.ts'

export let clock: VirtualClock

export let network: ScriptedNetwork

export let client: DnsClient

/** Each test has its own: `beforeEach(newNetwork)`. */
export function newNetwork(): void {
  clock = new VirtualClock()
  network = new ScriptedNetwork(clock)
}

/** `afterEach(expectNothingLeft)`. */
export function expectNothingLeft(): void {
  expect(client.pending).toBe(0)
  client.close()
  expect([network.openSockets, network.openStreams]).toEqual([0, 0])
  expect(clock.runUntilIdle()).toBe(true)
}

/** @param servers as of `parseServers`; null: what the network offers */
export function newClient(servers: string[] | null, options: Partial<DnsClientOptions> = {}): DnsClient {
  client = new DnsClient({
    transport: network,
    clock,
    random: new SeededRandom(5),
    servers: servers === null ? undefined : parseServers(servers),
    ...options,
  })
  return client
}

/** Lets no time pass: `solve` does. */
export function ask(name: string, type: RecordType = 'A'): Promise<DnsOutcome> {
  return new Promise((resolve) => client.ask({ name, type }, resolve))
}

/** What an outcome says, in short: addresses, or its code. */
export function short(outcome: DnsOutcome): unknown {
  if (typeof outcome === 'string') return outcome
  return outcome.code ?? outcome.records.map(({ data }) => data)
}

export const solve = async (name: string, type: RecordType = 'A') => short(await clock.settle(ask(name, type)))
