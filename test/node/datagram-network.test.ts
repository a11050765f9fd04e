/** Datagrams on a network: as the kernel has them, and between a stack of ours and others. */
import type { Socket } from 'node:dgram'
import { describe, expect, test } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { describeWithNamespaces, Namespace } from '../support/namespace.ts'
import { event, observe } from './behaviour.ts'
import { ADDRESSES, datagramNetwork, ZONE } from './cases/datagram-network.ts'
import { netNetwork } from './cases/net-network.ts'
import { loopbackStack } from './loopback-stack.ts'
import { registerOptions } from './register-options.ts'

describeWithNamespaces('on a network with nobody else', () => {
  test('each case as on the kernel', async () => {
    await using namespace = await Namespace.create()
    await using nobody = await Namespace.create()
    const peer = ['peer', 'name', 'nobody', 'netns', String(nobody.pid)]
    await namespace.run('ip', ['link', 'add', ZONE, 'type', 'veth', ...peer])
    await nobody.run('ip', ['link', 'set', 'nobody', 'addrgenmode', 'none', 'up'])
    await namespace.run('sh', ['-c', `echo 0 > /proc/sys/net/ipv6/conf/${ZONE}/accept_dad`])
    await namespace.run('ip', ['link', 'set', ZONE, 'up'])
    const [four, six] = ADDRESSES
    await namespace.run('ip', ['address', 'add', four, 'broadcast', '+', 'dev', ZONE])
    await namespace.run('ip', ['address', 'add', six, 'dev', ZONE, 'nodad'])
    // What is to many needs a route there; a stack of ours has one link, to which it goes anyway.
    for (const many of ['224.0.0.0/4', '255.255.255.255/32'])
      await namespace.run('ip', ['route', 'add', many, 'dev', ZONE])
    const [{ stdout }, ours] = await Promise.all([
      namespace.runNode('test/node/programs/observe-network.ts'),
      loopbackStack({ ipv6: six, ipv6Settings: { detectionTransmits: 0 } }),
    ])
    const theirs = JSON.parse(stdout) as Record<string, string[]>
    try {
      for (const [name, run] of Object.entries({ ...datagramNetwork, ...netNetwork })) {
        const seen = await observe(run, ours.stack)
        expect(
          theirs[name].filter((line) => /^(TIMED OUT|FAILED)/.test(line)),
          name,
        ).toEqual([])
        expect.soft({ name, seen }).toEqual({ name, seen: theirs[name] })
      }
    } finally {
      expect(await ours.close()).toEqual({ packets: 0, timers: 0 })
    }
  })
})

const GROUP = '239.1.2.3'
const SOURCE_GROUP = '232.1.2.3'
const OTHER_SOURCE_GROUP = '232.1.2.4'
const GROUP6 = 'ff02::114'

describe('between two stacks of ours', () => {
  async function withStacks(work: (one: DirectStack, other: DirectStack) => Promise<void>): Promise<void> {
    const clock = new HostClock()
    const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 64 })
    const network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
    const make = (n: number) =>
      createStack({
        netif: network.port(),
        clock,
        ipv4: `10.0.0.${n}/24`,
        ipv6: `fd00::${n}/64`,
        ipv6Settings: { detectionTransmits: 0 },
      })
    const [one, other] = [await make(1), await make(2)]
    try {
      await work(one, other)
    } finally {
      await one.close(0)
      await other.close(0)
      clock.close()
    }
    expect(memory.inUse).toBe(0)
  }

  async function bound(stack: DirectStack, type: 'udp4' | 'udp6', port = 0): Promise<Socket> {
    const socket = stack.dgram.createSocket({ type, reuseAddr: true })
    socket.bind(port)
    await event(socket, 'listening')
    return socket
  }

  function nextFrom(socket: Socket): Promise<string> {
    return new Promise((resolve) => socket.once('message', (data, from) => resolve(`${data} ${from.address}`)))
  }

  test('groups, of both families', async () => {
    await withStacks(async (one, other) => {
      const member = await bound(one, 'udp4')
      member.addMembership(GROUP)
      const sender = await bound(other, 'udp4')
      let heard = nextFrom(member)
      sender.send('four', member.address().port, GROUP)
      expect(await heard).toBe('four 10.0.0.2')
      const six = await bound(one, 'udp6')
      six.addMembership(GROUP6, '::%port0')
      const sender6 = await bound(other, 'udp6')
      heard = nextFrom(six)
      sender6.send('six', six.address().port, GROUP6)
      expect(await heard).toMatch(/^six fe80::.*%port0$/)
    })
  })

  test('only from one source; nobody else hears it after that one has left', async () => {
    await withStacks(async (one, other) => {
      const wanted = await bound(one, 'udp4')
      const { port } = wanted.address()
      wanted.addSourceSpecificMembership('10.0.0.2', SOURCE_GROUP)
      const heard: string[] = []
      wanted.on('message', (data) => heard.push(`wanted ${data}`))
      const unwanted = await bound(one, 'udp4')
      unwanted.addSourceSpecificMembership('10.0.0.9', OTHER_SOURCE_GROUP)
      unwanted.on('message', (data) => heard.push(`unwanted ${data}`))
      const sender = await bound(other, 'udp4')
      const first = event(wanted, 'message')
      sender.send('x', port, SOURCE_GROUP)
      sender.send('x', unwanted.address().port, OTHER_SOURCE_GROUP)
      await first
      wanted.dropSourceSpecificMembership('10.0.0.2', SOURCE_GROUP)
      sender.send('y', port, SOURCE_GROUP)
      const last = event(wanted, 'message')
      sender.send('end', port, '10.0.0.1')
      await last
      expect(heard).toEqual(['wanted x', 'wanted end'])
    })
  })

  test('broadcasts reach everybody, the sender as well; one without permission nobody', async () => {
    await withStacks(async (one, other) => {
      const receiver = await bound(one, 'udp4', 5000)
      const sender = await bound(other, 'udp4', 5000)
      for (const to of ['10.0.0.255', '255.255.255.255']) {
        sender.setBroadcast(true)
        const heard = Promise.all([nextFrom(receiver), nextFrom(sender)])
        sender.send('all', 5000, to)
        expect(await heard).toEqual(['all 10.0.0.2', 'all 10.0.0.2'])
        sender.setBroadcast(false)
        const refused = await new Promise<Error | null>((resolve) => sender.send('nobody', 5000, to, resolve))
        expect(refused).toMatchObject({ code: 'EACCES', syscall: 'send' })
      }
    })
  })

  test('a TTL that is too short keeps datagrams to a group here, and loopback can be left out', async () => {
    await withStacks(async (one, other) => {
      const away = await bound(one, 'udp4', 5000)
      const here = await bound(other, 'udp4', 5000)
      for (const socket of [away, here]) socket.addMembership(GROUP)
      const heard: string[] = []
      away.on('message', (data) => heard.push(`away ${data}`))
      here.on('message', (data) => heard.push(`here ${data}`))
      here.setMulticastTTL(0)
      const first = event(here, 'message')
      here.send('one', 5000, GROUP)
      await first
      here.setMulticastTTL(1)
      here.setMulticastLoopback(false)
      const second = event(away, 'message')
      here.send('two', 5000, GROUP)
      await second
      expect(heard).toEqual(['here one', 'away two'])
    })
  })
})

describeWithNamespaces('beside the kernel, on a tap', () => {
  test('a program hears its kernel, and the kernel the program: hosts, groups and broadcasts of both families', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'broadcast', '+', 'dev', 'tap0'])
    await namespace.run('ip', ['address', 'add', 'fd00::1/64', 'dev', 'tap0', 'nodad'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    await namespace.run('ip', ['route', 'add', '224.0.0.0/4', 'dev', 'tap0'])
    const program = 'test/node/programs/everybody.mjs'
    const environment = { TAPSTACK_IPV4: '10.0.0.2/24', TAPSTACK_IPV6: 'fd00::2/64' }
    const ours = namespace.spawn(process.execPath, [...registerOptions(), program, '10.0.0.1', 'fd00::1'], {
      environment,
    })
    // Before somebody holds the other end of the tap, the kernel's groups have no interface.
    await ours.waitFor('ready')
    const kernels = namespace.spawn(process.execPath, [program, '10.0.0.2', 'fd00::2'])
    const heard = (four: string, six: string) =>
      ['ready', `all ${four}`, `group ${four}`, `group6 ${six}`, `host ${four}`, `host6 ${six}`].join('\n')
    for (const [running, four, six] of [
      [ours, '10.0.0.1', 'fd00::1'],
      [kernels, '10.0.0.2', 'fd00::2'],
    ] as const) {
      const { stdout, stderr } = await running.finish(30_000)
      expect({ stdout, stderr }).toEqual({ stdout: `${heard(four, six)}\n`, stderr: '' })
    }
  })
})
