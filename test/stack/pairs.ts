/** Two ends for the behaviour suite: a pair of stacks that reach each other, for each kind of stack. */
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { type Netif, VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type Endpoint, SocketStack, type Stack } from '../../src/stack/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'

export interface Pair {
  readonly server: Stack
  readonly client: Stack
  readonly serverAddress: string
  readonly clientAddress: string
  /** Bytes of the largest datagram that can be sent. */
  readonly longestDatagram: number
  /** Where a SYN gets no answer at all. */
  silentEndpoint(): Promise<Endpoint>
  /** Closes both stacks and checks that nothing is left behind. */
  close(): Promise<void>
}

/** Two stacks of the operating system's sockets, on loopback. */
export async function socketPair(family: 4 | 6): Promise<Pair> {
  const loopback = family === 4 ? '127.0.0.1' : '::1'
  const server = new SocketStack()
  const client = new SocketStack()
  const cleanUps: (() => void)[] = []
  return {
    server,
    client,
    serverAddress: loopback,
    clientAddress: loopback,
    longestDatagram: family === 4 ? 65_507 : 65_527,
    async silentEndpoint() {
      const silent = await fullListener(loopback)
      cleanUps.push(silent.close)
      return silent.endpoint
    },
    async close() {
      for (const cleanUp of cleanUps) cleanUp()
      await Promise.all([client.close(0), server.close(0)])
    },
  }
}

/** Makes the two ends of what joins a pair of stacks: that of the server, and that of the client. */
export type Wire = (setting: {
  clock: HostClock
  random: SeededRandom
  memory: PacketMemory
}) => Promise<[Netif, Netif]>

async function virtualWire(setting: Parameters<Wire>[0]): Promise<[Netif, Netif]> {
  const network = captureOnFailure(new VirtualNetwork(setting))
  return [network.port(), network.port()]
}

/**
 * Two stacks of ours on a virtual network, or joined otherwise, on the host's clock; of both families, of which the suite uses this
 * one.
 */
export async function directPair(family: 4 | 6, wire: Wire = virtualWire): Promise<Pair> {
  const clock = new HostClock()
  const random = new SeededRandom(1)
  const memory = new PacketMemory({ smallSlots: 4096, largeSlots: 256 })
  const [serverNetif, clientNetif] = await wire({ clock, random, memory })
  const stack = (host: number, netif: Netif) =>
    createStack({
      netif,
      ipv4: `10.0.0.${host}/24`,
      ipv6: `fd00::${host}/64`,
      // Nobody else is there; each test would wait for seconds.
      ipv6Settings: { detectionTransmits: 0 },
      clock,
      random,
    })
  const server = await stack(2, serverNetif)
  const client = await stack(1, clientNetif)
  const network4 = { serverAddress: '10.0.0.2', clientAddress: '10.0.0.1', nobody: '10.0.0.99' }
  const network6 = { serverAddress: 'fd00::2', clientAddress: 'fd00::1', nobody: 'fd00::99' }
  const { serverAddress, clientAddress, nobody } = family === 4 ? network4 : network6
  return {
    server,
    client,
    serverAddress,
    clientAddress,
    longestDatagram: family === 4 ? 65_507 : 65_527,
    async silentEndpoint() {
      return { address: nobody, port: 7 }
    },
    async close() {
      await Promise.all([client.close(0), server.close(0)])
      expect(memory.inUse, 'packets still in use after close').toBe(0)
      expect(clock.armedTimers, 'timers still armed after close').toBe(0)
      clock.close()
    },
  }
}

/**
 * A listener on loopback whose queue is full, in a process of its own that never accepts: Linux then drops further SYNs.
 */
async function fullListener(host: string): Promise<{ endpoint: Endpoint; close: () => void }> {
  const program = `
    const server = require('node:net').createServer().listen({ port: 0, host: '${host}', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))))
  const fillers: Socket[] = []
  for (let i = 0; i < 2; i++) {
    const filler = connect({ port, host })
    filler.on('error', () => {})
    await new Promise((resolve) => filler.once('connect', resolve))
    fillers.push(filler)
  }
  const close = () => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
  }
  return { endpoint: { address: host, port }, close }
}
