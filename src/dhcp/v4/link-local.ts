/** An address that a host gives itself where nobody else does: RFC 3927. */

import { IpAddress, IpPrefix, type MacAddress } from '../../address/index.ts'
import type { Arp, ProbeTimes } from '../../arp/index.ts'
import { SeededRandom } from '../../clock/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import { type Log, SILENT } from '../../log/index.ts'

/** 169.254.1.0 to 169.254.254.255: the first and the last 256 addresses of 169.254/16 are reserved, section 2.1. */
const FIRST = (169 << 24) | (254 << 16) | (1 << 8)
const COUNT = 254 * 256
const PREFIX_LENGTH = 16

export class LinkLocalAddress {
  readonly #ipv4: Ipv4
  readonly #arp: Arp
  readonly #times: ProbeTimes | undefined
  readonly #log: Log
  /** Section 2.1: from the MAC address, so that a host tries the same ones in the same order each time. */
  readonly #candidates: SeededRandom
  /** Being probed, or ours. */
  #candidate: IpAddress | null = null

  /** @param times of probing; default those of the RFC, which are those of RFC 5227 */
  constructor(ipv4: Ipv4, arp: Arp, mac: MacAddress, times?: ProbeTimes, log: Log = SILENT) {
    this.#ipv4 = ipv4
    this.#arp = arp
    this.#times = times
    this.#log = log
    this.#candidates = new SeededRandom(mac.low ^ mac.high)
  }

  /** Whether one is sought or held. */
  get isActive(): boolean {
    return this.#candidate !== null
  }

  /** Probes addresses until one is free, and holds that. */
  start(): void {
    if (this.#candidate === null) this.#try(this.#next())
  }

  /** Section 1.9: beside a routable address it is not wanted. */
  stop(): void {
    const candidate = this.#candidate
    if (candidate === null) return
    this.#candidate = null
    this.#arp.cancelProbe(candidate.word3)
    this.#ipv4.removeAddress(candidate)
  }

  #next(): IpAddress {
    return IpAddress.v4(FIRST + this.#candidates.below(COUNT))
  }

  #try(candidate: IpAddress): void {
    this.#candidate = candidate
    this.#arp.probe(candidate.word3, { probed: (_address, isFree) => this.#probed(candidate, isFree) }, this.#times)
  }

  #probed(candidate: IpAddress, isFree: boolean): void {
    if (!isFree) {
      this.#try(this.#next())
      return
    }
    this.#log.info('takes a link-local address', { address: candidate.toString() })
    // Section 2.5 (b): defended once in ten seconds.
    const use = { defense: 'defend', lost: () => this.#try(this.#next()) } as const
    this.#ipv4.addAddress(new IpPrefix(candidate, PREFIX_LENGTH), use)
  }
}
