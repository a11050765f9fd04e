import { expect, test } from 'vitest'
import { fuzzIpv4Messages } from './ipv4-messages.ts'

test.each([1, 2, 3])('20,000 messages of DHCP, ARP, ICMP and IGMP, seed %i', async (seed) => {
  const { messages, bound } = await fuzzIpv4Messages(seed, 20_000)
  for (const count of Object.values(messages)) expect(count).toBeGreaterThan(4000)
  // The client gets somewhere, or it would not be much of a test.
  expect(bound).toBeGreaterThan(5)
})
