import { isIP } from 'node:net'
import { HostClock } from '../clock/index.ts'
import type { DirectStack } from '../stack/index.ts'
import { EventLoopHold } from './event-loop.ts'
import type { Lookup } from './lookup.ts'
import { installWrapHandle } from './stack-tls.ts'
import { MOST_DELIVERIES, Turns } from './turns.ts'

/** What the handles of one stack share. */
export class HandleHost {
  readonly stack: DirectStack
  readonly turns: Turns
  readonly hold: EventLoopHold
  /** How names become addresses: as the stack's own resolver says. */
  readonly lookup: Lookup
  /** The program has ended: it is told nothing more, and its connections are finished. */
  hasEnded = false
  #lookupImmediates = 0

  constructor(stack: DirectStack) {
    this.stack = stack
    const { ethernet } = stack
    this.turns = new Turns({
      hold: () => ethernet.hold(),
      release: () => ethernet.release(),
      deliverLocal: () => this.deliverLocal(),
    })
    for (const { localQueue } of stack.tcp.ips) localQueue.onWaiting = () => this.turns.wake()
    this.hold = new EventLoopHold(stack.openHandles)
    this.lookup = this.#inAnotherPass(stack.dns.lookup as Lookup)
  }

  /** How many immediates of the process are not the application's. */
  get immediates(): number {
    const { clock } = this.stack
    const ofClock = clock instanceof HostClock && clock.hasImmediate ? 1 : 0
    return this.#lookupImmediates + ofClock + (this.turns.hasImmediate ? 1 : 0)
  }

  /** There and back: what is sent to ourselves is answered at once. */
  settleLocal(): void {
    for (let i = 0; i < MOST_DELIVERIES && this.deliverLocal(); i++);
  }

  /**
   * What a program has sent to itself has arrived when it looks, since the kernel delivers it at once.
   * @returns whether there was something
   */
  deliverLocal(): boolean {
    const { tcp } = this.stack
    // A flow's user may be at work, from inside the stack.
    if (tcp.isInBurst) return false
    let some = false
    for (let i = 0; i < tcp.ips.length; i++) if (tcp.ips[i].localQueue.deliver()) some = true
    return some
  }

  /** Node asks threads for names, whose answers never come before ticks and promises that wait; an address is its own answer. */
  #inAnotherPass(lookup: Lookup): Lookup {
    return (hostname, options, callback) => {
      if (typeof callback !== 'function' || !hostname || isIP(hostname) !== 0)
        return lookup(hostname, options, callback)
      let answer: (() => void) | null = null
      let isLater = false
      lookup(hostname, options, (...words) => {
        answer = () => callback(...words)
        if (isLater) answer()
      })
      this.#lookupImmediates++
      setImmediate(() => {
        this.#lookupImmediates--
        isLater = true
        answer?.()
      })
    }
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
