import { expect } from 'vitest'
import { SECOND } from '../../src/clock/index.ts'
import { NeighborState } from '../../src/ipv6/neighbor-discovery/neighbor.ts'
import {
  ip,
  NeighborDiscoveryTestHost,
  neighborSolicitation,
  OTHER_MAC,
  OURS,
  PEER,
  PEER_MAC,
  sourceLinkLayer,
} from './neighbor-discovery-host.ts'

const { Incomplete, Reachable, Stale, Probe, Unreachable, Failed } = NeighborState

/** A host that knows PEER, in this state, and has just entered it; what was sent on the way there is forgotten. */
export function hostWithNeighborIn(state: NeighborState): NeighborDiscoveryTestHost {
  const host = NeighborDiscoveryTestHost.started()
  if (state === Incomplete || state === Failed) {
    host.send(PEER, 1)
    if (state === Failed) host.clock.advance(3 * SECOND)
  } else {
    host.receive(neighborSolicitation(OURS, sourceLinkLayer(PEER_MAC)))
    if (state !== Stale) host.send(PEER, 1)
    if (state === Reachable) host.discovery.confirm(host.discovery.neighbor(ip(PEER)))
    if (state === Probe) host.clock.advance(5 * SECOND)
    if (state === Unreachable) host.clock.advance(8 * SECOND)
  }
  expect(host.stateOf(PEER)).toBe(state)
  host.sent.length = host.link.frames.length = host.link.unreached.length = 0
  return host
}

/** Which link-layer address the host has for PEER: PEER_MAC, OTHER_MAC, or none. */
export function linkLayerOfPeer(host: NeighborDiscoveryTestHost): 'same' | 'new' | 'none' {
  const { macLow } = host.discovery.neighbor(ip(PEER))
  return macLow === PEER_MAC.low ? 'same' : macLow === OTHER_MAC.low ? 'new' : 'none'
}
