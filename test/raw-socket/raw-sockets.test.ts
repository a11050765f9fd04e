/** A stack on raw sockets: beside the kernel, which has the same address and must be kept from answering. */
import { beforeEach, describe, expect, test } from 'vitest'
import { openRawSockets, type RawSocketsNetif, type RawSocketsPackage } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import { receiveMegabytes, sendMegabytes } from '../support/kernel-transfer.ts'
import { Namespace } from '../support/namespace.ts'
import { OPTIONAL_PACKAGES, optionalPackage, requiresPackage } from '../support/optional-packages.ts'

/** As the guide has it: an address of the kernel's that it does not answer on; what has our mark may leave. */
const RULES = `
  ip route add local 10.0.0.9 dev v0
  ip rule add pref 100 from 10.0.0.9 fwmark 0x7470 lookup main
  ip rule add pref 101 from 10.0.0.9 blackhole`

describe('with the package', () => {
  /** The kernel is 10.0.0.1 in `far`, and 10.0.0.8 beside us in `near`. */
  let far: Namespace
  let near: Namespace
  let memory: PacketMemory
  let stack: DirectStack | null = null

  beforeEach(async (context) => {
    requires(context, 'root', 'ip', 'namespaces', 'ping', 'nc')
    requiresPackage(context, 'raw-socket')
    far = await Namespace.create()
    near = await Namespace.create()
    await far.run('sh', [
      '-c',
      `ip link add v1 type veth peer v0 netns ${near.pid} && ip link set v1 up && ip address add 10.0.0.1/24 dev v1`,
    ])
    await near.run('sh', ['-c', 'ip link set v0 up && ip address add 10.0.0.8/24 dev v0'])
    memory = new PacketMemory({ debug: true })
    return async () => {
      await stack?.close(0)
      stack = null
      expect(memory.inUse).toBe(0)
      await Promise.all([far[Symbol.asyncDispose](), near[Symbol.asyncDispose]()])
    }
  })

  async function open(): Promise<RawSocketsNetif> {
    const netif = await openRawSockets({
      name: 'v0',
      namespace: `/proc/${near.pid}/ns/net`,
      memory,
      package: optionalPackage<RawSocketsPackage>('raw-socket'),
    })
    stack = await createStack({ netif, ipv4: '10.0.0.9/24', ipv4Only: true })
    return netif
  }

  test('with the kernel kept from answering: ping, TCP and UDP, and only we answer', { timeout: 20_000 }, async () => {
    await near.run('sh', ['-c', RULES])
    const netif = await open()
    const { stdout } = await far.run('ping', ['-c', '3', '-i', '0.2', '-s', '4000', '-W', '2', '10.0.0.9'])
    expect(stdout).toContain('3 received')
    expect(stdout).not.toContain('DUP')
    expect(stack!.icmp!.counters.echoRepliesSent).toBe(3)

    await receiveMegabytes(stack!, far, 2, ['10.0.0.9'])
    // The far kernel leaves segmentation and checksums to its end of the veth, which has none.
    expect(netif.offloadCounters.coalesced).toBeGreaterThan(0)

    await sendMegabytes(stack!, far, 1, '10.0.0.1')

    const socket = await stack!.udp({ port: 7 })
    socket.onDatagram((text, from) => socket.send(text, from))
    const echoed = await far.run('sh', ['-c', 'echo over UDP | nc -u -w 1 10.0.0.9 7'])
    expect(echoed.stdout).toBe('over UDP\n')
    expect(netif.counters.transmitError).toBe(0)
  })

  test('without that the kernel answers as well: pings twice, and connections with a reset', async () => {
    await near.run('ip', ['route', 'add', 'local', '10.0.0.9', 'dev', 'v0'])
    await open()
    const { stdout } = await far.run('ping', ['-c', '2', '-i', '0.2', '-W', '2', '10.0.0.9'], { allowFailure: true })
    expect(stdout).toContain('(DUP!)')
    await stack!.listen({ port: 7 }, (flow) => flow.close())
    const refused = await far.run('nc', ['-v', '-z', '-w', '2', '10.0.0.9', '7'], { allowFailure: true })
    expect(refused.stderr).toContain('refused')
  })

  test('it pings others without any of that, from the address that the kernel has', async () => {
    const netif = await openRawSockets({
      name: 'v0',
      namespace: `/proc/${near.pid}/ns/net`,
      memory,
      package: optionalPackage<RawSocketsPackage>('raw-socket'),
    })
    stack = await createStack({ netif, ipv4: '10.0.0.8/24', ipv4Only: true })
    expect(await stack.ping('10.0.0.1', { size: 3000, timeout: 2000 })).toMatchObject({
      address: '10.0.0.1',
      size: 3000,
    })
  })

  test.each([
    ['went down', ['link', 'set', 'v0', 'down'], 'ENETDOWN'],
    ['was deleted', ['link', 'delete', 'v0'], 'ENODEV'],
  ])('an interface that %s ends the stack with an error', async (_what, command, code) => {
    await open()
    const ending = expect(stack!.closed).rejects.toMatchObject({ code })
    await near.run('ip', command)
    await ending
  })

  test('the socket stack pings through it, both families', async () => {
    await far.run('ip', ['-6', 'address', 'add', 'fd00::1/64', 'dev', 'v1', 'nodad'])
    await near.run('ip', ['-6', 'address', 'add', 'fd00::8/64', 'dev', 'v0', 'nodad'])
    const { stdout } = await near.runNode('test/raw-socket/programs/socket-ping.ts', ['10.0.0.1', 'fd00::1'], {
      environment: { NODE_PATH: OPTIONAL_PACKAGES },
    })
    expect(JSON.parse(stdout)).toEqual([
      { address: '10.0.0.1', size: 1000 },
      { address: 'fd00::1', size: 1000 },
    ])
  })
})

test('without the package: one line that names it, the version of Node.js and the command', async () => {
  await expect(openRawSockets({ name: 'eth0' })).rejects.toMatchObject({
    name: 'OptionalPackageError',
    package: 'raw-socket',
    message: expect.stringMatching(
      /^the package raw-socket is not installed: run "npm install raw-socket --save-dev", which takes/,
    ),
  })
})
