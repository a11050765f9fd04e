/** The multicast groups of one `dgram.Socket`, with the numbers that libuv and Linux answer. */
import type { IpAddress, IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import { FilterMode } from '../ip/index.ts'
import type { DirectStack } from '../stack/index.ts'
import type { UdpBinding } from '../udp/index.ts'
import { errorNumber, numberOf } from './error-numbers.ts'
import { type InterfaceKind, interfaceOf } from './interfaces.ts'
import { parseAddress } from './socket-addresses.ts'

interface Joined {
  readonly group: IpAddress
  readonly interface: InterfaceKind
  /** Null: all of them. */
  readonly sources: readonly IpAddress[] | null
}

/** What a call of `addMembership` and its like names. */
export interface GroupRequest {
  readonly group: IpAddress
  /** Only what it sends; null for what anybody does. */
  readonly source: IpAddress | null
  /** Null: the usual one. */
  readonly interface: InterfaceKind | 'ENODEV' | null
}

/**
 * Reads the arguments of a call.
 * @returns null where one of them is no address, or not of the group's family
 */
export function groupRequest(
  stack: DirectStack,
  text: string,
  source: string | null,
  via: string | undefined,
): GroupRequest | null {
  const family: IpFamily = text.includes(':') ? 6 : 4
  const group = parseAddress(text, family)
  const from = source === null ? null : parseAddress(source, family)
  if (group === null || (source !== null && from === null)) return null
  const named = via === undefined ? null : interfaceOf(stack, via, family)
  return named === 'EINVAL' ? null : { group: group.address, source: from?.address ?? null, interface: named }
}

export class MulticastGroups {
  readonly #stack: DirectStack
  #joined: readonly Joined[] = []

  constructor(stack: DirectStack) {
    this.#stack = stack
  }

  /** @returns 0, or the number of an error */
  add(binding: UdpBinding, { group, source, interface: named }: GroupRequest): number {
    if (!group.isMulticast) return errorNumber('EINVAL')
    if (named === 'ENODEV') return errorNumber('ENODEV')
    const via = named ?? 'link'
    const known = this.#find(group, via)
    if (known === undefined) return this.#change(binding, group, via, source === null ? null : [source])
    if (source === null) return errorNumber('EADDRINUSE')
    if (known.sources?.some((each) => each.equals(source))) return errorNumber('EADDRNOTAVAIL')
    // From all sources to one: Linux lets a filter that names none change its mode.
    return this.#change(binding, group, via, [...(known.sources ?? []), source])
  }

  /** @returns 0, or the number of an error */
  drop(binding: UdpBinding, { group, source, interface: named }: GroupRequest): number {
    const unknown = (code: SystemErrorCode) => errorNumber(source === null ? 'EADDRNOTAVAIL' : code)
    if (!group.isMulticast) return group.family === 6 ? errorNumber('EINVAL') : unknown('EINVAL')
    if (named === 'ENODEV') return unknown('ENODEV')
    const known = this.#find(group, named ?? 'link') ?? (named === null ? this.#find(group, 'loopback') : undefined)
    if (known === undefined) return unknown('EINVAL')
    if (source === null) return this.#change(binding, group, known.interface, 'none')
    const left = known.sources?.filter((each) => !each.equals(source)) ?? []
    if (left.length === (known.sources?.length ?? 0)) return errorNumber('EADDRNOTAVAIL')
    return this.#change(binding, group, known.interface, left.length === 0 ? 'none' : left)
  }

  /** Has a binding that replaces another join what that had joined. */
  moveTo(binding: UdpBinding): void {
    const groups = this.#joined.map(({ group }) => group)
    for (const group of groups) if (binding.membership(group) === null) this.#update(binding, group, this.#joined)
  }

  #find(group: IpAddress, via: InterfaceKind): Joined | undefined {
    return this.#joined.find((each) => each.interface === via && each.group.equals(group))
  }

  #change(binding: UdpBinding, group: IpAddress, via: InterfaceKind, sources: Joined['sources'] | 'none'): number {
    const others = this.#joined.filter((each) => each.interface !== via || !each.group.equals(group))
    const joined = sources === 'none' ? others : [...others, { group, interface: via, sources }]
    const status = this.#update(binding, group, joined)
    if (status === 0) this.#joined = joined
    return status
  }

  /** What the socket wants of a group, by whichever interface: our one link carries it. */
  #update(binding: UdpBinding, group: IpAddress, joined: readonly Joined[]): number {
    const wanted = joined.filter((each) => each.group.equals(group))
    if (wanted.length === 0) {
      binding.dropMembership(group)
      return 0
    }
    const takesAll = wanted.some(({ sources }) => sources === null)
    const mode = takesAll ? FilterMode.Exclude : FilterMode.Include
    const sources = takesAll ? [] : wanted.flatMap((each) => each.sources ?? [])
    const listener = group.family === 4 ? this.#stack.igmp : this.#stack.ipv6
    if (listener === null) return errorNumber('ENODEV')
    try {
      const known = binding.membership(group)
      if (known === null) binding.addMembership(listener.join(group, mode, sources))
      else known.setFilter(mode, sources)
      return 0
    } catch (error) {
      return numberOf(error)
    }
  }
}
