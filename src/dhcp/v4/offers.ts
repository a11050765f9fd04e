/** Which of several offers is taken: RFC 2131, section 4.4.1 leaves that to the client. */

import type { IpAddress } from '../../address/index.ts'
import { FOREVER } from './codes.ts'
import type { ServerMessage } from './validate-message.ts'

/** What servers answer while an address is looked for, and the best of what came within a while. */
export class Offers {
  #best: ServerMessage | null = null
  #wanted: IpAddress | null = null
  #mayAutoConfigure = true

  /** What a server has said last about addresses without one; true if none has said anything. */
  get mayAutoConfigure(): boolean {
    return this.#mayAutoConfigure
  }

  get best(): ServerMessage | null {
    return this.#best
  }

  /** @param wanted the address that was asked for */
  clear(wanted: IpAddress | null): void {
    this.#best = null
    this.#wanted = wanted
    this.#mayAutoConfigure = true
  }

  /** RFC 2563, section 2.3: no address, and whether to take one oneself. @returns whether it is such an answer */
  takesAutoConfigure({ options, yourAddress }: ServerMessage): boolean {
    if (options.autoConfigure === null || !yourAddress.isUnspecified) return false
    this.#mayAutoConfigure = options.autoConfigure
    return true
  }

  add(offer: ServerMessage): void {
    if (this.#best === null || this.#isBetter(offer, this.#best)) this.#best = offer
  }

  /** Whether no other offer can be better. */
  get isFinal(): boolean {
    return this.#best !== null && this.#hasWanted(this.#best)
  }

  /** The address that was asked for, then a way out, then name servers, then the longer time, then the first. */
  #isBetter(offer: ServerMessage, other: ServerMessage): boolean {
    const one = this.#merits(offer)
    const two = this.#merits(other)
    const difference = one.findIndex((merit, index) => merit !== two[index])
    return difference >= 0 && one[difference] > two[difference]
  }

  #merits(offer: ServerMessage): number[] {
    const { options } = offer
    const hasWayOut = options.classlessRoutes !== null || options.routers.length > 0
    return [
      Number(this.#hasWanted(offer)),
      Number(hasWayOut),
      Number(options.dnsServers.length > 0),
      options.leaseTime ?? FOREVER,
    ]
  }

  #hasWanted(offer: ServerMessage): boolean {
    return this.#wanted?.equals(offer.yourAddress) === true
  }
}
