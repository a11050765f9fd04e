import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FrameCollector, transmit } from '../../../test/support/packets.ts'
import { frameOf, until } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { createStack } from '../../stack/index.ts'
import { interfaceProblem, type Netif, openByteStream, openNetif, openUnixDatagram } from '../index.ts'

let folder: string
let a: string
let b: string
let open: Netif[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  a = join(folder, 'a')
  b = join(folder, 'b')
  open = []
})

afterEach(async () => {
  for (const netif of open) await netif.close()
  rmSync(folder, { recursive: true })
})

function keep<N extends Netif>(netif: N): N {
  open.push(netif)
  return netif
}

async function end(local: string, remote: string) {
  const memory = new PacketMemory({ smallSlots: 256, largeSlots: 128, debug: true })
  const netif = keep(await openUnixDatagram({ local, remote, memory, mtu: 65_521 }))
  return { netif, memory, inbox: new FrameCollector(netif) }
}

describe('frames in UNIX datagrams', () => {
  test('both ways, of every length; more than the other end has room for wait', async () => {
    const one = await end(a, b)
    const other = await end(b, a)
    for (const length of [14, 60, 1514, 1900, 2048, 65_535]) {
      transmit(one.netif, frameOf(length, length))
      await until(() => other.inbox.frames.length === 1, 'frame')
      expect(other.inbox.take()).toEqual([frameOf(length, length)])
      transmit(other.netif, frameOf(length, 1))
      await until(() => one.inbox.frames.length === 1, 'frame')
      expect(one.inbox.take()).toEqual([frameOf(length, 1)])
    }
    // Sent in one turn, in which nobody reads.
    for (let i = 0; i < 150; i++) transmit(one.netif, frameOf(65_535, i))
    expect(one.netif.counters.backPressure).toBe(1)
    await until(() => other.inbox.frames.length === 150, 'all frames')
    expect(other.inbox.frames.every((frame, i) => Buffer.from(frame).equals(frameOf(65_535, i)))).toBe(true)
    expect(one.netif.counters).toMatchObject({ transmittedFrames: 156, transmitError: 0, transmitQueueFull: 0 })
    for (const { netif, memory } of [one, other]) {
      await netif.close()
      expect(memory.leaks()).toEqual([])
    }
    expect([existsSync(a), existsSync(b)]).toEqual([false, false])
  })

  test('the other end may come later, go, and come back as another socket', async () => {
    const one = await end(a, b)
    transmit(one.netif, frameOf(60))
    expect(one.netif.counters.transmitError).toBe(1)
    for (let i = 0; i < 3; i++) {
      const other = await end(b, a)
      // In the first round the one that was there first speaks first, then the one that came.
      const [first, second] = i === 0 ? [one, other] : [other, one]
      if (i > 0) await until(() => send(first.netif, second.inbox, i), 'frame')
      else transmit(first.netif, frameOf(60, i))
      await until(() => second.inbox.frames.length > 0, 'frame')
      expect(second.inbox.take()[0]).toEqual(frameOf(60, i))
      transmit(second.netif, frameOf(61, i))
      await until(() => first.inbox.frames.length > 0, 'answer')
      expect(first.inbox.take()).toEqual([frameOf(61, i)])
      // What it has not read yet goes with it, which is told to the one that sent it.
      transmit(one.netif, frameOf(62))
      await other.netif.close()
    }
    expect(one.netif.counters.transmitError).toBe(1)
    transmit(one.netif, frameOf(60))
    expect(one.netif.counters.transmitError).toBe(2)
  })

  test('that the other end lets go of us with frames unread is no end', async () => {
    const one = await end(a, b)
    const other = await end(b, a)
    transmit(one.netif, frameOf(60))
    transmit(other.netif, frameOf(60))
    transmit(one.netif, frameOf(61))
    // Our path is gone when the other end looks, before it reads.
    renameSync(a, `${a}.kept`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(other.inbox.take()).toEqual([])
    renameSync(`${a}.kept`, a)
    await until(() => send(other.netif, one.inbox, 1), 'frame')
    transmit(one.netif, frameOf(70))
    await until(() => other.inbox.frames.length > 0, 'answer')
    expect([one.inbox.isClosed, other.inbox.isClosed]).toEqual([false, false])
  })

  test('another end that never reads: what waits is bounded, the rest dropped and counted', async () => {
    const memory = new PacketMemory({ smallSlots: 2048, largeSlots: 128, debug: true })
    const one = keep(await openUnixDatagram({ local: a, remote: b, memory }))
    keep(await openUnixDatagram({ local: b, remote: a }))
    for (let i = 0; i < 20_000; i++) transmit(one, frameOf(1500))
    expect(one.counters.transmitQueueFull).toBeGreaterThan(10_000)
    // The transmit ring, and what the receive ring holds of each size.
    expect(memory.inUse).toBeLessThanOrEqual(1024 + 2 * 32)
    await one.close()
    expect(memory.leaks()).toEqual([])
  })

  test('nobody else is heard while there is another end', async () => {
    const one = await end(a, b)
    const other = await end(b, a)
    transmit(one.netif, frameOf(60))
    const stranger = await end(join(folder, 'c'), a)
    transmit(stranger.netif, frameOf(99))
    expect(stranger.netif.counters.transmitError).toBe(1)
    transmit(other.netif, frameOf(60))
    await until(() => one.inbox.frames.length > 0, 'frame')
    expect(one.inbox.take()).toEqual([frameOf(60)])
  })
})

/** Sends until something arrives: who was there before notices within a quarter of a second that another one has come. */
function send(netif: Netif, inbox: FrameCollector, seed: number): boolean {
  if (inbox.frames.length === 0) transmit(netif, frameOf(60, seed))
  return inbox.frames.length > 0
}

describe('paths', () => {
  test('a socket that a killed process left behind is taken over, and nothing else', async () => {
    const holder = await end(a, b)
    await expect(openUnixDatagram({ local: a, remote: b })).rejects.toThrow(
      `bind EADDRINUSE (somebody else has the socket ${a})`,
    )
    // Closed without the file, as by SIGKILL.
    renameSync(a, `${a}.kept`)
    await holder.netif.close()
    renameSync(`${a}.kept`, a)
    const one = await end(a, b)
    expect(statSync(a).isSocket()).toBe(true)
    await one.netif.close()
    writeFileSync(a, 'a file')
    await expect(openUnixDatagram({ local: a, remote: b })).rejects.toThrow(
      `bind EADDRINUSE (${a} is a file and no socket)`,
    )
    rmSync(a)
    symlinkSync(join(folder, 'nowhere'), a)
    await expect(openUnixDatagram({ local: a, remote: b })).rejects.toThrow('bind EADDRINUSE')
  })

  test('what has been put in the place of our socket stays', async () => {
    const one = await end(a, b)
    rmSync(a)
    writeFileSync(join(folder, 'other'), 'another file')
    renameSync(join(folder, 'other'), a)
    await one.netif.close()
    expect(existsSync(a)).toBe(true)
  })

  test('stay what they are when the process goes to another folder', async () => {
    const program = `
      import { openUnixDatagram } from ${JSON.stringify(join(import.meta.dirname, 'unix-datagram.ts'))}
      const netif = await openUnixDatagram({ local: 'here', remote: 'there' })
      process.chdir('/')
      await netif.close()`
    writeFileSync(join(folder, 'program.mts'), program)
    execFileSync(process.execPath, ['--import', import.meta.resolve('tsx'), 'program.mts'], { cwd: folder })
    expect(existsSync(join(folder, 'here'))).toBe(false)
  })

  test('that cannot be are told in one line', async () => {
    await expect(openUnixDatagram({ local: join(a, 's'), remote: b })).rejects.toThrow(
      `bind ENOENT (there is no folder ${a})`,
    )
    await expect(openUnixDatagram({ local: a, remote: a })).rejects.toThrow('is the socket of one end')
    await expect(openUnixDatagram({ local: `/${'x'.repeat(107)}`, remote: b })).rejects.toThrow(
      '1 to 107 bytes, not 108',
    )
    await end(a, b)
    await expect(openByteStream({ path: a })).rejects.toThrow(
      `connect EPROTOTYPE (${a} is a socket of another type, of datagrams maybe)`,
    )
  })

  test.each([
    ['unix-dgram:/b,local=/a', undefined],
    ['unix-dgram:/b,local=/a,mtu=9000,mac=02:00:00:00:00:01', undefined],
    ['unix-dgram:/b', 'expected local=PATH behind a comma, not nothing'],
    ['unix-dgram:,local=/a', 'expected the path of a socket, not nothing'],
    ['unix-dgram:/b,local=', 'expected local=PATH, not "local="'],
    ['unix-dgram:/b,local=/b', 'expected a socket for each end, not "local=/b"'],
    [
      'unix-dgram:/b,local=/a,reconnect=1s',
      'expected local=PATH, mac=ADDRESS (of one station) or mtu=N (68 to 65521) behind the comma, not "reconnect=1s"',
    ],
  ])('%s: %s', (text, problem) => {
    expect(interfaceProblem(text)).toBe(problem)
  })
})

test('two stacks of one process talk, by text', async () => {
  const clock = undefined as never
  const memory = () => new PacketMemory()
  const first = await openNetif(`unix-dgram:${b},local=${a}`, { memory: memory(), clock })
  const second = await openNetif(`unix-dgram:${a},local=${b}`, { memory: memory(), clock })
  await using server = await createStack({ netif: first, ipv4: '10.0.0.1/24' })
  await using client = await createStack({ netif: second, ipv4: '10.0.0.2/24' })
  await server.listen({ port: 7 }, async (flow) => {
    for await (const data of flow) await flow.write(data)
    await flow.close()
  })
  const flow = await client.connect({ address: '10.0.0.1', port: 7 })
  const sent = frameOf(2_000_000)
  const writing = flow.write(sent).then(() => flow.shutdown('write'))
  const pieces: Uint8Array[] = []
  for await (const data of flow) pieces.push(data)
  await writing
  expect(Buffer.concat(pieces).equals(sent)).toBe(true)
  expect(first.counters.transmitQueueFull + second.counters.transmitQueueFull).toBe(0)
  await flow.close()
})
