/** For tests of what carries frames over sockets. */

import { once } from 'node:events'
import { createServer } from 'node:net'

const milliseconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count))

/** @throws Error if it does not come true within five seconds */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); await milliseconds(2)) {
    if (Date.now() > deadline) throw new Error(`no ${what} within 20 s`)
  }
}

/** A frame that differs from others of the same length by its seed. */
export function frameOf(length: number, seed = 0): Uint8Array {
  const frame = new Uint8Array(length)
  for (let i = 0; i < length; i++) frame[i] = i * 7 + seed
  return frame
}

/**
 * As many ports of the loopback as are asked for, which were free a moment ago: none of those that the system gives to whoever asks
 * for any, so that they stay free, and that who connects to one of them does not have it itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await once(server.close(), 'close')
    ports.add(port)
  }
  return [...ports]
}
