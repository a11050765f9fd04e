import type { IpAddress } from '../../address/index.ts'
import type { Arp, ProbeTimes } from '../../arp/index.ts'
import type { AddressProber } from './transport.ts'

/** Address conflict detection by ARP, RFC 5227. */
export class ArpProber implements AddressProber {
  readonly #arp: Arp
  readonly #times: ProbeTimes | undefined
  #address: number | null = null

  /** @param times default those of the RFC: 4 to 7 seconds */
  constructor(arp: Arp, times?: ProbeTimes) {
    this.#arp = arp
    this.#times = times
  }

  probe(address: IpAddress, answered: (isFree: boolean) => void): void {
    this.#address = address.word3
    const handler = {
      probed: (_address: number, isFree: boolean) => {
        this.#address = null
        answered(isFree)
      },
    }
    this.#arp.probe(address.word3, handler, this.#times)
  }

  cancel(): void {
    if (this.#address !== null) this.#arp.cancelProbe(this.#address)
    this.#address = null
  }
}
