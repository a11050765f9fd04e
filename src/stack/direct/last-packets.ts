import type { Arp } from '../../arp/index.ts'
import { type Clock, MILLISECOND, Timer } from '../../clock/index.ts'
import type { Ipv6Host } from '../../ipv6/index.ts'

/** Milliseconds that the neighbours have to answer: one request each, the next would be after a second (`REQUEST_INTERVAL`). */
export const LONGEST_WAIT = 500
/** Milliseconds after which it is looked at again. */
const LOOK_INTERVAL = 1

/** What may hold packets back until the address of a neighbour is known. */
interface Resolvers {
  readonly arp: Arp | null
  readonly ipv6: Ipv6Host | null
  readonly clock: Clock
}

/**
 * Resolves as soon as no packet waits for the address of a neighbour any more: what was sent last is on the link then, as that of a
 * process that ends is where the operating system goes on without it.
 * @param within milliseconds, the longest wait
 */
export function lastPackets({ arp, ipv6, clock }: Resolvers, within: number): Promise<void> {
  const isWaiting = () => arp?.isWaiting === true || ipv6?.discovery.isWaiting === true
  if (within <= 0 || !isWaiting()) return Promise.resolve()
  return new Promise((resolve) => {
    const end = clock.now() + within * MILLISECOND
    const timer = new Timer({
      onTimer: () => {
        if (!isWaiting() || clock.now() >= end) resolve()
        else clock.arm(timer, clock.now() + LOOK_INTERVAL * MILLISECOND)
      },
    })
    clock.arm(timer, clock.now() + LOOK_INTERVAL * MILLISECOND)
  })
}
