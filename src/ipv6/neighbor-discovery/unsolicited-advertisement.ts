import { type Clock, Timer, type TimerHandler } from '../../clock/index.ts'
import type { InterfaceAddress } from './interface-address.ts'
import type { LinkParameters } from './parameters.ts'

/** RFC 4861, section 10: MAX_NEIGHBOR_ADVERTISEMENT. */
const MAX_NEIGHBOR_ADVERTISEMENT = 3

/** Why an address is made known without being asked. */
export const Occasion = {
  /** It is new, and the first packet back to it shall not wait for the router to resolve it; RFC 9131, section 6.1. */
  NewAddress: 0,
  /** Our link-layer address changed: all who knew it shall know the new one; RFC 4861, 7.2.6. */
  NewLinkLayer: 1,
} as const
export type Occasion = (typeof Occasion)[keyof typeof Occasion]

export interface UnsolicitedAdvertisementContext {
  readonly clock: Clock
  readonly parameters: LinkParameters
  sendUnsolicited(address: InterfaceAddress, occasion: Occasion): void
}

/** Makes an address known three times, as neither is acknowledged. */
export class UnsolicitedAdvertisement implements TimerHandler {
  readonly #context: UnsolicitedAdvertisementContext
  readonly #address: InterfaceAddress
  readonly #occasion: Occasion
  readonly #timer = new Timer(this)
  #remaining = MAX_NEIGHBOR_ADVERTISEMENT

  constructor(context: UnsolicitedAdvertisementContext, address: InterfaceAddress, occasion: Occasion) {
    this.#context = context
    this.#address = address
    this.#occasion = occasion
  }

  /** The first goes out at once. */
  start(): void {
    this.onTimer()
  }

  stop(): void {
    this.#context.clock.disarm(this.#timer)
  }

  onTimer(): void {
    const { clock, parameters } = this.#context
    if (--this.#remaining > 0) clock.arm(this.#timer, clock.now() + parameters.retransmitTime)
    this.#context.sendUnsolicited(this.#address, this.#occasion)
  }
}
