/** Counts that pass 2^31 leave the objects that they stand in as they are: no code is compiled anew in the middle of a transfer. */
import { setFlagsFromString } from 'node:v8'
import { runInThisContext } from 'node:vm'
import { expect, test } from 'vitest'
import { IpAddress } from '../src/address/index.ts'
import { SECOND } from '../src/clock/index.ts'
import { PacketMemory } from '../src/packet/index.ts'
import type { CongestionControlName, Connection } from '../src/tcp/index.ts'
import { Collector, Recorder, type VirtualHost, VirtualWorld } from './support/virtual-hosts.ts'

setFlagsFromString('--allow-natives-syntax')
const haveSameShape = runInThisContext('(a, b) => %HaveSameMap(a, b)') as (a: object, b: object) => boolean
// Compiled when it is called first.
haveSameShape({}, {})
setFlagsFromString('--no-allow-natives-syntax')

const CHUNK = Buffer.alloc(1 << 20)

/** Connects two new hosts, `address` and the next, and sends so many mebibytes. @returns all that counts, by what it is */
function transfer(world: VirtualWorld, address: string, mebibytes: number, congestionControl: CongestionControlName) {
  const [server, client] = [0, 1].map(() => world.host({ mtu: 65_521, latency: 100 }, { congestionControl }))
  const accepting = new Collector()
  accepting.onAccept = (_, recorder) => {
    recorder.reading = false
    recorder.whenReadable = (connection) => connection.drain({ take: () => true })
  }
  server.tcp.listen(null, 80, 8, accepting)
  const sending = new Recorder()
  let left = mebibytes
  sending.whenWritable = (connection) => {
    while (left > 0) {
      left--
      if (!connection.write(CHUNK, null)) break
    }
    connection.wantsWritable = left > 0
  }
  const connection = client.tcp.connect({ remote: IpAddress.parse(address), port: 80, user: sending })
  connection.wantsWritable = true
  for (let i = 0; i < 100 && (left > 0 || connection.sendBuffer.length > 0); i++) world.clock.advance(SECOND)
  const [accepted] = accepting.connections
  expect(accepted.bytesReceived).toBe(mebibytes * CHUNK.length)
  expect(connection.bytesAcknowledged).toBe(mebibytes * CHUNK.length)
  return { ...counting(client, connection, 'sender'), ...counting(server, accepted, 'receiver') }
}

function counting({ port, ethernet, ipv4, tcp }: VirtualHost, connection: Connection, who: string) {
  const { recovery, sendBuffer, receiveQueue, rightSizing } = connection
  const counters = { port: port.counters, ethernet: ethernet.counters, ipv4: ipv4.counters, tcp: tcp.counters }
  const ofSender = { recovery, board: recovery?.board, congestion: recovery?.congestion, sendBuffer }
  const all: Record<string, object | null | undefined> = {
    connection,
    ...counters,
    ...ofSender,
    receiveQueue,
    rightSizing,
  }
  return Object.fromEntries(Object.entries(all).map(([name, object]) => [`${name} of the ${who}`, object]))
}

test.each(['cubic', 'bbr', 'newreno'] as const)(
  '%s, a few megabytes and more than two gigabytes',
  (congestionControl) => {
    const world = new VirtualWorld(1, new PacketMemory({ smallSlots: 4096, largeSlots: 512 }))
    const few = transfer(world, '10.0.0.1', 4, congestionControl)
    const many = transfer(world, '10.0.0.3', 2050, congestionControl)
    const changed = Object.keys(few).filter((name) => few[name] && many[name] && !haveSameShape(few[name], many[name]))
    expect(changed).toEqual([])
    expect(Object.values(many).filter((object) => object)).toHaveLength(18)
  },
  30_000,
)
