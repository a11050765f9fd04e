/** One application on our stack and on the operating system's sockets, asked the same by the same station: the answers are equal. */
import { expect, test } from 'vitest'
import type { FrameReceiver, Netif } from '../../src/netif/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { tapstack } from '../cli/process.ts'
import { openIn, vethNamespace } from '../packet-socket/veth.ts'
import { requires } from '../requirements.ts'
import { describeWithNamespaces, Namespace, type RunningProcess } from '../support/namespace.ts'

const V4 = '10.0.0.2'
const V6 = 'fd00::2'
const GROUP_V4 = '239.192.7.7'
const GROUP_V6 = 'ff05::777'

/** The kernel has the addresses itself. */
async function onSockets(namespace: Namespace): Promise<string[]> {
  await namespace.run('sh', [
    '-c',
    `sysctl -qw net.ipv6.conf.v0.disable_ipv6=0 && ip address add ${V4}/24 broadcast + dev v0 &&
     ip -6 address add ${V6}/64 dev v0 nodad && ip route add default dev v0`,
  ])
  return ['--net', 'socket']
}

async function onPacketSocket(): Promise<string[]> {
  return ['--interface', 'packet:v0', '--ipv4', `${V4}/24`, '--ipv6', `${V6}/64`]
}

/** The hop limits of what the application sends by UDP: to us, and to groups. */
function watchHopLimits(netif: Netif): { netif: Netif; seen: Set<string> } {
  const seen = new Set<string>()
  const note = (bytes: Uint8Array, at: number) => {
    const isV4 = bytes[at + 12] === 8
    const ip = at + 14
    if (bytes[ip + (isV4 ? 9 : 6)] !== 17) return
    const isGroup = isV4 ? bytes[ip + 16]! >= 224 : bytes[ip + 24] === 0xff
    const port = ip + (isV4 ? 20 : 40)
    if (((bytes[port]! << 8) | bytes[port + 1]!) !== 7) return
    seen.add(`IPv${isV4 ? 4 : 6} ${isGroup ? 'group' : 'host'} ${bytes[ip + (isV4 ? 8 : 7)]}`)
  }
  const attach = netif.attach.bind(netif)
  netif.attach = (receiver: FrameReceiver) =>
    attach({
      frame(packet) {
        note(packet.memory.bytes, packet.start)
        receiver.frame(packet)
      },
      endOfBurst: () => receiver.endOfBurst(),
      closed: (error) => receiver.closed(error),
    })
  return { netif, seen }
}

async function answersOf(way: (namespace: Namespace) => Promise<string[]>): Promise<string[]> {
  await using namespace = await vethNamespace()
  const { netif, seen } = watchHopLimits(await openIn(namespace, 'v1'))
  await using station = await createStack({
    netif,
    ipv4: '10.0.0.1/24',
    ipv6: 'fd00::1/64',
    ipv6Settings: { detectionTransmits: 0 },
  })
  const words = await way(namespace)
  await using app = namespace.spawn(process.execPath, [tapstack, 'run', 'test/stack/programs/parity.mjs', ...words])
  await app.waitFor('ready')
  const lines = [...ownLines(app)]
  const udp = await station.udp({ port: 9, broadcast: true })
  let heard: (answer: string) => void = () => {}
  udp.onDatagram((data, from) => heard(`${from.address}: ${Buffer.from(data)}`))
  const ask = async (question: string, address: string) => {
    const answer = new Promise<string>((resolve) => (heard = resolve))
    udp.send(question, { address, port: 7 })
    lines.push(`${address}, ${await answer}`)
  }
  for (const address of [V4, V6, '10.0.0.255', '255.255.255.255', GROUP_V4, GROUP_V6]) await ask('to', address)
  await ask('strangers', V4)
  for (const [address, group] of [
    [V4, GROUP_V4],
    [V6, GROUP_V6],
  ] as const) {
    // Whose answer, if there were one, would come first.
    udp.send('to', { address: group, port: 7 })
    await ask('to', address)
  }
  await ask('everybody', V4)
  for (const group of [GROUP_V4, GROUP_V6]) await ask('to', group)
  for (const address of [V4, V6]) {
    await ask('ping', address)
    await ask('group', address)
    lines.push(await read(station, address, 80))
  }
  const flows = [await connectTo(station, V4), await connectTo(station, V6), await connectTo(station, V6)]
  lines.push(...flows.map(({ text }) => text))
  await ask('connections', V4)
  for (const { flow } of flows) flow.abort()
  await expect.poll(() => seen.size).toBeGreaterThanOrEqual(4)
  return [...lines, ...[...seen].sort()]
}

/** What the application says by itself, before it is ready. */
function ownLines(app: RunningProcess): string[] {
  return app.stdout.split('\n').filter((line) => /^(listen|bind|connect) /.test(line))
}

async function connectTo(station: DirectStack, address: string) {
  const flow = await station.connect({ address, port: 8080 })
  return { flow, text: `${await flow.read()}` }
}

async function read(station: DirectStack, address: string, port: number): Promise<string> {
  const flow = await station.connect({ address, port })
  let text = ''
  for await (const data of flow) text += data
  await flow.close()
  return text
}

describeWithNamespaces('parity of the stacks', () => {
  test('one application answers alike on ours and on the operating system', { timeout: 60_000 }, async (context) => {
    // The station's end of the veth is opened from outside the namespace.
    requires(context, 'root')
    const direct = await answersOf(onPacketSocket)
    expect(await answersOf(onSockets)).toEqual(direct)
    expect(direct).toEqual([
      'listen on an address that is not ours: EADDRNOTAVAIL',
      'listen again: EADDRINUSE',
      'bind again: EADDRINUSE',
      'connect to a closed port: ECONNREFUSED',
      'connect to a closed port over IPv6: ECONNREFUSED',
      '10.0.0.2, 10.0.0.2: to: 10.0.0.2',
      'fd00::2, fd00::2: to: fd00::2',
      '10.0.0.255, 10.0.0.2: to: 10.0.0.255',
      '255.255.255.255, 10.0.0.2: to: 255.255.255.255',
      '239.192.7.7, 10.0.0.2: to: 239.192.7.7',
      'ff05::777, fd00::2: to: ff05::777',
      '10.0.0.2, 10.0.0.2: strangers: only strangers are heard',
      '10.0.0.2, 10.0.0.2: to: 10.0.0.2',
      'fd00::2, fd00::2: to: fd00::2',
      '10.0.0.2, 10.0.0.2: everybody: everybody is heard',
      '239.192.7.7, 10.0.0.2: to: 239.192.7.7',
      'ff05::777, fd00::2: to: ff05::777',
      '10.0.0.2, 10.0.0.2: ping: 10.0.0.1 100',
      '10.0.0.2, 10.0.0.2: group: sent',
      '10.0.0.2 80 to 10.0.0.1',
      'fd00::2, fd00::2: ping: fd00::1 100',
      'fd00::2, fd00::2: group: sent',
      'fd00::2 80 to fd00::1',
      '::ffff:10.0.0.2 IPv6 ::ffff:10.0.0.1 IPv6',
      'fd00::2 IPv6 fd00::1 IPv6',
      'fd00::2 IPv6 fd00::1 IPv6',
      '10.0.0.2, 10.0.0.2: connections: 3',
      'IPv4 group 3',
      'IPv4 host 7',
      'IPv6 group 3',
      'IPv6 host 7',
    ])
  })

  test('groups of both families are joined on the interface whose address was named', async () => {
    await using namespace = await Namespace.create()
    await namespace.run('sh', [
      '-c',
      `for n in 1 2; do
         ip link add d$n type veth peer e$n && ip link set d$n up && ip link set e$n up && ip address add 10.0.$n.2/24 dev d$n &&
         ip -6 address add fd0$n::2/64 dev d$n nodad || exit 1
       done`,
    ])
    const program = `
      import { SocketStack } from './src/index.ts'
      const stack = new SocketStack()
      const udp = await stack.udp()
      for (const n of [1, 2])
        for (const [address, group] of [['10.0.' + n + '.2', '239.192.7.' + n], ['fd0' + n + '::2', 'ff05::70' + n]]) {
          udp.setMulticastInterface(address)
          udp.joinGroup(group)
        }
      try {
        udp.setMulticastInterface('fd03::2')
      } catch (error) {
        console.log(error.message)
      }
      console.log('joined')`
    await using joined = namespace.spawn(process.execPath, [
      ...['--import', import.meta.resolve('tsx'), '--input-type=module', '--eval', program],
    ])
    await joined.waitFor('joined')
    expect(joined.stdout).toContain('setMulticastInterface EADDRNOTAVAIL fd03::2')
    for (const n of [1, 2]) {
      const { stdout } = await namespace.run('ip', ['maddress', 'show', 'dev', `d${n}`])
      expect(stdout.match(/239\.192\.7\.\d|ff05::70\d/g)).toEqual([`239.192.7.${n}`, `ff05::70${n}`])
    }
  })
})
