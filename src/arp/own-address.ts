import { type Clock, type Microseconds, SECOND } from '../clock/index.ts'
import { Announcement } from './announcement.ts'

/** RFC 5227, section 1.1. */
const DEFEND_INTERVAL: Microseconds = 10 * SECOND

/**
 * What becomes of an address of ours that another station uses as well, RFC 5227, section 2.4: `cede` gives it up at once
 * (a), `defend` says once that it is ours and gives it up at the next conflict within ten seconds (b), `insist` keeps it
 * and says so at most every ten seconds (c).
 */
export type AddressDefense = 'cede' | 'defend' | 'insist'

export const ADDRESS_DEFENSES: readonly AddressDefense[] = ['cede', 'defend', 'insist']

/** How one address is used, as far as that differs from others. */
export interface AddressUse {
  /** Default: that of the layer. */
  readonly defense?: AddressDefense | undefined
  /** It was given up, because another station has it. By `Ipv4` it is removed before. */
  readonly lost?: ((address: number) => void) | undefined
}

/** What to do about a conflict. */
export const ConflictAction = { Ignore: 0, Announce: 1, GiveUp: 2 } as const
export type ConflictAction = (typeof ConflictAction)[keyof typeof ConflictAction]

/** An address that we answer for. */
export class OwnAddress {
  readonly address: number
  readonly mask: number
  readonly announcement: Announcement
  readonly use: AddressUse
  readonly #clock: Clock
  readonly #defense: AddressDefense
  #contestedAt: Microseconds = Number.NEGATIVE_INFINITY

  constructor(
    clock: Clock,
    address: number,
    mask: number,
    use: AddressUse,
    defense: AddressDefense,
    announce: () => void,
  ) {
    this.#clock = clock
    this.address = address
    this.mask = mask
    this.use = use
    this.#defense = defense
    this.announcement = new Announcement(clock, announce)
  }

  /** Another station claims the address. */
  contested(): ConflictAction {
    const now = this.#clock.now()
    const isRecent = now - this.#contestedAt < DEFEND_INTERVAL
    if (this.#defense === 'cede' || (this.#defense === 'defend' && isRecent)) return ConflictAction.GiveUp
    if (isRecent) return ConflictAction.Ignore
    this.#contestedAt = now
    return ConflictAction.Announce
  }
}
