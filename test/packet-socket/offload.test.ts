/** A packet socket and the kernel's stack at the other end of the veth, with what the interfaces may do for either. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PacketSocket } from '../../src/netif/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { missing, requires } from '../requirements.ts'
import type { Namespace } from '../support/namespace.ts'
import { openIn, vethNamespace } from './veth.ts'

const NEEDS = ['root', 'ip', 'namespaces', 'ethtool', 'cc', 'kernel IPv6']
const lacks = missing(...NEEDS)
const MEGABYTE = 1 << 20
const DATA = Buffer.from(Array.from({ length: MEGABYTE }, (_, i) => (i * i) & 255))

let namespace: Namespace
let folder: string
let netif: PacketSocket
let stack: DirectStack

beforeAll(async () => {
  if (lacks !== null) return
  namespace = await vethNamespace()
  await namespace.run('sh', [
    '-c',
    `sysctl -qw net.ipv6.conf.v1.disable_ipv6=0 && ip address add 10.0.0.1/24 dev v1 && ip address add fd00::1/64 dev v1 nodad`,
  ])
  await namespace.spawn(process.execPath, ['test/packet-socket/programs/echo.mjs']).waitFor('ready')
  folder = mkdtempSync(join(tmpdir(), 'tapstack-datagrams-'))
  execFileSync('cc', ['-std=gnu11', '-o', join(folder, 'datagrams'), 'test/packet-socket/programs/datagrams.c'])
})
afterAll(async () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  await namespace?.[Symbol.asyncDispose]()
})
beforeEach(async (context) => {
  requires(context, ...NEEDS)
  netif = await openIn(namespace, 'v0')
  const ipv6Settings = { detectionTransmits: 0 }
  stack = await createStack({ netif, ipv4: '10.0.0.2/24', ipv6: 'fd00::2/64', ipv6Settings })
  return () => stack.close(0)
})

/** A megabyte to the echo service and back. */
async function echo(address: string): Promise<void> {
  const flow = await stack.connect({ address, port: 7 })
  const sending = flow.write(DATA).then(() => flow.shutdown('write'))
  const hash = createHash('sha256')
  for await (const data of flow) hash.update(data)
  await sending
  await flow.close()
  expect(hash.digest('hex')).toBe(createHash('sha256').update(DATA).digest('hex'))
}

const ALL_ON = ['tx', 'on', 'sg', 'on', 'tso', 'on', 'gso', 'on', 'gro', 'off']

describe.each([
  ['all that veths have', [], [], 20_000],
  ['no segmentation on the kernel’s side', [], ['tso', 'off', 'gso', 'off'], 60],
  ['no segmentation there, gathered again on ours', ['gro', 'on'], ['tso', 'off', 'gso', 'off'], 60],
  ['no checksums on the kernel’s side', [], ['tx', 'off', 'sg', 'off', 'tso', 'off', 'gso', 'off'], 60],
  ['nothing on ours', ['tx', 'off', 'sg', 'off', 'tso', 'off', 'gso', 'off'], ['gro', 'on'], 60],
] as const)('with %s', (_what, ours, theirs, leastFrame) => {
  beforeEach(async () => {
    for (const [end, features] of [
      ['v0', [...ALL_ON, ...ours]],
      ['v1', [...ALL_ON, ...theirs]],
    ] as const)
      await namespace.run('ethtool', ['-K', end, ...features])
  })

  test('TCP over both families', async () => {
    await echo('10.0.0.1')
    await echo('fd00::1')
    expect(netif.counters).toMatchObject({ receiveMalformed: 0, transmitError: 0 })
    expect(netif.counters.receivedBytes / netif.counters.receivedFrames).toBeGreaterThan(leastFrame)
    expect(stack.tcp.counters).toMatchObject({ InCsumErrors: 0 })
  })

  test.each(['10.0.0.2', 'fd00::2'])('datagrams that are sent in one piece, to %s', async (address) => {
    const socket = await stack.udp({ port: 9 })
    const sizes: number[] = []
    const received: Buffer[] = []
    const done = new Promise<void>((resolve) => {
      socket.onDatagram((data) => {
        sizes.push(data.length)
        received.push(Buffer.from(data))
        if (received.length === 11) resolve()
      })
    })
    await namespace.run(join(folder, 'datagrams'), [address, '9', '10500', '1000'])
    await done
    expect(sizes).toEqual([...Array(10).fill(1000), 500])
    expect(Buffer.concat(received)).toEqual(Buffer.from(Array.from({ length: 10_500 }, (_, i) => i % 251)))
    expect(netif.counters.receiveMalformed).toBe(0)
    // In one frame indeed, where nobody has cut it apart; with those that find the neighbour.
    if (leastFrame > 1500) expect(netif.counters.receivedFrames).toBeLessThan(11)
  })
})
