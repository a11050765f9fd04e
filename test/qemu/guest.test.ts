/** A Linux guest of QEMU at the other end of a carrier, and our services on this one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createStack } from '../../src/stack/index.ts'
import { tapstack } from '../cli/process.ts'
import { missing, requires } from '../requirements.ts'
import { Namespace, type RunningProcess } from '../support/namespace.ts'
import { Guest, guestMissing } from './guest.ts'

const NEEDED = ['namespaces', 'qemu-system-x86_64', 'busybox']
const TCP_PORT = 5000

let folder: string
let namespace: Namespace
let guest: Guest
/** By the guest's cards; they have to listen before those connect, which they do once. */
const listening = new Map<number, RunningProcess>()

beforeAll(async () => {
  if ((missing(...NEEDED) ?? guestMissing()) !== null) return
  folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  namespace = await Namespace.create()
  for (const [card, port] of [
    [1, TCP_PORT],
    [3, TCP_PORT + 2],
  ] as const) {
    const service = serve('echo', `tcp-listen:${port}`, card)
    listening.set(card, service)
    await service.waitFor(`answers on 10.0.${card}.2`)
  }
  guest = await Guest.boot(namespace, [
    `stream,server=on,addr.type=unix,addr.path=${folder}/wire`,
    `stream,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port=${TCP_PORT}`,
    `dgram,local.type=inet,local.host=127.0.0.1,local.port=${TCP_PORT},` +
      `remote.type=inet,remote.host=127.0.0.1,remote.port=${TCP_PORT + 1}`,
    `socket,connect=127.0.0.1:${TCP_PORT + 2}`,
    `dgram,local.type=unix,local.path=${folder}/guest,remote.type=unix,remote.path=${folder}/host`,
  ])
  for (const card of [0, 1, 2, 3, 4]) {
    await guest.run(
      `ip address add 10.0.${card}.1/24 dev eth${card} && ip -6 address add fd00:c${card}::1/64 dev eth${card} && ` +
        `ip link set eth${card} up`,
    )
  }
})

afterAll(async () => {
  await guest?.[Symbol.asyncDispose]()
  await namespace?.[Symbol.asyncDispose]()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

beforeEach((context) => {
  requires(context, ...NEEDED)
  const reason = guestMissing()
  if (reason !== null) context.skip(reason)
})

/** An example, as it is, at the other end of the guest's card of that number. */
function serve(example: string, carrier: string, card: number): RunningProcess {
  const addresses = [`--ipv4=10.0.${card}.2/24`, `--ipv6=fd00:c${card}::2/64`]
  return namespace.spawn(process.execPath, [
    ...[tapstack, 'run', `examples/${example}.ts`, `--interface=${carrier}`, '--logs-format=text', ...addresses],
  ])
}

/** Until it is there, which takes the time that IPv6 asks whether anybody has its address. */
async function ready(service: RunningProcess, card: number): Promise<void> {
  await service.waitFor(`answers on fd00:c${card}::2`)
  await until(() => service.stderr.includes('listening'), 'the service to listen')
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
  }
}

test('-netdev stream on a UNIX socket: ping and wget of the dual-stack example', async () => {
  await using service = serve('http', `unix:${folder}/wire`, 0)
  await ready(service, 0)
  expect(await guest.run('ping -c 3 10.0.0.2')).toContain('3 packets received, 0% packet loss')
  expect(await guest.run('ping -c 3 fd00:c0::2')).toContain('3 packets received, 0% packet loss')
  for (const [url, own, theirs] of [
    ['http://10.0.0.2/', '10.0.0.2 port 80', '10.0.0.1 port'],
    ['http://[fd00:c0::2]/', 'fd00:c0::2 port 80', 'fd00:c0::1 port'],
  ] as const) {
    const page = await guest.run(`wget -q -O - '${url}'`)
    expect(page).toContain('Hello from http')
    expect(page).toContain('a TCP/IP stack inside a Node.js process (--net direct)')
    expect(page).toContain(own)
    expect(page).toContain(theirs)
  }
})

test('the guest waits for the next one: nc to the echo service, and four megabytes there and back', async () => {
  await using service = serve('echo', `unix:${folder}/wire`, 0)
  await ready(service, 0)
  expect(await guest.run('echo hello | nc -w 5 10.0.0.2 7')).toBe('hello\n')
  expect(await guest.run('echo hello | nc -w 5 fd00:c0::2 7')).toBe('hello\n')
  await guest.run('dd if=/dev/urandom of=/tmp/sent bs=64k count=64')
  for (const address of ['10.0.0.2', 'fd00:c0::2']) {
    const sums = await guest.run(
      `nc ${address} 7 < /tmp/sent > /tmp/got; md5sum < /tmp/sent; md5sum < /tmp/got; wc -c < /tmp/got`,
    )
    const [sent, got, length] = sums.trim().split('\n')
    expect(length).toBe(`${64 * 65_536}`)
    expect(got).toBe(sent)
  }
})

test('our stack connects to services of the guest', async () => {
  await guest.run('mkdir -p /tmp/www && echo "from the guest" > /tmp/www/index.html && httpd -h /tmp/www')
  await using stack = await createStack({
    interface: `unix:${folder}/wire`,
    ipv4: '10.0.0.3/24',
    ipv6: 'fd00:c0::3/64',
  })
  for (const address of ['10.0.0.1', 'fd00:c0::1']) {
    expect((await stack.ping(address)).address.toString()).toBe(address)
    const flow = await stack.connect({ address, port: 80 })
    await flow.write('GET / HTTP/1.0\r\n\r\n')
    let response = ''
    for await (const data of flow) response += Buffer.from(data).toString('latin1')
    expect(response).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[\s\S]*\r\n\r\nfrom the guest\n$/)
    await flow.close()
  }
})

test.each([
  ['-netdev stream', 1],
  ['-netdev socket, which is older', 3],
])('%s that connects to us over TCP', async (_name, card) => {
  await ready(listening.get(card)!, card)
  expect(await guest.run(`ping -c 3 10.0.${card}.2`)).toContain('3 packets received, 0% packet loss')
  expect(await guest.run(`echo hello | nc -w 5 10.0.${card}.2 7`)).toBe('hello\n')
  expect(await guest.run(`echo hello | nc -w 5 fd00:c${card}::2 7`)).toBe('hello\n')
})

test.each([
  ['UDP', () => `udp:127.0.0.1:${TCP_PORT},local=${TCP_PORT + 1}`, 2],
  ['UNIX sockets', () => `unix-dgram:${folder}/guest,local=${folder}/host`, 4],
  [
    'UNIX sockets again, to the next process at the same path',
    () => `unix-dgram:${folder}/guest,local=${folder}/host`,
    4,
  ],
])('-netdev dgram over %s: ping and wget of the dual-stack example', async (_name, carrier, card) => {
  await using service = serve('http', carrier(), card)
  await ready(service, card)
  expect(await guest.run(`ping -c 3 10.0.${card}.2`)).toContain('3 packets received, 0% packet loss')
  for (const host of [`10.0.${card}.2`, `[fd00:c${card}::2]`]) {
    expect(await guest.run(`wget -q -O - 'http://${host}/'`)).toContain('Hello from http')
  }
})

test('-netdev dgram over UNIX sockets: four megabytes there and back', async () => {
  await using service = serve('echo', `unix-dgram:${folder}/guest,local=${folder}/host`, 4)
  await ready(service, 4)
  await guest.run('dd if=/dev/urandom of=/tmp/sent bs=64k count=64')
  const sums = await guest.run('nc 10.0.4.2 7 < /tmp/sent > /tmp/got; md5sum < /tmp/sent; md5sum < /tmp/got')
  const [sent, got] = sums.trim().split('\n')
  expect(got).toBe(sent)
})
