/** A stack on a packet socket, with the kernel at the other end of the veth. */
import { beforeEach, expect, test } from 'vitest'
import { openPacketSocket, type PacketSocket } from '../../src/netif/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import { receiveMegabytes, sendMegabytes } from '../support/kernel-transfer.ts'
import type { Namespace } from '../support/namespace.ts'
import { openIn, vethNamespace } from './veth.ts'

let namespace: Namespace
let stack: DirectStack | null = null

beforeEach(async (context) => {
  requires(context, 'root', 'ip', 'namespaces', 'ping')
  namespace = await vethNamespace()
  // v0 is ours; the kernel has an address on v1.
  await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'v1'])
  return async () => {
    await stack?.close(0)
    stack = null
    await namespace[Symbol.asyncDispose]()
  }
})
async function stackOver(netif: PacketSocket): Promise<DirectStack> {
  stack = await createStack({ netif, ipv4: '10.0.0.2/24', ipv4Only: true })
  return stack
}

test('megabytes both ways, with segments of up to 64 KiB between us and the kernel', { timeout: 60_000 }, async () => {
  const netif = await openIn(namespace, 'v0')
  expect(netif.features).toEqual({ checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true })
  await stackOver(netif)
  await receiveMegabytes(stack!, namespace, 32, ['10.0.0.2'])
  expect(netif.counters.receivedBytes / netif.counters.receivedFrames).toBeGreaterThan(5_000)

  const before = { ...netif.counters }
  await sendMegabytes(stack!, namespace, 32, '10.0.0.1')
  const frames = netif.counters.transmittedFrames - before.transmittedFrames
  expect((netif.counters.transmittedBytes - before.transmittedBytes) / frames).toBeGreaterThan(5_000)
  expect(netif.counters.transmitError).toBe(0)
})

test('a cable that is pulled, and plugged in again: the stack asks for routers', async () => {
  const netif = await openIn(namespace, 'v0')
  const ipv6Settings = { detectionTransmits: 0 }
  const said: string[] = []
  const note = (message: string) => void said.push(message)
  const logs = () => ({ debugEnabled: false, debug: note, info: note, warn: note, error: note })
  stack = await createStack({ netif, ipv6Only: true, awaitAddresses: false, ipv6Settings, logs })
  const { counters } = stack.ipv6!.discovery
  expect(netif.hasLink?.()).toBe(true)
  await expect.poll(() => counters.routerSolicitationsSent).toBe(1)
  await namespace.run('ip', ['link', 'set', 'v1', 'down'])
  // The kernel looks after changes of links once a second.
  await expect.poll(() => netif.hasLink?.(), { timeout: 1500 }).toBe(false)
  // The stack looks once a second; the second question would come four seconds after the first.
  await expect.poll(() => said, { timeout: 1500 }).toContain('the link is gone')
  await namespace.run('ip', ['link', 'set', 'v1', 'up'])
  await expect.poll(() => netif.hasLink?.(), { timeout: 1500 }).toBe(true)
  await expect.poll(() => counters.routerSolicitationsSent, { timeout: 2500 }).toBe(2)
})

test('its own address, or that of the interface', async () => {
  const own = await openIn(namespace, 'v0')
  expect(own.mac.equals(own.kernelMac)).toBe(false)
  await stackOver(own)
  await namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])
  await stack!.close(0)
  const shared = await openPacketSocket({ name: 'v0', namespace: `/proc/${namespace.pid}/ns/net`, mac: 'interface' })
  expect(shared.mac.equals(shared.kernelMac)).toBe(true)
  await stackOver(shared)
  await namespace.run('sh', ['-c', 'ip neighbour flush dev v1 && ping -c 1 -W 2 10.0.0.2'])
})

test.each([
  ['nothing0', 'ENODEV', /there is no interface nothing0/],
  ['lo', 'EPROTOTYPE', /lo carries no Ethernet frames/],
  ['down0', 'ENETDOWN', /ip link set down0 up/],
  ['a/b', 'EINVAL', /cannot name an interface/],
])('%s: %s, in a line that helps', async (name, code, hint) => {
  await namespace.run('ip', ['link', 'add', 'down0', 'type', 'veth'])
  await expect(openIn(namespace, name)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) })
})
