import { describe, expect, test } from 'vitest'
import { Collector, Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import type { VirtualPortOptions } from '../netif/index.ts'
import type { TcpSettings } from './settings.ts'
import { State } from './state.ts'

function pair(link: VirtualPortOptions = {}, settings: Partial<TcpSettings> = {}, seed = 1) {
  const world = new VirtualWorld(seed)
  const a = world.host(link, settings)
  const b = world.host(link, settings)
  const server = new Collector()
  b.tcp.listen(null, 80, 16, server)
  const client = new Recorder()
  const connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user: client })
  return { world, a, b, server, client, connection }
}

/** Bytes that tell their place. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) * 13 + (i >> 16)) & 255
  return bytes
}

describe('a connection', () => {
  test('opens, carries data both ways and closes cleanly', () => {
    const { world, a, b, server, client, connection } = pair()
    world.clock.advance(1 * SECOND)
    expect(client.events).toEqual(['established'])
    expect(server.connections).toHaveLength(1)
    connection.write(Buffer.from('hello'), null)
    world.clock.advance(1 * SECOND)
    expect(server.recorders[0].data.toString()).toBe('hello')
    server.connections[0].write(Buffer.from('world'), null)
    server.connections[0].shutdownWrite()
    world.clock.advance(1 * SECOND)
    expect(client.data.toString()).toBe('world')
    expect(client.events).toEqual(['established', 'end'])
    expect(connection.state).toBe(State.CloseWait)
    connection.shutdownWrite()
    world.clock.advance(1 * SECOND)
    expect(client.events).toEqual(['established', 'end', 'finished', 'closed'])
    expect(server.recorders[0].events).toEqual(['established', 'finished', 'end', 'closed'])
    expect(b.tcp.timeWaits).toBe(1)
    world.clock.advance(61 * SECOND)
    expect(b.tcp.timeWaits).toBe(0)
    expect([a.tcp.connections, b.tcp.connections]).toEqual([0, 0])
    expect(world.memory.inUse).toBe(0)
  })

  test.each([
    ['a perfect link', {}],
    ['an MTU-sized link', { offload: false }],
    ['1 % loss', { loss: 0.01, latency: 5000 }],
    ['10 % loss and reordering', { loss: 0.1, latency: 1000, reordering: { probability: 0.1, distance: 3 } }],
    ['duplication and corruption', { duplication: 0.05, corruption: 0.02, latency: 1000 }],
  ] as [string, VirtualPortOptions][])('carries 1 MB both ways over %s', (_name, link) => {
    const { world, server, client, connection } = pair(link)
    world.clock.advance(20 * SECOND)
    const data = pattern(1_000_003)
    connection.write(data, null)
    connection.shutdownWrite()
    server.connections[0].write(data, null)
    server.connections[0].shutdownWrite()
    world.clock.advance(3000 * SECOND)
    expect(server.recorders[0].data.equals(data)).toBe(true)
    expect(client.data.equals(data)).toBe(true)
    expect(client.error).toBe(null)
    expect(client.isClosed && server.recorders[0].isClosed).toBe(true)
    expect(world.memory.inUse).toBe(0)
  })
})
