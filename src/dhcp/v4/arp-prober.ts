import type { IpAddress } from '../../address/index.ts'
import { type Arp, type ProbeTimes, SHORT_PROBE_TIMES } from '../../arp/index.ts'
import type { AddressProber } from './transport.ts'

/** Seconds: shorter leases would be over, or nearly so, before the probing of RFC 5227 is. */
const SHORT_LEASE = 30

/** Address conflict detection by ARP, RFC 5227. */
export class ArpProber implements AddressProber {
  readonly #arp: Arp
  readonly #times: ProbeTimes | undefined
  #address: number | null = null

  /** @param times default those of the RFC: 4 to 7 seconds; but a quarter of a second for a lease below half a minute */
  constructor(arp: Arp, times?: ProbeTimes) {
    this.#arp = arp
    this.#times = times
  }

  probe(address: IpAddress, duration: number, answered: (isFree: boolean) => void): void {
    this.#address = address.word3
    const handler = {
      probed: (_address: number, isFree: boolean) => {
        this.#address = null
        answered(isFree)
      },
    }
    const times = this.#times ?? (duration < SHORT_LEASE ? SHORT_PROBE_TIMES : undefined)
    this.#arp.probe(address.word3, handler, times)
  }

  cancel(): void {
    if (this.#address !== null) this.#arp.cancelProbe(this.#address)
    this.#address = null
  }
}
