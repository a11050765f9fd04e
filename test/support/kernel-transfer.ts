/** Megabytes between a stack and the kernel at the other end of its link, compared by their hash. */
import { expect } from 'vitest'
import type { DirectStack } from '../../src/stack/index.ts'
import { receiveHash, sendPattern } from '../stack/flows.ts'
import type { Namespace } from './namespace.ts'

const PROGRAM = 'test/tap/programs/transfer.ts'

/** The kernel sends to each of these addresses of the stack in turn. */
export async function receiveMegabytes(
  stack: DirectStack,
  namespace: Namespace,
  megabytes: number,
  addresses: string[],
): Promise<void> {
  const listener = await stack.listen({ port: 7 }, async (flow) => {
    const { hash } = await receiveHash(flow)
    await flow.write(hash)
    await flow.shutdown('write')
  })
  for (const address of addresses) {
    const { stdout } = await namespace.runNode(PROGRAM, ['send', address, '7', `${megabytes}`])
    expect(JSON.parse(stdout)).toMatchObject({ agrees: true })
  }
  await listener.close()
}

/** The stack sends to an address of the kernel's. */
export async function sendMegabytes(
  stack: DirectStack,
  namespace: Namespace,
  megabytes: number,
  address: string,
): Promise<void> {
  const peer = namespace.spawnNode(PROGRAM, ['serve', address, '9'])
  await peer.waitFor('ready')
  const flow = await stack.connect({ address, port: 9, timeout: 5_000 })
  const hash = await sendPattern(flow, megabytes, 1 << 20, 1)
  let digest = ''
  for await (const chunk of flow) digest += chunk
  expect(digest).toBe(hash)
}
