/** BBR.max_bw, draft-ietf-ccwg-bbr, 5.5.2 to 5.5.6: the largest delivery rate of this probing cycle and the one before. */
export class BandwidthFilter {
  #current = 0
  #previous = 0

  /** Bytes per second; 0: nothing was measured yet. */
  get maximum(): number {
    return Math.max(this.#current, this.#previous)
  }

  /** @param rate bytes per second */
  update(rate: number): void {
    if (rate > this.#current) this.#current = rate
  }

  /** AdvanceMaxBwFilter(): a probing cycle is over. One that measured nothing does not count. */
  advance(): void {
    if (this.#current === 0) return
    this.#previous = this.#current
    this.#current = 0
  }
}
