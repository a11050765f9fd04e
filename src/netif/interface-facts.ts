import { MacAddress } from '../address/index.ts'
import { SystemError } from '../errors/index.ts'
import { tapBinding } from './tap-binding.ts'
import { badNameError, tapError } from './tap-error.ts'

/** Words that `TapBinding.queryInterface` fills; enum fact of native/by-name.c. */
const Fact = { Index: 0, Flags: 1, Mtu: 2, HardwareType: 3, AddressHigh: 4, AddressLow: 5 } as const
const FACT_WORDS = 6
/** netdevice(7) and <linux/if_arp.h>. */
const IFF_UP = 1
const IFF_RUNNING = 0x40
const ARPHRD_ETHER = 1
const ARPHRD_NONE = 0xfffe

/** What the kernel says of an interface. */
export interface InterfaceFacts {
  /** Another one of the same name has another. */
  readonly index: number
  readonly isUp: boolean
  /** Up, and with a carrier. */
  readonly hasLink: boolean
  readonly mtu: number
  readonly isEthernet: boolean
  /** IP packets without anything in front, as on a tun. */
  readonly isPlainIp: boolean
  readonly mac: MacAddress
}

/** @param namespace path of the network namespace to look in, '' for ours @returns negative errno if there is none */
export function factsOf(name: string, namespace: string): InterfaceFacts | number {
  const binding = tapBinding()
  const words = new Int32Array(FACT_WORDS)
  const result = inNamespace(namespace, () => binding.queryInterface(name, words))
  if (result < 0) return result
  return {
    index: words[Fact.Index],
    isUp: (words[Fact.Flags] & IFF_UP) !== 0,
    hasLink: (words[Fact.Flags] & IFF_UP) !== 0 && (words[Fact.Flags] & IFF_RUNNING) !== 0,
    mtu: words[Fact.Mtu],
    isEthernet: words[Fact.HardwareType] === ARPHRD_ETHER,
    isPlainIp: words[Fact.HardwareType] === ARPHRD_NONE,
    mac: new MacAddress(words[Fact.AddressHigh], words[Fact.AddressLow]),
  }
}

/** Whether an interface is there, up, and has a carrier. */
export function hasLink(name: string, namespace: string): boolean {
  try {
    const facts = factsOf(name, namespace)
    return typeof facts !== 'number' && facts.hasLink
  } catch {
    // Its namespace is gone, and it with that.
    return false
  }
}

/** Of an interface that is there and up. @throws SystemError EINVAL, ENODEV, ENETDOWN with a hint */
export function factsOfUsable(name: string, namespace: string): InterfaceFacts {
  const bad = badNameError(name)
  if (bad !== null) throw bad
  const facts = factsOf(name, namespace)
  if (typeof facts === 'number') throw tapError(facts, 'ioctl SIOCGIFINDEX', name)
  if (!facts.isUp) throw new SystemError('ENETDOWN', 'open', { hint: `${name} is down: ip link set ${name} up` })
  return facts
}

/**
 * Calls `action` in another network namespace; what it opens there stays there. Nothing else runs meanwhile.
 * @param namespace its path, '' for ours
 * @throws SystemError for the namespace (EPERM, ENOENT, ...), and what `action` throws
 */
export function inNamespace<Result>(namespace: string, action: () => Result): Result {
  if (namespace === '') return action()
  let done: { result: Result } | undefined
  const errno = tapBinding().callInNamespace(namespace, () => {
    done = { result: action() }
  })
  if (done === undefined) throw tapError(errno, 'setns', namespace)
  return done.result
}
