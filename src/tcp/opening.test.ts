/** Many connections of a host to itself, opened at once. */
import { expect, test } from 'vitest'
import { Collector, Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'

const MANY = 2_500

test.each(['127.0.0.1', '10.0.0.1', '::1'])(
  '%s: more than the queue of local packets holds, and none is lost',
  (to) => {
    const world = new VirtualWorld()
    const { tcp, ipv4 } = world.dualHost({}, { maximumConnections: 3 * MANY })
    tcp.listen(null, 80, MANY, new Collector())
    const users: Recorder[] = []
    for (let i = 0; i < MANY; i++) {
      const user = new Recorder()
      users.push(user)
      tcp.connect({ remote: IpAddress.parse(to), port: 80, user })
    }
    world.clock.advance(1 * MILLISECOND)
    expect(users.filter(({ events }) => events[0] === 'established')).toHaveLength(MANY)
    expect(tcp.counters.TCPSynRetrans).toBe(0)
    expect(ipv4.counters.localQueueFull).toBe(0)
    expect(world.memory.inUse).toBe(0)
  },
)

test('those that are closed while their SYN waits send none', () => {
  const world = new VirtualWorld()
  const { tcp } = world.host({}, { maximumConnections: 3 * MANY })
  const server = new Collector()
  tcp.listen(null, 80, MANY, server)
  const connect = () => {
    const user = new Recorder()
    return { user, connection: tcp.connect({ remote: IpAddress.parse('127.0.0.1'), port: 80, user }) }
  }
  const made = Array.from({ length: MANY }, connect)
  for (const { connection } of made.slice(0, MANY - 1)) connection.abort()
  world.clock.advance(1 * MILLISECOND)
  expect(made.at(-1)!.user.events).toEqual(['established'])
  // Those that were first had sent theirs.
  expect(server.connections.length).toBeLessThan(MANY / 4)
  world.clock.advance(10 * SECOND)
  expect(tcp.counters.TCPSynRetrans).toBe(0)
})
