/** Valid frames of each kind that a host on an IPv6 link understands: the seeds of mutation. */
import { MacAddress } from '../../src/address/index.ts'
import { addressBytes, be16, be32, concat, ethernet, icmpv6, ipv6, tcp, udp } from '../support/frames.ts'
import {
  dnsServersOption,
  mtuOption,
  neighborAdvertisement,
  neighborSolicitation,
  nonceOption,
  prefixOption,
  redirect,
  routeOption,
  routerAdvertisement,
  searchListOption,
  sourceLinkLayer,
  targetLinkLayer,
} from '../support/neighbor-discovery-host.ts'
import type { CorpusFrame } from './corpus.ts'
import { OURS, OURS_6, OURS_LINK_LOCAL, PEER, PEER_6, PEER_LINK_LOCAL, send6 } from './hostile-host.ts'
import { rightChecksums6 } from './right-checksums6.ts'

const PEER_MAC = MacAddress.parse(PEER.mac)
const UDP = 17
const ICMPV6 = 58
const FRAGMENT = 44

interface From {
  source?: string
  destination?: string
  hopLimit?: number
  mac?: string
}

function packet(nextHeader: number, payload: Uint8Array | number[], from: From = {}): Uint8Array {
  const { source = PEER_LINK_LOCAL.address, destination = OURS_LINK_LOCAL.address, hopLimit = 255 } = from
  const header = { source: PEER.mac, destination: from.mac ?? OURS.mac }
  return rightChecksums6(
    ethernet(header, ipv6({ source, destination, hopLimit, nextHeader }, Uint8Array.from(payload))),
  )
}

const toAll = { destination: 'ff02::1', mac: '33:33:00:00:00:01' }
const global = { source: PEER_6.address, destination: OURS_6.address }
const built = (source: string, destination: string, layer: { build(addresses: Uint8Array): Uint8Array }) =>
  layer.build(concat([addressBytes(source), addressBytes(destination)]))
const datagram = (text: string) =>
  built(PEER_6.address, OURS_6.address, udp({ sourcePort: 5000, destinationPort: 7 }, text))
const fragment = (protocol: number, offsetAndMore: number, payload: Uint8Array) =>
  packet(FRAGMENT, concat([Uint8Array.of(protocol, 0), be16(offsetAndMore), be32(77), payload]), global)

export function validFrames6(): Uint8Array[] {
  const ends = { sourcePort: 5000, destinationPort: 7 }
  const quoted = ipv6(
    { source: OURS_6.address, destination: PEER_6.address },
    udp({ sourcePort: 7, destinationPort: 5 }, 'x'.repeat(1400)),
  ).bytes.subarray(0, 1000)
  const group = [...addressBytes('ff02::1:ff00:2')]
  const query = { ...toAll, hopLimit: 1 }
  const alert = [ICMPV6, 0, 5, 2, 0, 0, 1, 0]
  return [
    packet(ICMPV6, neighborSolicitation(OURS_LINK_LOCAL.address, sourceLinkLayer(PEER_MAC))),
    packet(ICMPV6, neighborSolicitation(OURS_6.address, nonceOption([1, 2, 3, 4, 5, 6])), {
      source: '::',
      destination: 'ff02::1:ff00:2',
      mac: '33:33:ff:00:00:02',
    }),
    packet(ICMPV6, neighborAdvertisement('fe80::1', 0xe0, targetLinkLayer(PEER_MAC))),
    packet(ICMPV6, neighborAdvertisement('fd00::77', 0x20, targetLinkLayer(PEER_MAC)), toAll),
    packet(ICMPV6, [133, 0, 0, 0, 0, 0, 0, 0, ...sourceLinkLayer(PEER_MAC)]),
    packet(
      ICMPV6,
      routerAdvertisement(
        { flags: 0xc0, reachable: 30_000, retrans: 1000 },
        sourceLinkLayer(PEER_MAC),
        mtuOption(1400),
        prefixOption('2001:db8:1::/64', 7200, 3600),
        prefixOption('2001:db8:2::/64', 0xffffffff, 0xffffffff),
        routeOption('2001:db8:3::/48', 600, 1),
        dnsServersOption(600, '2001:db8::53', 'fe80::53'),
        searchListOption(600, 'example.com', 'example.org'),
        [37, 3, ...Buffer.from('https://portal.example')],
        [38, 2, 0, 8, ...addressBytes('64:ff9b::').subarray(0, 12)],
      ),
      toAll,
    ),
    packet(ICMPV6, redirect('2001:db8:9::9', 'fe80::7', targetLinkLayer(PEER_MAC))),
    packet(0, [...alert, 130, 0, 0, 0, 0, 100, 0, 0, ...new Array(16).fill(0)], query),
    packet(0, [...alert, 130, 0, 0, 0, 0, 100, 0, 0, ...group, 2, 125, 0, 1, ...addressBytes('fd00::5')], query),
    packet(0, [...alert, 131, 0, 0, 0, 0, 0, 0, 0, ...group], query),
    send6.icmp({ type: 128, identifier: 1, sequence: 2 }, 'ping'),
    packet(ICMPV6, concat([Uint8Array.of(2, 0, 0, 0), be32(1300), quoted]), global),
    packet(ICMPV6, concat([Uint8Array.of(1, 4, 0, 0), be32(0), quoted]), global),
    send6.udp(ends, 'hello'),
    send6.udp({ sourcePort: 5000, destinationPort: 4711 }, 'nobody there'),
    send6.tcp({ ...ends, flags: 'S', seq: 1, mss: 1440, windowScale: 7, sackPermitted: true }),
    send6.tcp({ ...ends, flags: 'A', seq: 2, ack: 3 }, 'data'),
    packet(60, [UDP, 0, 1, 4, 0, 0, 0, 0, ...datagram('options')], global),
    packet(60, [UDP, 0, 0xc3, 4, 0, 0, 0, 0, ...datagram('unknown option')], global),
    packet(43, [UDP, 0, 4, 0, 0, 0, 0, 0, ...datagram('routing')], global),
    fragment(UDP, 1, datagram('x'.repeat(40)).subarray(0, 24)),
    fragment(UDP, 24, datagram('x'.repeat(40)).subarray(24)),
    fragment(UDP, 0, datagram('atomic')),
    packet(59, [], global),
    packet(132, [1, 2, 3, 4, 5, 6, 7, 8], global),
    ethernet(
      { source: PEER.mac, destination: OURS.mac },
      ipv6({ source: PEER_6.address, destination: OURS_6.address }, tcp({ ...ends, flags: 'FPU', urgent: 9 }, 'x')),
    ),
    ethernet(
      { source: PEER.mac, destination: OURS.mac },
      ipv6({ source: PEER_6.address, destination: OURS_6.address }, icmpv6({ type: 129 }, 'nobody asked')),
    ),
  ]
}

/** Frames that are wrong on purpose. */
export function craftedFrames6(): CorpusFrame[] {
  const frames: Uint8Array[] = [...validFrames6()]
  const add = (...more: Uint8Array[]) => frames.push(...more)
  for (const frame of validFrames6()) {
    for (let length = 14; length < frame.length; length += 7) add(frame.subarray(0, length))
  }
  const ping = built(PEER_6.address, OURS_6.address, icmpv6({}, 'x'))
  // Every next header and every option with every length that could confuse a parser, in each of the two kinds of options.
  for (let kind = 0; kind < 256; kind++) {
    add(packet(kind, datagram('what is this?'), global))
    add(packet(kind, [], global))
    for (const length of [0, 1, 4, 5, 255]) {
      for (const header of [0, 60]) add(packet(header, [ICMPV6, 0, kind, length, 0, 0, 0, 0, ...ping], global))
    }
    // Headers that say that they are longer than the packet, and routing headers of all types.
    add(packet(60, [UDP, kind, 1, 4, 0, 0, 0, 0, ...datagram('long')], global))
    add(packet(43, [UDP, 0, kind, 1, 0, 0, 0, 0, ...datagram('source route')], global))
    // Messages of every type, short and long; options of neighbour discovery of every type and length.
    add(packet(ICMPV6, [kind, 0, 0, 0], global), packet(ICMPV6, [kind, kind, ...new Array(62).fill(kind)], global))
    add(packet(ICMPV6, [...routerAdvertisement({}), kind, kind & 7, ...new Array(62).fill(kind)], toAll))
    add(packet(ICMPV6, [...neighborSolicitation(OURS_LINK_LOCAL.address), kind, kind & 3, 0, 0, 0, 0, 0, 0]))
  }
  for (const source of ['::', '::1', '::ffff:10.0.0.1', 'ff02::1', OURS_6.address, OURS_LINK_LOCAL.address, 'fe80::']) {
    for (const destination of [OURS_6.address, OURS_LINK_LOCAL.address, 'ff02::1', 'ff01::1', 'ff00::1', '::1', '::']) {
      add(packet(ICMPV6, ping, { source, destination }), packet(UDP, datagram('from whom?'), { source, destination }))
      add(packet(ICMPV6, neighborAdvertisement(OURS_6.address, 0x20), { source, destination }))
      add(packet(ICMPV6, neighborSolicitation(destination, sourceLinkLayer(PEER_MAC)), { source, destination }))
    }
  }
  // Fragments of all offsets, with more to come or not.
  for (let offset = 0; offset < 0x10000; offset += 0x0ff9) add(fragment(UDP, offset, datagram('x'.repeat(32))))
  return frames.map((bytes, i) => ({ name: `crafted IPv6 frame ${i}`, bytes }))
}
