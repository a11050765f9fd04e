/** A stack on libpcap, with the kernel at the other end of the veth. */
import { beforeEach, describe, expect, test } from 'vitest'
import { openPcap, type PcapNetif, type PcapPackage } from '../../src/netif/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { vethNamespace } from '../packet-socket/veth.ts'
import { requires } from '../requirements.ts'
import { receiveMegabytes, sendMegabytes } from '../support/kernel-transfer.ts'
import type { Namespace } from '../support/namespace.ts'
import { OPTIONAL_PACKAGES, optionalPackage, requiresPackage } from '../support/optional-packages.ts'
import { openPcapIn } from './open.ts'

let namespace: Namespace
let stack: DirectStack | null = null

describe('with the package', () => {
  beforeEach(async (context) => {
    requires(context, 'root', 'ip', 'namespaces', 'ping', 'ethtool')
    requiresPackage(context, 'pcap')
    namespace = await vethNamespace()
    // v0 is ours; the kernel has an address on v1.
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'v1'])
    return async () => {
      await stack?.close(0)
      stack = null
      await namespace[Symbol.asyncDispose]()
    }
  })

  async function stackOver(netif: PcapNetif): Promise<DirectStack> {
    stack = await createStack({ netif, ipv4: '10.0.0.2/24', ipv4Only: true })
    return stack
  }

  test('megabytes both ways with a kernel that has its offloads on', { timeout: 20_000 }, async () => {
    const netif = await openPcapIn(namespace, 'v0')
    await receiveMegabytes(await stackOver(netif), namespace, 16, ['10.0.0.2'])
    // Segments longer than the MTU, with checksums that nobody has finished: what a veth carries.
    expect(netif.offloadCounters.coalesced).toBeGreaterThan(50)
    expect(netif.offloadCounters.partialChecksums).toBeGreaterThan(netif.offloadCounters.coalesced)
    expect(netif.pcapCounters.truncated).toBe(0)

    await sendMegabytes(stack!, namespace, 16, '10.0.0.1')
    expect(netif.counters.transmitError).toBe(0)
  })

  test('with its offloads off, no frame is longer than the MTU, and every checksum is there', async () => {
    await namespace.run('sh', ['-c', 'ethtool -K v1 tx off tso off gso off && ethtool -K v0 gro off'])
    const netif = await openPcapIn(namespace, 'v0')
    await receiveMegabytes(await stackOver(netif), namespace, 4, ['10.0.0.2'])
    expect(netif.offloadCounters.coalesced).toBe(0)
    // One in 65,536 has by chance what looks like an unfinished one.
    expect(netif.offloadCounters.partialChecksums).toBeLessThan(5)
  })

  test('its own address, or that of the interface', async () => {
    const own = await openPcapIn(namespace, 'v0')
    expect(own.mac.equals(own.kernelMac)).toBe(false)
    await stackOver(own)
    await namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])
    await stack!.close(0)
    const shared = await openPcap({
      name: 'v0',
      namespace: `/proc/${namespace.pid}/ns/net`,
      mac: 'interface',
      package: optionalPackage<PcapPackage>('pcap'),
    })
    expect(shared.mac.equals(shared.kernelMac)).toBe(true)
    await stackOver(shared)
    await namespace.run('sh', ['-c', 'ip neighbour flush dev v1 && ping -c 1 -W 2 10.0.0.2'])
  })

  test.each([
    ['went down', ['link', 'set', 'v0', 'down'], 'ENETDOWN'],
    ['was deleted', ['link', 'delete', 'v0'], 'ENODEV'],
  ])('an interface that %s ends the stack with an error', async (_what, command, code) => {
    const { closed } = await stackOver(await openPcapIn(namespace, 'v0'))
    const ending = expect(closed).rejects.toMatchObject({ code })
    await namespace.run('ip', command)
    await ending
  })

  test.each([
    ['nothing0', 'ENODEV', /there is no interface nothing0/],
    ['lo', 'EPROTOTYPE', /lo carries no Ethernet frames/],
    ['down0', 'ENETDOWN', /ip link set down0 up/],
  ])('%s: %s, in a line that helps', async (name, code, hint) => {
    await namespace.run('ip', ['link', 'add', 'down0', 'type', 'veth'])
    await expect(openPcapIn(namespace, name)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) })
  })

  test('a process ends by itself when the interface is closed, and the package is found by its name', async () => {
    const program = ['test/pcap/programs/open-and-close.ts', ['v0'], { environment: { NODE_PATH: OPTIONAL_PACKAGES } }]
    const { stdout } = await namespace.runNode(...(program as Parameters<Namespace['runNode']>))
    expect(stdout).toBe('opened v0\nclosed\n')
  })
})

test('without the package: one line that names it, the version of Node.js and the command', async () => {
  await expect(openPcap({ name: 'eth0' })).rejects.toMatchObject({
    name: 'OptionalPackageError',
    package: 'pcap',
    message: expect.stringMatching(
      /^the package pcap is not installed: run "npm install pcap --save-dev", which takes libpcap .*$/,
    ),
  })
})
