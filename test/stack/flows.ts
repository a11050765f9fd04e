/** What the behaviour tests do with flows again and again. */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import type { ConnectOptions, Flow, Listener } from '../../src/stack/index.ts'
import type { Pair } from './pairs.ts'

/** A listener that sends back what it gets, and closes after the client has. */
export function listenEcho(pair: Pair): Promise<Listener> {
  return pair.server.listen({ port: 0 }, async (flow) => {
    for await (const data of flow) await flow.write(data)
    await flow.close()
  })
}

export function connectTo(pair: Pair, listener: Listener, options: Partial<ConnectOptions> = {}): Promise<Flow> {
  return pair.client.connect({ address: pair.serverAddress, port: listener.local.port, ...options })
}

/** Both ends of one connection. */
export async function connected(
  pair: Pair,
  options: Partial<ConnectOptions> = {},
): Promise<{ client: Flow; server: Flow; listener: Listener }> {
  let accept: (flow: Flow) => void
  const accepted = new Promise<Flow>((resolve) => {
    accept = resolve
  })
  const listener = await pair.server.listen({ port: 0 }, (flow) => accept(flow))
  const client = await connectTo(pair, listener, options)
  return { client, server: await accepted, listener }
}

/** All that arrives until the end of the stream. */
export async function readAll(flow: Flow): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const data of flow) chunks.push(data)
  return Buffer.concat(chunks)
}

/** `count` bytes, or all up to the end of the stream. */
export async function readExactly(flow: Flow, count: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  while (length < count) {
    const data = await flow.read()
    if (data === null) break
    chunks.push(data)
    length += data.length
  }
  return Buffer.concat(chunks)
}

/** Bytes that look random and depend on the seed only; every stretch of them is different. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = (seed * 2_654_435_761) >>> 0 || 1
  for (let i = 0; i < length; i++) {
    // Marsaglia's xorshift, 32 bits.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  return bytes
}

/** Sends `chunks` pieces of `size` bytes, then FIN. @returns the SHA-256 of all of them */
export async function sendPattern(flow: Flow, chunks: number, size: number, seed: number): Promise<string> {
  const hash = createHash('sha256')
  for (let i = 0; i < chunks; i++) {
    const chunk = pattern(size, seed + i)
    hash.update(chunk)
    await flow.write(chunk)
  }
  await flow.shutdown('write')
  return hash.digest('hex')
}

/** The SHA-256 and the length of all that arrives. */
export async function receiveHash(flow: Flow): Promise<{ hash: string; length: number }> {
  const hash = createHash('sha256')
  let length = 0
  for await (const data of flow) {
    hash.update(data)
    length += data.length
  }
  return { hash: hash.digest('hex'), length }
}

/** The error that a promise rejects with; fails the test if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<NodeJS.ErrnoException & Partial<Address>> {
  return promise.then(
    () => expect.unreachable('expected a rejection'),
    (error) => error,
  )
}

interface Address {
  address: string
  port: number
}

/** Waits until a condition holds; fails the test after two seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 2000
  while (!condition()) {
    if (performance.now() > deadline) expect.unreachable(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
