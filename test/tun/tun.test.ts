/** Stacks behind tuns, and the kernel as the host at the other end and the router between them. */
import { rm } from 'node:fs/promises'
import { beforeEach, expect, test } from 'vitest'
import { LINK_TYPE_RAW, readCapture } from '../../src/capture/index.ts'
import type { Tun } from '../../src/netif/index.ts'
import '../../src/node/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import { receiveMegabytes, sendMegabytes } from '../support/kernel-transfer.ts'
import type { Namespace } from '../support/namespace.ts'
import { openTunIn, tunNamespace } from './pair.ts'

let namespace: Namespace
let stacks: DirectStack[]

beforeEach(async (context) => {
  requires(context, 'root', 'ip', 'namespaces', 'tap', 'ping', 'curl', 'kernel IPv6')
  namespace = await tunNamespace()
  stacks = []
  return async () => {
    await Promise.all(stacks.map((stack) => stack.close(0)))
    await namespace[Symbol.asyncDispose]()
  }
})

/** A stack behind `tun0` or `tun1`, of both families. */
async function stackBehind(netif: Tun, settings: { capture?: string } = {}): Promise<DirectStack> {
  const index = netif.name.slice(3)
  const addresses = { ipv4: `10.${index}.0.2/24`, ipv6: `fd0${index}::2/64` }
  const stack = await createStack({
    netif,
    ...addresses,
    acceptRouterAdvertisements: false,
    ...settings,
  })
  stacks.push(stack)
  return stack
}

test('ping and curl of the kernel, over both families, and nothing of ARP or neighbour discovery', async () => {
  const capture = `/tmp/tapstack-tun-${process.pid}.pcapng`
  const netif = await openTunIn(namespace, 'tun0')
  expect(netif).toMatchObject({ linkLayer: 'none', mtu: 1500, name: 'tun0' })
  const started = performance.now()
  const stack = await stackBehind(netif, { capture })
  // No duplicate address detection, which takes a second.
  expect(performance.now() - started).toBeLessThan(900)
  const server = stack.http.createServer((_request, response) => response.end('over a tun'))
  await new Promise<void>((resolve) => server.listen(80, resolve))
  for (const address of ['10.0.0.2', 'fd00::2']) {
    await namespace.run('ping', ['-c', '2', '-i', '0.2', '-W', '2', '-s', '4000', address])
    const url = address.includes(':') ? `http://[${address}]/` : `http://${address}/`
    expect((await namespace.run('curl', ['-s', '--max-time', '5', url])).stdout).toBe('over a tun')
  }
  // The other way, and to an address that only the kernel's routes know.
  expect(await stack.ping('10.0.0.1', { timeout: 2000 })).toMatchObject({ address: '10.0.0.1', hopLimit: 64 })
  expect(await stack.ping('fd00::1', { timeout: 2000 })).toMatchObject({ address: 'fd00::1', hopLimit: 64 })
  expect(await stack.ping('10.1.0.1', { timeout: 2000 })).toMatchObject({ address: '10.1.0.1' })
  server.closeAllConnections()
  await stack.close(0)
  const frames = [...readCapture(capture)]
  await rm(capture)
  expect(frames.length).toBeGreaterThan(20)
  expect(new Set(frames.map((frame) => frame.interface.linkType))).toEqual(new Set([LINK_TYPE_RAW]))
  expect(new Set(frames.map((frame) => frame.bytes[0]! >>> 4))).toEqual(new Set([4, 6]))
  // RFC 4861, section 4.3 and 4.4: solicitations and advertisements of neighbours, ours at least.
  const solicitations = frames.filter(
    ({ bytes, direction }) =>
      direction === 'outbound' && bytes[0]! >>> 4 === 6 && bytes[6] === 58 && (bytes[40] === 135 || bytes[40] === 136),
  )
  expect(solicitations).toEqual([])
})

test('megabytes both ways, with segments of up to 64 KiB between us and the kernel', { timeout: 20_000 }, async () => {
  const netif = await openTunIn(namespace, 'tun0')
  expect(netif.features).toEqual({ checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true })
  const stack = await stackBehind(netif)
  await receiveMegabytes(stack, namespace, 16, ['10.0.0.2', 'fd00::2'])
  expect(netif.counters.receivedBytes / netif.counters.receivedFrames).toBeGreaterThan(5_000)

  const before = { ...netif.counters }
  await sendMegabytes(stack, namespace, 16, '10.0.0.1')
  const frames = netif.counters.transmittedFrames - before.transmittedFrames
  expect((netif.counters.transmittedBytes - before.transmittedBytes) / frames).toBeGreaterThan(5_000)
  expect(netif.counters.transmitError).toBe(0)
})

test('two stacks behind two tuns, with the kernel as the router between them', async () => {
  const [one, other] = [
    await stackBehind(await openTunIn(namespace, 'tun0')),
    await stackBehind(await openTunIn(namespace, 'tun1')),
  ]
  for (const address of ['10.0.0.2', 'fd00::2']) {
    expect(await other.ping(address, { size: 3000, timeout: 2000 })).toMatchObject({ address, hopLimit: 63 })
  }
  await one.listen({ port: 7 }, async (flow) => {
    for await (const data of flow) await flow.write(data)
    await flow.close()
  })
  const flow = await other.connect({ address: 'fd00::2', port: 7, timeout: 5_000 })
  await flow.write('through the kernel')
  await flow.shutdown('write')
  let echoed = ''
  for await (const data of flow) echoed += data
  expect(echoed).toBe('through the kernel')
  // Behind the router nobody answers: it says so.
  await expect(other.connect({ address: '10.9.9.9', port: 7 })).rejects.toMatchObject({ code: 'ENETUNREACH' })
})

test('an interface that was deleted ends the stack with an error; a tap is no tun', async () => {
  const { closed } = await stackBehind(await openTunIn(namespace, 'tun0'))
  const ending = expect(closed).rejects.toMatchObject({ code: 'ENODEV' })
  await namespace.run('ip', ['link', 'delete', 'tun0'])
  await ending
  await namespace.run('ip', ['tuntap', 'add', 'tap7', 'mode', 'tap'])
  await expect(openTunIn(namespace, 'tap7')).rejects.toMatchObject({
    code: 'EINVAL',
    hint: expect.stringContaining('another kind: "tap:tap7" takes a tap, "packet:tap7"'),
  })
})
