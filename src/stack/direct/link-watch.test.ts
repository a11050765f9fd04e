/** What a stack does when the link of its interface comes back. */
import { expect, test } from 'vitest'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { Dhcpv4Server } from '../../dhcp/index.ts'
import { VirtualNetwork } from '../../netif/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { createStack } from '../create-stack.ts'

const MDNS = IpAddress.parse('224.0.0.251')

test('asks routers and the DHCP server anew, and tells switches of groups; while it is away, nothing happens', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 32, debug: true })
  const network = new VirtualNetwork({ clock, random, memory })
  const give = await createStack({ netif: network.port(), clock, random, ipv4: '10.0.0.1/24', ipv4Only: true })
  const server = new Dhcpv4Server({
    ipv4: give.ipv4!,
    udp: give.udpLayer,
    clock,
    address: IpPrefix.parse('10.0.0.1/24'),
    pool: [IpAddress.parse('10.0.0.50'), IpAddress.parse('10.0.0.59')],
  })
  server.start()

  let isThere = true
  const netif = Object.assign(network.port(), { hasLink: () => isThere })
  const stack = await clock.settle(createStack({ netif, clock, random, dhcp: { conflictDetection: 'short' } }))
  stack.igmp!.join(MDNS)
  // No router answers: by now it asks once a minute.
  clock.advance(80 * SECOND)
  const said = () => ({
    acknowledgments: server.counters.acknowledgments,
    igmp: stack.igmp!.counters.reportsSent,
    routers: stack.ipv6!.discovery.counters.routerSolicitationsSent,
  })
  const before = said()
  isThere = false
  clock.advance(3 * SECOND)
  expect(said()).toEqual(before)

  isThere = true
  clock.advance(3 * SECOND)
  const after = said()
  expect(after.acknowledgments).toBe(before.acknowledgments + 1)
  expect(after.igmp).toBe(before.igmp + 2)
  expect(after.routers).toBe(before.routers + 1)
  expect(stack.ipv4!.addresses.map(String)).toEqual(['10.0.0.50/24'])

  await clock.settle(stack.close(0))
  await clock.settle(give.close(0))
  expect(clock.armedTimers).toBe(0)
  expect(memory.inUse).toBe(0)
})
