import type { PacketBuffer } from '../packet/index.ts'
import type { UdpBinding } from './udp-binding.ts'

/** Who has which port, and which of those that share one a datagram is for. */
export class PortTable {
  /** The first binding of each port; more of the same port hang on its `next`, the latest first. */
  readonly #bindings = new Map<number, UdpBinding>()

  /** Ports that somebody has. */
  get size(): number {
    return this.#bindings.size
  }

  has(port: number): boolean {
    return this.#bindings.has(port)
  }

  /** The latest binding of a port, from which `next` leads to the others. */
  first(port: number): UdpBinding | null {
    return this.#bindings.get(port) ?? null
  }

  add(binding: UdpBinding): void {
    binding.next = this.first(binding.port)
    this.#bindings.set(binding.port, binding)
  }

  /** One that is not there is no error. */
  remove(binding: UdpBinding): void {
    let current = this.first(binding.port)
    if (current === binding) {
      if (binding.next === null) this.#bindings.delete(binding.port)
      else this.#bindings.set(binding.port, binding.next)
      return
    }
    while (current !== null) {
      if (current.next === binding) {
        current.next = binding.next
        return
      }
      current = current.next
    }
  }

  /** Whether one that is here already stands in the way of `wanted`. */
  isTaken({ address, family, port, remoteAddress, remotePort, shared, spread }: UdpBinding): boolean {
    for (let other = this.first(port); other !== null; other = other.next) {
      if (shared && other.shared && spread === other.spread) continue
      if (family !== null && other.family !== null && family !== other.family) continue
      if (address !== null && other.address !== null && !address.equals(other.address)) continue
      // A connected binding takes only what comes from its peer, so that it stands beside others.
      const sameRemote =
        remoteAddress === null || other.remoteAddress === null
          ? remoteAddress === other.remoteAddress
          : remoteAddress.equals(other.remoteAddress) && remotePort === other.remotePort
      if (sameRemote) return true
    }
    return false
  }

  /** The binding that fits best: a connected one before others, then one with an address, then the latest. */
  best(port: number, packet: PacketBuffer, remotePort: number): UdpBinding | null {
    let best: UdpBinding | null = null
    let bestScore = 0
    let equals = 0
    for (let binding = this.first(port); binding !== null; binding = binding.next) {
      const score = binding.matchPacket(packet, remotePort)
      if (score > bestScore) {
        best = binding
        bestScore = score
        equals = 1
      } else if (score === bestScore && score > 0) equals++
    }
    if (best === null || !best.spread || equals === 1) return best
    // All that a peer sends goes to the same one while there are as many of them.
    let skipped = ((spreadHash(packet.source3, remotePort) >>> 0) % equals) | 0
    for (let binding: UdpBinding | null = best; binding !== null; binding = binding.next) {
      if (binding.matchPacket(packet, remotePort) === bestScore && skipped-- === 0) return binding
    }
    return best
  }
}

/** Spreads neighbouring addresses and ports (multiplicative hashing, Knuth 6.4). Who chooses his port chooses no more than that. */
function spreadHash(address: number, port: number): number {
  const mixed = Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
