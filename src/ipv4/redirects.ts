/** Destinations whose first hop is another one; the oldest gives way: that only sends its packets through the router again. */
const LIMIT = 256

/** What routers said of better first hops, RFC 1122, section 3.3.1.2. Addresses are signed 32-bit integers. */
export class Redirects {
  /** First hops by destination, oldest first. */
  readonly #firstHops = new Map<number, number>()

  get count(): number {
    return this.#firstHops.size
  }

  firstHop(destination: number): number | undefined {
    return this.#firstHops.size === 0 ? undefined : this.#firstHops.get(destination)
  }

  learn(destination: number, firstHop: number): void {
    this.#firstHops.delete(destination)
    this.#firstHops.set(destination, firstHop)
    if (this.#firstHops.size <= LIMIT) return
    for (const oldest of this.#firstHops.keys()) {
      this.#firstHops.delete(oldest)
      return
    }
  }

  /** It does not answer. @returns whether anything went through it */
  remove(firstHop: number): boolean {
    const before = this.#firstHops.size
    for (const [destination, hop] of this.#firstHops) if (hop === firstHop) this.#firstHops.delete(destination)
    return this.#firstHops.size < before
  }

  clear(): void {
    this.#firstHops.clear()
  }
}
