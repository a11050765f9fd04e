/** What our stacks send over a bad network, looked at by tshark. Determinism itself: test/determinism.test.ts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { MemorySink, PcapngWriter } from '../../src/capture/index.ts'
import { MINUTE } from '../../src/clock/index.ts'
import type { VirtualPortOptions } from '../../src/netif/index.ts'
import { requires } from '../requirements.ts'
import { Collector, Recorder, VirtualWorld } from '../support/virtual-hosts.ts'

const LENGTH = 300_000

/** Two hosts, one connection, `LENGTH` bytes there and back, and all of it as a capture. */
function run(seed: number, link: VirtualPortOptions): Uint8Array {
  const world = new VirtualWorld(seed)
  const sink = new MemorySink()
  const writer = new PcapngWriter(sink)
  world.network.capture(writer)
  const client = world.host({ ...link, name: 'client' })
  const server = world.host({ ...link, name: 'server' })
  const acceptor = new Collector()
  server.tcp.listen(null, 7, 16, acceptor)
  const recorder = new Recorder()
  const connection = client.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 7, user: recorder })
  world.clock.advance(1 * MINUTE)
  connection.write(Buffer.alloc(LENGTH, 'deterministic '), null)
  connection.shutdownWrite()
  world.clock.advance(2 * MINUTE)
  acceptor.connections[0].write(acceptor.recorders[0].data, null)
  acceptor.connections[0].shutdownWrite()
  world.clock.advance(2 * MINUTE)
  expect(recorder.data.length).toBe(LENGTH)
  writer.flush()
  return sink.bytes()
}

const lossy: VirtualPortOptions = { latency: 5000, loss: 0.02, reordering: 0.05, duplication: 0.01 }

test('tshark finds nothing malformed and no wrong checksum in what the stacks send', (context) => {
  requires(context, 'tshark')
  const directory = mkdtempSync(join(tmpdir(), 'tshark-checks-'))
  try {
    const path = join(directory, 'trace.pcapng')
    writeFileSync(path, run(3, lossy))
    const checks = ['ip', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`])
    const count = (filter: string) => {
      const result = spawnSync('tshark', ['-n', '-r', path, ...checks, '-Y', filter], { encoding: 'utf8' })
      expect(result.status, result.stderr).toBe(0)
      return result.stdout.split('\n').filter((line) => line !== '').length
    }
    expect(count('tcp.checksum.status == 1 && ip.checksum.status == 1')).toBeGreaterThan(400)
    expect(count('_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0')).toBe(0)
    expect(count('arp')).toBeGreaterThan(0)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
