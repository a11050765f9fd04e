import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { makeCertificate } from '../../test/support/certificate.ts'
import { HostClock, SeededRandom } from '../clock/index.ts'
import { VirtualNetwork } from '../netif/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { createStack, SocketStack, type Stack } from '../stack/index.ts'
import { measurementLines } from './line-protocol.ts'
import { run } from './run.ts'
import { type UnikernelContext, unikernel } from './unikernel.ts'

test('lines: what is not to be taken for structure, integers and others by what they are, and long ones in parts', () => {
  const measurement = {
    name: 'a b,c',
    tags: { vm: 'web-1', where: 'x=y z' },
    fields: { count: 3, large: 2 ** 60, none: Number.NaN },
    fractions: { share: 0.25, whole: 2, nothing: Number.NaN },
  }
  expect(measurementLines(measurement, 1_700_000_000_000_000_001n, 1_000)).toEqual([
    'a\\ b\\,c,vm=web-1,where=x\\=y\\ z share=0.25,whole=2,count=3i,large=1152921504606846976i 1700000000000000001\n',
  ])
  const fields = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`field${i}`, i]))
  const lines = measurementLines({ name: 'm', tags: {}, fields }, 5n, 40)
  expect(lines).toHaveLength(3)
  for (const line of lines) expect(line).toMatch(/^m (field\di?=\di,?){3} 5\n$/)
  expect(measurementLines({ name: 'm', tags: {}, fields: { x: Infinity } }, 5n, 40)).toEqual([])
})

function start(stack: Stack, words: string[], begin: (context: UnikernelContext) => unknown) {
  return run(unikernel({ name: 'trial', start: begin }), ['--name=web-1', ...words], {
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    environment: {},
    signals: new EventEmitter(),
    createStack: async () => stack,
  })
}

/** `process,vm=web-1 uptimeSeconds=1,...` as its name, tags and fields. */
function parsed(line: string) {
  const [, name, tags, fields, time] = /^([^,]+),(\S+) (\S+) (\d{19})$/.exec(line)!
  const pairs = (text: string) => Object.fromEntries(text.split(',').map((pair) => pair.split('=')))
  return { name, tags: pairs(tags), fields: pairs(fields), time: Number(time) / 1e6 }
}

test('--monitor: what the process uses and the layers count, over TCP, at once, every --monitor-interval and at the end', async () => {
  const clock = new HostClock()
  const random = new SeededRandom(1)
  const network = new VirtualNetwork({ clock, random, memory: new PacketMemory({ smallSlots: 1024, largeSlots: 64 }) })
  const host = (number: number) =>
    createStack({ netif: network.port(), ipv4: `10.0.0.${number}/24`, ipv4Only: true, clock, random })
  const server = await host(1)
  let text = ''
  await server.listen({ port: 8094 }, (flow) =>
    flow.onData(
      (data) => (text += Buffer.from(data)),
      () => flow.close(),
    ),
  )
  const pushes = () => text.split('\n').filter((line) => line.startsWith('process,')).length
  const begun = Date.now()
  const code = await start(
    await host(2),
    ['--monitor=10.0.0.1', '--monitor-interval=100ms'],
    async ({ stack, log }) => {
      log.warn('one')
      log.info('two')
      await stack.ping('10.0.0.1')
      while (pushes() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  )
  expect(code).toBe(0)
  expect(Date.now() - begun).toBeGreaterThan(190)
  // The end comes after the third.
  await expect.poll(pushes).toBeGreaterThanOrEqual(4)
  const measured = text.trimEnd().split('\n').map(parsed)
  for (const { tags, time } of measured) {
    expect(tags.vm).toBe('web-1')
    expect(Math.abs(time - begun)).toBeLessThan(20_000)
  }
  const last = (name: string) => measured.filter((each) => each.name === name).at(-1)!
  // A server keeps the type of a field: none may change it, whatever its value.
  for (const { name, fields } of measured) {
    for (const [key, value] of Object.entries(fields)) {
      const isFraction = name === 'process'
      expect(value, `${name} ${key}`).toMatch(isFraction ? /^[\d.e-]+$/ : /^-?\d+i$/)
    }
  }
  expect(Number.parseInt(last('memory').fields.residentSet, 10)).toBeGreaterThan(10_000_000)
  expect(Number(last('process').fields.uptimeSeconds)).toBeGreaterThan(0)
  expect(last('log').fields).toMatchObject({ warning: '1i', info: '1i', error: '0i' })
  expect(last('packets').fields).toMatchObject({ smallExhausted: '0i', slots: '1088i' })
  expect(last('icmp').fields).toMatchObject({ echoRequestsSent: '1i', echoRepliesReceived: '1i' })
  expect(last('tcp').fields).toMatchObject({ ActiveOpens: '1i', CurrEstab: '1i' })
  expect(Number.parseInt(last('tcp').fields.OutSegs, 10)).toBeGreaterThan(2)
  expect(last('netif').tags).toEqual({ vm: 'web-1', interface: expect.any(String) })
  await server.close(0)
  clock.close()
})

test('--monitor=udp://: in datagrams that are no larger than 1,200 bytes, of whole lines', async () => {
  const receiver = createSocket('udp4')
  const datagrams: string[] = []
  receiver.on('message', (message) => datagrams.push(String(message)))
  receiver.bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const code = await start(new SocketStack(), [`--monitor=udp://127.0.0.1:${receiver.address().port}`], async () => {
    while (datagrams.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  })
  expect(code).toBe(0)
  for (const datagram of datagrams) {
    expect(datagram.length).toBeLessThanOrEqual(1_200)
    for (const line of datagram.trimEnd().split('\n')) expect(() => parsed(line)).not.toThrow()
  }
  expect(datagrams[0]).toMatch(/^process,vm=web-1 .*\nmemory,vm=web-1 .*\nlog,vm=web-1 .*\n$/)
  receiver.close()
})

test('--monitor=tls:// and --monitor-ca: encrypted, to whoever has the certificate', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-monitor-'))
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => join(folder, name))
  makeCertificate(certificate, key, 'metrics', 'IP:127.0.0.1')
  let text = ''
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
    socket.on('data', (data) => (text += data)).on('end', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const words = [`--monitor=tls://127.0.0.1:${(server.address() as AddressInfo).port}`]
  const refused = once(server, 'connection').then(([socket]) => once(socket, 'close'))
  expect(await start(new SocketStack(), words, () => refused)).toBe(0)
  expect(text).toBe('')
  expect(
    await start(new SocketStack(), [...words, `--monitor-ca=${certificate}`], async () => {
      while (text === '') await new Promise((resolve) => setTimeout(resolve, 5))
    }),
  ).toBe(0)
  expect(text).toMatch(/^process,vm=web-1 /)
  server.close()
  rmSync(folder, { recursive: true })
})

test.each([
  ['--monitor=10.0.0.1:0', '--monitor: expected a server such as .*, not "10.0.0.1:0"'],
  ['--monitor-interval=10ms', '--monitor-interval: expected a duration .* from 100ms to 24h, not "10ms"'],
  ['--monitor-ca=x', '--monitor-ca: expected a file that is there, not "x"'],
])('%s is refused', async (word, line) => {
  let said = ''
  const world = { stdout: { write: () => {} }, stderr: { write: (text: string) => (said += text) }, environment: {} }
  expect(await run(unikernel({ name: 'trial', start() {} }), [word], world)).toBe(64)
  expect(said).toMatch(new RegExp(`^trial: ${line}`))
})
