import type { IpAddress } from '../../address/index.ts'
import type { InterfaceAddress } from './interface-address.ts'

/** What neighbour discovery tells the IPv6 layer. Called from timers and while messages are received. */
export interface NeighborDiscoveryHost {
  /** An address of ours has another `state`: it may be used from now on, is deprecated, or is gone. */
  addressChanged(address: InterfaceAddress): void
  /** An address turned out to be somebody else's, and nothing replaces it. */
  addressIsDuplicate(address: InterfaceAddress): void
  /** Each group is joined and left once, however many addresses have it. */
  joinGroup(group: IpAddress): void
  leaveGroup(group: IpAddress): void
  /** `NeighborDiscovery.nextHop` may give other answers than before. */
  routesChanged(): void
  /** Where packets to a unicast destination go first at present, all routes considered; null if nowhere. */
  firstHop(destination: IpAddress): IpAddress | null
  /** `parameters.hopLimit` or `parameters.mtu` is another. */
  parametersChanged(): void
  /** Something in `configuration` is another. */
  configurationChanged(): void
}

/** Who makes us a router: our neighbour advertisements say so as long as there is somebody. */
export interface RouterRole {
  /** A host asks for routers, RFC 4861, section 6.2.6. */
  routerSolicited(): void
}
