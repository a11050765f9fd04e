/** What becomes of a packet socket with its interface, and who gets which frames. */
import { beforeEach, describe, expect, test } from 'vitest'
import { MacAddress } from '../../src/address/index.ts'
import type { PacketSocket } from '../../src/netif/index.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'
import { createStack } from '../../src/stack/index.ts'
import { requires } from '../requirements.ts'
import type { Namespace } from '../support/namespace.ts'
import { openIn, vethNamespace } from './veth.ts'

let namespace: Namespace
const open: AsyncDisposable[] = []

beforeEach(async (context) => {
  requires(context, 'root', 'ip', 'namespaces', 'ping', 'nc')
  namespace = await vethNamespace()
  return async () => {
    for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
    await namespace[Symbol.asyncDispose]()
  }
})

async function netif(name: string, options: Parameters<typeof openIn>[2] = {}): Promise<PacketSocket> {
  const opened = await openIn(namespace, name, options)
  open.push(opened)
  return opened
}

async function stackOver(device: PacketSocket, ipv4 = '10.0.0.2/24') {
  const stack = await createStack({ netif: device, ipv4, ipv4Only: true })
  open.push({ [Symbol.asyncDispose]: () => stack.close(0) })
  return stack
}

/** Collects what arrives, as text. */
function listen(device: PacketSocket): string[] {
  const frames: string[] = []
  device.attach({
    frame: (packet: PacketBuffer) =>
      frames.push(Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString('hex')),
    endOfBurst() {},
    closed() {},
  })
  return frames
}

function send(device: PacketSocket, ...frames: string[]): void {
  for (const hex of frames) {
    const bytes = Buffer.from(hex.replaceAll(/[ :]/g, ''), 'hex')
    const packet = device.memory.allocate(bytes.length)!
    packet.memory.bytes.set(bytes, packet.start)
    packet.end = packet.start + bytes.length
    device.transmit(packet)
  }
  device.flush()
}

/** @throws Error if it does not come true within fifteen seconds */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1500; i++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it did not come true')
}

const OTHER = MacAddress.parse('02:00:00:00:00:99')
const LAST = `88b5 ${'ee'.repeat(50)}`

describe('who gets which frames', () => {
  test('those for our address and for groups; all of them if asked for', async () => {
    const [own, every, peer] = [await netif('v0'), await netif('v0', { promiscuous: true }), await netif('v1')]
    const [ours, all, sent] = [listen(own), listen(every), listen(peer)]
    const body = `88b5 ${'00'.repeat(50)}`
    send(peer, `${OTHER} ${peer.mac} ${body}`, `ff:ff:ff:ff:ff:ff ${peer.mac} ${body}`)
    send(peer, `33:33:00:00:00:01 ${peer.mac} ${body}`, `${own.mac} ${peer.mac} ${LAST}`)
    await until(() => ours.length >= 3 && all.length >= 4)
    const destinations = (frames: string[]) => frames.map((each) => each.slice(0, 12))
    const own12 = own.mac.toString().replaceAll(':', '')
    expect(destinations(ours)).toEqual(['ffffffffffff', '333300000001', own12])
    expect(destinations(all)).toEqual(['020000000099', 'ffffffffffff', '333300000001', own12])
    expect(sent).toEqual([])
  })

  test('none that it sent itself, nor those of others on the same interface', async () => {
    const [one, two] = [await netif('v0'), await netif('v0')]
    const [first, second, peer] = [listen(one), listen(two), listen(await netif('v1'))]
    send(one, `ff:ff:ff:ff:ff:ff ${one.mac} ${LAST}`)
    await until(() => peer.length === 1)
    send(two, `ff:ff:ff:ff:ff:ff ${two.mac} ${LAST}`)
    await until(() => peer.length === 2)
    expect([first, second]).toEqual([[], []])
  })

  test('frames of a VLAN are not taken for those of the network itself; a priority alone is none', async () => {
    const device = await netif('v0')
    const frames = listen(device)
    const peer = await netif('v1')
    const head = `${device.mac} ${peer.mac}`
    // IEEE 802.1Q tags: VLAN 5; VLAN 0 with priority 7; 802.1ad, VLAN 6; and none.
    const body = '88b5 0102'
    send(peer, ...['8100 0005', '8100 e000', '88a8 0006', ''].map((tag) => `${head} ${tag} ${body} ${'00'.repeat(44)}`))
    await until(() => frames.length === 2)
    expect(frames.map((each) => each.slice(24, 32))).toEqual(['88b50102', '88b50102'])
  })

  test('what there was no room for is counted', { timeout: 60_000 }, async () => {
    const device = await netif('v0')
    const peer = await netif('v1')
    const frame = `${device.mac} ${peer.mac} 88b5 ${'00'.repeat(1480)}`
    // Longer than the 8 MiB that the kernel holds for us, and nobody reads yet.
    const total = 20_000
    for (let i = 0; i < total; i += 500) send(peer, ...Array.from({ length: 500 }, () => frame))
    expect(peer.counters.transmittedFrames).toBe(total)
    const frames = listen(device)
    await until(() => frames.length > 1000 && frames.length + device.counters.receiveQueueFull === total)
    expect(device.counters.receiveQueueFull).toBeGreaterThan(1000)
  })
})

describe('several on one interface', () => {
  test('have addresses of their own, the same ones each time, and are all served', async () => {
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'v1'])
    const one = await netif('v0')
    const two = await netif('v0')
    const addresses = [one.mac, two.mac, one.kernelMac].map(String)
    expect(new Set(addresses).size).toBe(3)
    await stackOver(one, '10.0.0.2/24')
    await stackOver(two, '10.0.0.3/24')
    await namespace.run('sh', ['-c', 'ping -c 1 -W 2 10.0.0.2 && ping -c 1 -W 2 10.0.0.3'])
    await one.close()
    expect(String((await netif('v0')).mac)).toBe(addresses[0])
    // Another interface is another matter.
    expect(String((await netif('v1')).mac)).not.toBe(addresses[0])
  })
})

describe('an interface that', () => {
  const ping = () => namespace.run('ping', ['-c', '1', '-W', '2', '10.0.0.2'])

  beforeEach(() => namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'v1']).then(() => {}))

  test('goes down and comes up again: nothing passes meanwhile, and connections live on', async () => {
    const device = await netif('v0')
    const stack = await stackOver(device)
    let closed = false
    stack.closed.then(
      () => (closed = true),
      () => (closed = true),
    )
    await stack.listen({ port: 7 }, async (flow) => {
      for await (const data of flow) await flow.write(data)
      await flow.close()
    })
    const client = namespace.spawn('nc', ['-N', '10.0.0.2', '7'])
    client.write('before\n')
    await client.waitFor('before')
    for (let i = 0; i < 2; i++) {
      await namespace.run('ip', ['link', 'set', 'v0', 'down'])
      client.write(`while ${i}\n`)
      // Long enough for the look at it that ends nothing.
      await new Promise((resolve) => setTimeout(resolve, 300))
      await namespace.run('ip', ['link', 'set', 'v0', 'up'])
      await client.waitFor(`while ${i}`)
      await ping()
    }
    expect(closed).toBe(false)
    client.endInput()
    expect((await client.finish(5000)).stdout).toBe('before\nwhile 0\nwhile 1\n')
  })

  test.each([
    ['is removed', []],
    ['is removed while it is down', ['ip link set v0 down', 'sleep 0.3']],
    ['is removed after it was down', ['ip link set v0 down', 'sleep 0.3', 'ip link set v0 up', 'sleep 0.3']],
  ])('%s ends the stack with an error', async (_what, before) => {
    const { closed } = await stackOver(await netif('v0'))
    const ending = expect(closed).rejects.toMatchObject({ code: 'ENODEV', hint: 'interface v0 was deleted' })
    await namespace.run('sh', ['-c', [...before, 'ip link delete v0'].join('; ')])
    await ending
  })

  test('moves to another namespace ends the stack likewise', async () => {
    const { closed } = await stackOver(await netif('v0'))
    const ending = expect(closed).rejects.toMatchObject({ code: 'ENODEV' })
    await using other = await (await import('../support/namespace.ts')).Namespace.create()
    await namespace.run('ip', ['link', 'set', 'v0', 'netns', String(other.pid)])
    await ending
  })

  test('is renamed goes on, under its name of old', async () => {
    const device = await netif('v0')
    await stackOver(device)
    await namespace.run('ip', ['link', 'set', 'v0', 'name', 'other0'])
    await ping()
    expect(device.name).toBe('v0')
    expect(String(device.kernelMac)).toMatch(/:/)
  })

  test('carries long frames', async () => {
    for (const end of ['v0', 'v1']) await namespace.run('ip', ['link', 'set', end, 'mtu', '9000'])
    const device = await netif('v0')
    expect(device.mtu).toBe(9000)
    await stackOver(device)
    await namespace.run('ping', ['-c', '1', '-W', '2', '-M', 'do', '-s', '8972', '10.0.0.2'])
    expect(device.counters.receivedBytes).toBeGreaterThan(9000)
  })
})
