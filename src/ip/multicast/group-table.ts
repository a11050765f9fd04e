import type { IpAddress } from '../../address/index.ts'
import { MulticastGroup } from './multicast-group.ts'

/** Groups by their addresses. Looking one up allocates nothing. */
export class GroupTable {
  /** By the last word of the address, `following` behind it. */
  readonly #groups = new Map<number, MulticastGroup>()
  #size = 0

  get size(): number {
    return this.#size
  }

  find(word0: number, word1: number, word2: number, word3: number): MulticastGroup | null {
    let group = this.#groups.get(word3) ?? null
    while (group !== null) {
      const { address } = group
      if (address.word2 === word2 && address.word1 === word1 && address.word0 === word0) return group
      group = group.following
    }
    return null
  }

  get({ word0, word1, word2, word3 }: IpAddress): MulticastGroup | null {
    return this.find(word0, word1, word2, word3)
  }

  /** @param onTimer runs for its own timer */
  add(address: IpAddress, onTimer: (group: MulticastGroup) => void): MulticastGroup {
    const group = new MulticastGroup(address, onTimer)
    group.following = this.#groups.get(address.word3) ?? null
    this.#groups.set(address.word3, group)
    this.#size++
    return group
  }

  /** Harmless when it has been removed already. */
  remove(group: MulticastGroup): void {
    const key = group.address.word3
    const first = this.#groups.get(key)
    if (first === group) {
      if (group.following === null) this.#groups.delete(key)
      else this.#groups.set(key, group.following)
    } else {
      let before = first
      while (before !== undefined && before.following !== group) before = before.following ?? undefined
      if (before === undefined) return
      before.following = group.following
    }
    this.#size--
  }

  clear(): void {
    this.#groups.clear()
    this.#size = 0
  }

  /** A copy: groups may be removed on the way. */
  all(): MulticastGroup[] {
    const groups: MulticastGroup[] = []
    for (const first of this.#groups.values()) {
      for (let group: MulticastGroup | null = first; group !== null; group = group.following) groups.push(group)
    }
    return groups
  }
}
