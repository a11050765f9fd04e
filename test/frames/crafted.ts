import { arp, be16, concat, ethernet, icmp, ipv4, tcp, udp } from '../support/frames.ts'
import type { CorpusFrame } from './corpus.ts'
import { OURS, PEER, send } from './hostile-host.ts'

const text = (payload: string) => new TextEncoder().encode(payload)

/** Valid frames of each kind that we understand: the seeds of mutation. */
export function validFrames(): Uint8Array[] {
  const quoted = ipv4(
    { source: OURS.address, destination: PEER.address },
    udp({ sourcePort: 7, destinationPort: 5 }, 'x'),
  )
  const ends = { sourcePort: 5000, destinationPort: 7 }
  return [
    send.arpRequest(),
    send.arpReply(),
    send.icmp({ type: 8, identifier: 1, sequence: 2 }, 'ping'),
    send.icmp({ type: 3, code: 3 }, quoted.bytes),
    send.icmp({ type: 3, code: 4, rest: 1000 }, quoted.bytes),
    send.udp(ends, 'hello'),
    send.udp({ sourcePort: 5000, destinationPort: 4711 }, 'nobody there'),
    send.udp(ends, 'options', { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0x44, 4, 5, 0) }),
    send.udp(ends, 'fragment', { moreFragments: true }),
    send.udp(ends, text('fragment'), { fragmentOffset: 800 }),
    send.tcp({ ...ends, flags: 'S', seq: 1, mss: 1460, windowScale: 7, sackPermitted: true, timestamp: { value: 1 } }),
    send.tcp({ ...ends, flags: 'SEWP'.replace('W', 'C'), seq: 1, mss: 0, windowScale: 255 }),
    send.tcp({ ...ends, flags: 'A', seq: 2, ack: 3 }, 'data'),
    send.tcp(
      {
        ...ends,
        flags: 'PA',
        seq: 2,
        ack: 3,
        sack: [
          [9, 5],
          [1, 1],
        ],
        timestamp: { value: 5, echo: 6 },
      },
      'data',
    ),
    send.tcp({ ...ends, flags: 'FA', seq: 6, ack: 3 }),
    send.tcp({ ...ends, flags: 'R', seq: 6 }),
    send.tcp({ ...ends, flags: 'UAPRSF', seq: 6, urgent: 9 }, 'christmas'),
    send.tcp({ ...ends, flags: '' }),
    send.ip(text('no transport'), { protocol: 132 }),
  ]
}

/** Frames that are wrong on purpose, for a checkout without the corpus, and some that the corpus has not. */
export function craftedFrames(): CorpusFrame[] {
  const frames: Uint8Array[] = [...validFrames()]
  const header = { source: PEER.mac, destination: OURS.mac }
  const addresses = { source: PEER.address, destination: OURS.address }
  const add = (...more: Uint8Array[]) => frames.push(...more)
  for (const frame of validFrames())
    for (let length = 0; length < frame.length; length += 3) add(frame.subarray(0, length))
  for (let words = 0; words < 16; words++) {
    add(ethernet(header, ipv4({ ...addresses, headerWords: words }, udp({ sourcePort: 1, destinationPort: 7 }, 'x'))))
    add(send.tcp({ sourcePort: 1, destinationPort: 7, flags: 'S', headerWords: words }))
  }
  for (const totalLength of [0, 1, 19, 20, 21, 27, 28, 29, 1500, 0xffff]) {
    add(ethernet(header, ipv4({ ...addresses, totalLength }, udp({ sourcePort: 1, destinationPort: 7 }, 'x'))))
    add(ethernet(header, ipv4({ ...addresses, totalLength }, icmp({ type: 8 }, 'x'))))
    add(send.udp({ sourcePort: 1, destinationPort: 7, length: totalLength }, 'x'))
  }
  // Every option kind of IP and TCP with every length that could confuse a parser.
  for (let kind = 0; kind < 256; kind++) {
    for (const length of [0, 1, 2, 3, 8, 40, 255]) {
      const options = concat([Uint8Array.of(kind, length), new Uint8Array(6)])
      add(send.tcp({ sourcePort: kind + 1, destinationPort: 7, flags: 'S', options }))
      if (length < 9) add(send.icmp({ type: 8 }, 'x', { options }))
    }
  }
  for (let type = 0; type < 256; type++) {
    add(send.icmp({ type }, 'short'), send.icmp({ type, code: type }, new Uint8Array(28)))
    add(
      send.ip(text('?'), { protocol: type }),
      send.tcp({ sourcePort: 99, destinationPort: 7, flags: flagsOf(type) }, 'x'),
    )
  }
  for (const address of [
    '0.0.0.0',
    '255.255.255.255',
    '127.0.0.1',
    '224.0.0.1',
    OURS.address,
    '10.0.0.255',
    '240.0.0.1',
  ]) {
    add(send.udp({ sourcePort: 7, destinationPort: 7 }, 'from whom?', { source: address }))
    add(send.tcp({ sourcePort: 7, destinationPort: 7, flags: 'S' }, '', { source: address }))
    add(send.icmp({ type: 8 }, 'from whom?', { source: address }))
    add(ethernet(header, arp({ senderMac: PEER.mac, senderAddress: address, targetAddress: OURS.address })))
    add(ethernet(header, arp({ senderMac: PEER.mac, senderAddress: OURS.address, targetAddress: address })))
  }
  // Two of our echo ports set on each other by a forged datagram, and ports 0.
  add(send.udp({ sourcePort: 0, destinationPort: 7 }, 'x'), send.udp({ sourcePort: 7, destinationPort: 0 }, 'x'))
  add(
    send.tcp({ sourcePort: 0, destinationPort: 7, flags: 'S' }),
    send.tcp({ sourcePort: 7, destinationPort: 0, flags: 'S' }),
  )
  for (const vlans of [[0], [1], [0, 0], [0xfff], new Array(20).fill(0)]) {
    add(ethernet({ ...header, vlans }, ipv4(addresses, icmp({ type: 8 }, 'tagged'))))
  }
  add(concat([ethernet(header, new Uint8Array(0)).subarray(0, 12), be16(0x8100)]))
  add(
    ethernet(header, ipv4({ ...addresses, checksum: 'wrong' }, tcp({ sourcePort: 1, destinationPort: 7, flags: 'S' }))),
  )
  add(send.tcp({ sourcePort: 1, destinationPort: 7, flags: 'S', checksum: 'wrong' }))
  return frames.map((bytes, i) => ({ name: `crafted frame ${i}`, bytes }))
}

function flagsOf(bits: number): string {
  return [...'FSRPAUEC'].filter((_, bit) => (bits & (1 << bit)) !== 0).join('')
}
