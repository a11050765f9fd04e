import type { DirectStack } from '../stack/index.ts'
import { EventLoopHold } from './event-loop.ts'
import type { Lookup } from './lookup.ts'
import { installWrapHandle } from './stack-tls.ts'
import { Turns } from './turns.ts'

/** What the handles of one stack share. */
export class HandleHost {
  readonly stack: DirectStack
  readonly turns: Turns
  readonly hold: EventLoopHold
  /** How names become addresses: as the stack's own resolver says. */
  readonly lookup: Lookup

  constructor(stack: DirectStack) {
    this.stack = stack
    const queues = stack.tcp.ips.map((ip) => ip.localQueue)
    this.turns = new Turns({
      hold: () => stack.ethernet.hold(),
      release: () => stack.ethernet.release(),
      deliverLocal: () => queues.reduce((some, queue) => queue.deliver() || some, false),
    })
    for (const queue of queues) queue.onWaiting = () => this.turns.wake()
    this.hold = new EventLoopHold(stack.openHandles)
    this.lookup = stack.dns.lookup as Lookup
  }
}

const hosts = new WeakMap<DirectStack, HandleHost>()

/** The one of a stack. @throws Error if this version of Node lacks what handles need */
export function handleHost(stack: DirectStack): HandleHost {
  let host = hosts.get(stack)
  if (host === undefined) {
    // Also where Node's own `tls` is used over a socket of the stack.
    installWrapHandle()
    host = new HandleHost(stack)
    hosts.set(stack, host)
  }
  return host
}
