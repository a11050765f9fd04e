import { setTimeout as sleep } from 'node:timers/promises'
import { IpAddress } from '../address/index.ts'
import type { DirectStack } from '../stack/index.ts'

/**
 * Milliseconds that a stack has to find its first IPv6 address and router: a second for duplicate address detection (RFC
 * 4862, section 5.4) and what it is put off by, then an advertisement after half a second at most (RFC 4861, section 6.2.6).
 */
const PATIENCE = 4_000
const INTERVAL = 50

/**
 * A tool asks as soon as its stack is there, but IPv6 addresses that nobody typed come a second or two later: waits until
 * something leads to `address`, or as long as that may take.
 * @param stack null for the operating system's sockets, which have their addresses
 */
export async function waitForWayOut(stack: DirectStack | null, address: string, signal: AbortSignal): Promise<void> {
  if (stack === null || stack.ipv6 === null || !address.includes(':')) return
  const destination = IpAddress.parse(address.replace(/%.*$/, ''))
  const end = performance.now() + PATIENCE
  while (typeof stack.ipv6.ipv6.path(destination) === 'string' && performance.now() < end && !signal.aborted) {
    await sleep(INTERVAL, undefined, { signal }).catch(() => {})
  }
}
