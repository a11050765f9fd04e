/** The multicast groups of one `dgram.Socket`, with the numbers that Linux answers. */
import type { IpAddress } from '../address/index.ts'
import { FilterMode } from '../ip/index.ts'
import type { DirectStack } from '../stack/index.ts'
import type { UdpBinding } from '../udp/index.ts'
import { errorNumber, numberOf } from './error-numbers.ts'

interface Joined {
  readonly group: IpAddress
  /** Null: all of them. */
  readonly sources: IpAddress[] | null
}

export class MulticastGroups {
  readonly #stack: DirectStack
  #joined: Joined[] = []

  constructor(stack: DirectStack) {
    this.#stack = stack
  }

  /** @param source only what it sends; null for what anybody does */
  add(binding: UdpBinding, group: IpAddress, source: IpAddress | null): number {
    if (!group.isMulticast || (source !== null && source.family !== group.family)) return errorNumber('EINVAL')
    const known = this.#joined.find((each) => each.group.equals(group))
    if (known === undefined) {
      const joined = { group, sources: source === null ? null : [source] }
      const status = this.#join(binding, joined)
      if (status === 0) this.#joined.push(joined)
      return status
    }
    // A group that was joined for all sources cannot be joined for some.
    if (source === null || known.sources === null) return errorNumber(source === null ? 'EADDRINUSE' : 'EINVAL')
    if (known.sources.some((each) => each.equals(source))) return errorNumber('EADDRNOTAVAIL')
    return this.#change(binding, known, [...known.sources, source])
  }

  drop(binding: UdpBinding, group: IpAddress, source: IpAddress | null): number {
    if (!group.isMulticast) return errorNumber('EINVAL')
    const known = this.#joined.find((each) => each.group.equals(group))
    if (known === undefined) return errorNumber(source === null ? 'EADDRNOTAVAIL' : 'EINVAL')
    if (source !== null) {
      if (known.sources === null) return errorNumber('EINVAL')
      const left = known.sources.filter((each) => !each.equals(source))
      if (left.length === known.sources.length) return errorNumber('EADDRNOTAVAIL')
      if (left.length > 0) return this.#change(binding, known, left)
    }
    this.#joined = this.#joined.filter((each) => each !== known)
    binding.dropMembership(group)
    return 0
  }

  /** Has a binding that replaces another join what that had joined. */
  moveTo(binding: UdpBinding): void {
    for (const joined of this.#joined) this.#join(binding, joined)
  }

  #change(binding: UdpBinding, known: Joined, sources: IpAddress[]): number {
    try {
      binding.membership(known.group)?.setFilter(FilterMode.Include, sources)
    } catch (error) {
      return numberOf(error)
    }
    this.#joined = this.#joined.map((each) => (each === known ? { ...known, sources } : each))
    return 0
  }

  #join(binding: UdpBinding, { group, sources }: Joined): number {
    const listener = group.family === 4 ? this.#stack.igmp : this.#stack.ipv6
    if (listener === null) return errorNumber('ENODEV')
    const mode = sources === null ? FilterMode.Exclude : FilterMode.Include
    try {
      binding.addMembership(listener.join(group, mode, sources ?? []))
      return 0
    } catch (error) {
      return numberOf(error)
    }
  }
}
