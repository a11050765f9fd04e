/** Link-layer addresses from a table: what neighbour discovery does for IPv6, without asking anybody. */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import type { Ipv6Link, NeighborResolver, NextHop } from '../../src/ipv6/index.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'

export class StaticNeighbors implements NeighborResolver {
  readonly confirmed: string[] = []
  readonly #link: Ipv6Link
  readonly #known = new Map<string, NextHop>()

  constructor(link: Ipv6Link) {
    this.#link = link
  }

  add(address: string, mac: string): void {
    const { high, low } = MacAddress.parse(mac)
    const canonical = IpAddress.parse(address).toString()
    this.#known.set(canonical, { ready: true, macHigh: high, macLow: low, isDead: false })
  }

  neighbor(address: IpAddress): NextHop {
    return this.#known.get(address.toString()) ?? { ready: false, macHigh: 0, macLow: 0, isDead: true }
  }

  send(packet: PacketBuffer): void {
    this.#link.unreachable(packet)
    packet.release()
  }

  confirm(nextHop: NextHop): void {
    for (const [address, known] of this.#known) if (known === nextHop) this.confirmed.push(address)
  }
}
