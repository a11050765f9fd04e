/** Hosts of both families on one virtual network, from Ethernet to TCP, in virtual time. */
import { expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { Collector, Recorder, VirtualWorld } from '../support/virtual-hosts.ts'

const bytes = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31) >>> 3))

test('one listener serves both families at once, over a link that loses and reorders', () => {
  const world = new VirtualWorld(3)
  const link = { latency: MILLISECOND, loss: 0.01, reordering: 0.02 }
  const [client, server] = [world.dualHost(link), world.dualHost(link)]
  world.clock.advance(5 * SECOND)
  const collector = new Collector()
  collector.onAccept = (connection) => {
    connection.write(bytes(100_000), null)
    connection.shutdownWrite()
  }
  server.tcp.listen(null, 80, 16, collector)
  const users = ['10.0.0.2', 'fd00::2', '10.0.0.2', `${server.ipv6?.linkLocal}`].map((address) => {
    const user = new Recorder()
    return { user, connection: client.tcp.connect({ remote: IpAddress.parse(address), port: 80, user }) }
  })
  world.clock.advance(10 * SECOND)
  for (const { connection } of users) {
    connection.write(bytes(50_000), null)
    connection.shutdownWrite()
  }
  world.clock.advance(60 * SECOND)
  for (const { user } of users) expect(user.data.equals(bytes(100_000))).toBe(true)
  for (const recorder of collector.recorders) expect(recorder.data.equals(bytes(50_000))).toBe(true)
  expect(collector.connections.map(({ path }) => path.ip.family).sort()).toEqual([4, 4, 6, 6])
  expect(client.ipv6?.ipv6.counters.packetsFragmented).toBe(0)
  world.clock.advance(120 * SECOND)
  expect(world.memory.inUse).toBe(0)
})

test.each([true, false])('an MTU that a router names holds for connections that are open, offload %s', (offload) => {
  const world = new VirtualWorld(3)
  const link = { latency: MILLISECOND, offload }
  const [client, server] = [world.dualHost(link), world.dualHost(link)]
  world.clock.advance(5 * SECOND)
  const collector = new Collector()
  server.tcp.listen(null, 80, 16, collector)
  const connection = client.tcp.connect({ remote: IpAddress.parse('fd00::2'), port: 80, user: new Recorder() })
  world.clock.advance(SECOND)
  connection.write(bytes(100_000), null)
  // Some of it is on its way.
  world.clock.advance(2 * MILLISECOND)
  const layer = client.ipv6!.ipv6
  layer.setMtu(1300)
  connection.write(bytes(100_000), null)
  world.clock.advance(5 * SECOND)
  expect(collector.recorders[0].data.equals(Buffer.concat([bytes(100_000), bytes(100_000)]))).toBe(true)
  expect([connection.path.mtu, connection.segmentSize]).toEqual([1300, 1228])
  expect(layer.counters.packetsFragmented).toBe(0)
  connection.abort()
  world.clock.advance(SECOND)
  for (const each of collector.connections) each.abort()
  expect(world.memory.inUse).toBe(0)
})
