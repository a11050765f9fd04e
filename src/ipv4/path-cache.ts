import type { Ipv4Path } from './ipv4-path.ts'

/**
 * Paths by destination, at most `size` destinations. A peer can make it grow by talking to us from many addresses, so
 * it is bounded; what was not used since the last look goes first (second chance), because connections keep their
 * path themselves and lose nothing.
 */
export class PathCache {
  readonly size: number
  evicted = 0
  readonly #byDestination = new Map<number, Ipv4Path>()

  constructor(size: number) {
    this.size = size
  }

  get count(): number {
    return this.#byDestination.size
  }

  /** @param source the source address that it must have, 0 for the one that is chosen by default */
  get(destination: number, source: number): Ipv4Path | null {
    let path: Ipv4Path | null = this.#byDestination.get(destination) ?? null
    while (path !== null && (source === 0 ? !path.hasDefaultSource : path.sourceAddress !== source)) path = path.sibling
    if (path !== null) path.referenced = true
    return path
  }

  /** The first path to this destination, whatever its source; the others are its siblings. */
  first(destination: number): Ipv4Path | null {
    return this.#byDestination.get(destination) ?? null
  }

  /** Siblings, which differ in their source only, are as many as we have addresses. */
  add(path: Ipv4Path): void {
    const sibling = this.#byDestination.get(path.destinationAddress) ?? null
    if (sibling === null && this.#byDestination.size >= this.size) this.#evict()
    path.sibling = sibling
    this.#byDestination.set(path.destinationAddress, path)
  }

  clear(): void {
    this.#byDestination.clear()
  }

  #evict(): void {
    for (const [destination, path] of this.#byDestination) {
      this.#byDestination.delete(destination)
      if (!path.referenced) {
        this.evicted++
        return
      }
      path.referenced = false
      this.#byDestination.set(destination, path)
    }
  }
}
