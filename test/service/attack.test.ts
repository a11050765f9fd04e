/** A service on tap0 under attack by a neighbour that sends raw frames, while an honest one uses it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'
import { AttackedService } from './attacked-service.ts'

const ECHO = 7
/** Enough for the device's queue to stay short on a small machine, so that what fails is the stack and not the queue. */
const FRAMES_PER_SECOND = 15_000
const ATTACK_SECONDS = 1
/** `src/arp/arp.ts`, `src/stack/direct/direct-stack.ts`: defaults. */
const ARP_CACHE = 512
const BACKLOG = 4096

describeWithNamespaces('a service under attack', () => {
  let attacked: AttackedService

  beforeEach((context) => requires(context, 'cc', 'ping'))

  beforeAll(async () => {
    attacked = await AttackedService.start()
  })
  afterAll(async () => {
    await attacked?.[Symbol.asyncDispose]()
  })

  function attack(kind: string, port = 0, peerPort = 0): RunningProcess {
    return attacked.attack(kind, FRAMES_PER_SECOND, ATTACK_SECONDS, port, peerPort)
  }

  const report = () => attacked.report()

  /** An honest client that must notice nothing but that it is slower. */
  async function expectHarmless(localPort: number, start: () => RunningProcess[]): Promise<void> {
    const milliseconds = (ATTACK_SECONDS + 1) * 1000
    const client = attacked.bystander(milliseconds, localPort)
    await client.waitFor('open')
    const attackers = start()
    const parameters = ['-q', '-c', '10', '-i', '0.1', '-w', '5', '10.0.0.2']
    const pings = attacked.namespace.run('ping', parameters, { allowFailure: true })
    const { stdout } = await client.finish(20_000)
    const result = JSON.parse(stdout.trim().split('\n').at(-1)!)
    expect(result).toMatchObject({ changed: 0, failures: [] })
    expect(result.blocks).toBeGreaterThan(20)
    expect(result.connections).toBeGreaterThan(5)
    for (const attacker of attackers) {
      const { stdout: sent } = await attacker.finish(12_000)
      expect(Number(sent)).toBeGreaterThan(0)
    }
    // One may be lost in the device's queue.
    expect(Number(/(\d+) received/.exec((await pings).stdout)?.[1])).toBeGreaterThanOrEqual(8)
    expect(attacked.complaints).toBe('')
  }

  test.each([
    // First: what they are part of is waited for for 30 s.
    ['fragments of which no datagram can be made', 'fragments', 0],
    ['segments with any flags from strangers', 'flags', 0],
    ['SYNs that seem to come from itself (land)', 'land', ECHO],
    ['ARP from strangers, and for its own address', 'arp', 0],
    ['pings of all sizes, from strangers too, some with IP options', 'ping', 0],
    ['datagrams for an open port', 'udp', ECHO],
    ['datagrams for a closed port', 'udp', 8],
    ['garbage', 'garbage', 0],
  ])('bears %s', async (_what, kind, port) => {
    await expectHarmless(0, () => [attack(kind, port)])
    expect((await report()).neighbors).toBeLessThanOrEqual(ARP_CACHE)
  })

  // Ports below those that the kernel gives to others: one of them may still be in TIME-WAIT.
  test.each([
    ['segments with random numbers', 'segments', 21_001],
    ['forged ICMP errors', 'errors', 21_002],
  ])('a connection whose ports are known bears %s', async (_what, kind, localPort) => {
    await expectHarmless(localPort, () => [attack(kind, ECHO, localPort)])
  })

  test('hundreds of connections that send a byte at a time and never read leave nothing behind', async () => {
    // The SYNs among the segments of strangers are still half open.
    const { connections } = await report()
    const crowd = attacked.bystander('crowd', 400, 3000)
    await crowd.waitFor('open')
    expect((await report()).connections).toBeGreaterThan(400)
    await expectHarmless(0, () => [])
    await crowd.finish(10_000)
    await expectRest(connections)
  })

  /** Everything that the attacks cost is given back, packets that wait for strangers (3 s) and for fragments (30 s) too. */
  async function expectRest(connections: number): Promise<void> {
    const end = Date.now() + 20_000
    let now = await report()
    while ((now.packets > 0 || now.connections > connections) && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 500))
      now = await report()
    }
    expect(now).toMatchObject({ packets: 0, receiveBytes: 0 })
    expect(now.connections).toBeLessThanOrEqual(connections)
    expect(now.heap).toBeLessThan(64_000_000)
  }

  // Last, for what it leaves half open goes only after a minute.
  test('a flood of SYNs keeps nobody out of the port that it goes to', async () => {
    const before = (await report()).connections
    // Fills the queue, and waits until it is plain that nobody answers.
    await attack('syn', ECHO).finish(12_000)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    await expectHarmless(0, () => [attack('syn', ECHO)])
    const now = await report()
    expect(now.connections).toBeLessThanOrEqual(BACKLOG + before)
    expect(now.connections).toBeGreaterThan(BACKLOG / 2)
    expect(now.heap).toBeLessThan(64_000_000)
  })
})
