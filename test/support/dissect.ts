/**
 * Takes frames apart for tests: what stands in them, and what is wrong with them. Independent of the header code of
 * `src/`, and slow and plain for that reason.
 */

import { ChecksumState, PacketBuffer } from '../../src/packet/index.ts'
import { addressBytes, ETHERTYPE, internetChecksum, PROTOCOL, pseudoChecksum, TCP_FLAGS } from './frames.ts'

/** Frames are given as bytes or as packets, which know of checksums that a device is to complete. */
export type Frame = Uint8Array | PacketBuffer

/**
 * 'partial' is a field that holds the right sum of the pseudo-header for a device to complete; 'none' is a UDP
 * checksum of zero.
 */
export type ChecksumVerdict = 'right' | 'wrong' | 'partial' | 'none'

export interface EthernetView {
  sourceMac: string
  destinationMac: string
  type: number
  vlans: number[]
}

export interface ArpView extends EthernetView {
  operation: number
  senderMac: string
  senderAddress: string
  targetMac: string
  targetAddress: string
}

export interface IpView extends EthernetView {
  family: 4 | 6
  source: string
  destination: string
  protocol: number
  ttl: number
  trafficClass: number
  identification: number
  dontFragment: boolean
  moreFragments: boolean
  /** In bytes. */
  fragmentOffset: number
  /** IPv4 options as they stand. */
  ipOptions: Uint8Array
  headerChecksum: ChecksumVerdict
  /** Bytes of the IP packet, headers included. */
  totalLength: number
}

export interface TcpView extends IpView {
  sourcePort: number
  destinationPort: number
  seq: number
  ack: number
  flags: string
  window: number
  urgent: number
  mss: number | null
  windowScale: number | null
  sackPermitted: boolean
  timestamp: { value: number; echo: number } | null
  sack: [number, number][]
  /** The fast open cookie in hexadecimal digits, empty if it is asked for. */
  fastOpen: string | null
  checksum: ChecksumVerdict
  payload: Uint8Array
  /** Bytes of payload. */
  length: number
}

export interface UdpView extends IpView {
  sourcePort: number
  destinationPort: number
  checksum: ChecksumVerdict
  payload: Uint8Array
  length: number
}

export interface IcmpView extends IpView {
  icmpType: number
  code: number
  /** The 32 bits behind the checksum, whole and in halves. */
  rest: number
  identifier: number
  sequence: number
  checksum: ChecksumVerdict
  payload: Uint8Array
  length: number
}

export interface Dissection {
  ethernet: EthernetView | null
  arp: ArpView | null
  ip: IpView | null
  tcp: TcpView | null
  udp: UdpView | null
  /** ICMP of either family. */
  icmp: IcmpView | null
  /** What keeps the frame from being well formed, in words. */
  problems: string[]
}

export function bytesOf(frame: Frame): Uint8Array {
  return frame instanceof PacketBuffer ? frame.memory.bytes.slice(frame.start, frame.end) : frame
}

export function dissect(frame: Frame): Dissection {
  const result: Dissection = { ethernet: null, arp: null, ip: null, tcp: null, udp: null, icmp: null, problems: [] }
  const bytes = bytesOf(frame)
  const partialAt =
    frame instanceof PacketBuffer && frame.checksum === ChecksumState.Partial ? frame.checksumField - frame.start : -1
  if (bytes.length < 14) {
    result.problems.push(`${bytes.length} bytes are too short for an Ethernet header`)
    return result
  }
  let header = 14
  let type = u16(bytes, 12)
  const vlans: number[] = []
  while (type === ETHERTYPE.vlan && bytes.length >= header + 4) {
    vlans.push(u16(bytes, header) & 0xfff)
    type = u16(bytes, header + 2)
    header += 4
  }
  const ethernet: EthernetView = { sourceMac: mac(bytes, 6), destinationMac: mac(bytes, 0), type, vlans }
  result.ethernet = ethernet
  if (type === ETHERTYPE.arp) dissectArp(result, ethernet, bytes.subarray(header))
  else if (type === ETHERTYPE.ipv4) dissectIpv4(result, ethernet, bytes.subarray(header), partialAt - header)
  else if (type === ETHERTYPE.ipv6) dissectIpv6(result, ethernet, bytes.subarray(header), partialAt - header)
  return result
}

/** One line about a frame, much as tcpdump prints it. */
export function summarize(frame: Frame): string {
  const { ethernet, arp, ip, tcp, udp, icmp, problems } = dissect(frame)
  const bad = (verdict: ChecksumVerdict) => (verdict === 'right' ? '' : ` checksum ${verdict}`)
  const tail = problems.length > 0 ? ` (${problems.join('; ')})` : ''
  if (ethernet === null) return `no frame${tail}`
  const macs = `${ethernet.sourceMac} > ${ethernet.destinationMac}`
  if (arp !== null) {
    const what = arp.operation === 1 ? 'request' : arp.operation === 2 ? 'reply' : `operation ${arp.operation}`
    return `${macs} ARP ${what} ${arp.senderAddress} (${arp.senderMac}) to ${arp.targetAddress} (${arp.targetMac})${tail}`
  }
  if (ip === null) return `${macs} type 0x${ethernet.type.toString(16).padStart(4, '0')}${tail}`
  const ends = (port: { sourcePort: number; destinationPort: number }) =>
    `${ip.source}.${port.sourcePort} > ${ip.destination}.${port.destinationPort}`
  if (tcp !== null) {
    const options = [
      tcp.mss === null ? '' : ` mss ${tcp.mss}`,
      tcp.windowScale === null ? '' : ` wscale ${tcp.windowScale}`,
      tcp.sackPermitted ? ' sackOK' : '',
      tcp.timestamp === null ? '' : ` TS ${tcp.timestamp.value}/${tcp.timestamp.echo}`,
      tcp.sack.length === 0 ? '' : ` sack ${tcp.sack.map((block) => block.join('-')).join(',')}`,
    ].join('')
    return `${ends(tcp)} TCP [${tcp.flags}] seq ${tcp.seq} ack ${tcp.ack} win ${tcp.window} length ${tcp.length}${options}${bad(tcp.checksum)}${tail}`
  }
  if (udp !== null) return `${ends(udp)} UDP length ${udp.length}${bad(udp.checksum)}${tail}`
  if (icmp !== null) {
    const name = ip.family === 4 ? 'ICMP' : 'ICMPv6'
    const echo = ` id ${icmp.identifier} seq ${icmp.sequence}`
    return `${ip.source} > ${ip.destination} ${name} type ${icmp.icmpType} code ${icmp.code}${echo} length ${icmp.length}${bad(icmp.checksum)}${tail}`
  }
  return `${ip.source} > ${ip.destination} IP protocol ${ip.protocol} length ${ip.totalLength}${tail}`
}

function dissectArp(result: Dissection, ethernet: EthernetView, bytes: Uint8Array): void {
  if (bytes.length < 28) result.problems.push(`${bytes.length} bytes are too short for ARP`)
  else {
    result.arp = {
      ...ethernet,
      operation: u16(bytes, 6),
      senderMac: mac(bytes, 8),
      senderAddress: address(bytes.subarray(14, 18)),
      targetMac: mac(bytes, 18),
      targetAddress: address(bytes.subarray(24, 28)),
    }
    if (u16(bytes, 0) !== 1 || u16(bytes, 2) !== ETHERTYPE.ipv4 || bytes[4] !== 6 || bytes[5] !== 4) {
      result.problems.push('ARP is not for IPv4 over Ethernet')
    }
  }
}

function dissectIpv4(result: Dissection, ethernet: EthernetView, bytes: Uint8Array, partialAt: number): void {
  const headerLength = (bytes[0] & 15) * 4
  if (bytes.length < 20 || bytes[0] >>> 4 !== 4 || headerLength < 20 || headerLength > bytes.length) {
    result.problems.push('no valid IPv4 header')
    return
  }
  const totalLength = u16(bytes, 2)
  const fragment = u16(bytes, 6)
  const ip: IpView = {
    ...ethernet,
    family: 4,
    source: address(bytes.subarray(12, 16)),
    destination: address(bytes.subarray(16, 20)),
    protocol: bytes[9],
    ttl: bytes[8],
    trafficClass: bytes[1],
    identification: u16(bytes, 4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    ipOptions: bytes.slice(20, headerLength),
    headerChecksum: internetChecksum(bytes.subarray(0, headerLength)) === 0 ? 'right' : 'wrong',
    totalLength,
  }
  result.ip = ip
  if (ip.headerChecksum === 'wrong') result.problems.push('IPv4 header checksum is wrong')
  if (totalLength < headerLength || totalLength > bytes.length) {
    result.problems.push(`IPv4 total length ${totalLength} in ${bytes.length} bytes with a header of ${headerLength}`)
    return
  }
  if (ip.fragmentOffset > 0) return
  const transport = bytes.subarray(headerLength, totalLength)
  dissectTransport(result, ip, bytes.subarray(12, 20), transport, partialAt - headerLength)
}

function dissectIpv6(result: Dissection, ethernet: EthernetView, bytes: Uint8Array, partialAt: number): void {
  if (bytes.length < 40 || bytes[0] >>> 4 !== 6) {
    result.problems.push('no valid IPv6 header')
    return
  }
  const totalLength = 40 + u16(bytes, 4)
  const ip: IpView = {
    ...ethernet,
    family: 6,
    source: address(bytes.subarray(8, 24)),
    destination: address(bytes.subarray(24, 40)),
    protocol: bytes[6],
    ttl: bytes[7],
    trafficClass: (u16(bytes, 0) >>> 4) & 255,
    identification: 0,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ipOptions: new Uint8Array(0),
    headerChecksum: 'none',
    totalLength,
  }
  result.ip = ip
  if (totalLength > bytes.length) result.problems.push(`IPv6 length ${totalLength} in ${bytes.length} bytes`)
  else dissectTransport(result, ip, bytes.subarray(8, 40), bytes.subarray(40, totalLength), partialAt - 40)
}

function dissectTransport(
  result: Dissection,
  ip: IpView,
  addresses: Uint8Array,
  bytes: Uint8Array,
  partialAt: number,
): void {
  if (ip.protocol === PROTOCOL.tcp) {
    const headerLength = (bytes[12] >>> 4) * 4
    if (bytes.length < 20 || headerLength < 20 || headerLength > bytes.length) {
      result.problems.push('no valid TCP header')
      return
    }
    const payload = bytes.slice(headerLength)
    result.tcp = {
      ...ip,
      sourcePort: u16(bytes, 0),
      destinationPort: u16(bytes, 2),
      seq: u32(bytes, 4),
      ack: u32(bytes, 8),
      flags: canonicalFlags(bytes[13]),
      window: u16(bytes, 14),
      urgent: u16(bytes, 18),
      ...tcpOptions(result, bytes.subarray(20, headerLength)),
      checksum: checksumVerdict(bytes, 16, addresses, ip.protocol, partialAt),
      payload,
      length: payload.length,
    }
  } else if (ip.protocol === PROTOCOL.udp) {
    const length = bytes.length < 8 ? 0 : u16(bytes, 4)
    if (length < 8 || length > bytes.length) {
      result.problems.push('no valid UDP header')
      return
    }
    const datagram = bytes.subarray(0, length)
    result.udp = {
      ...ip,
      sourcePort: u16(bytes, 0),
      destinationPort: u16(bytes, 2),
      checksum: u16(bytes, 6) === 0 ? 'none' : checksumVerdict(datagram, 6, addresses, ip.protocol, partialAt),
      payload: datagram.slice(8),
      length: length - 8,
    }
  } else if (ip.protocol === PROTOCOL.icmp || ip.protocol === PROTOCOL.icmpv6) {
    if (bytes.length < 8) {
      result.problems.push(`${bytes.length} bytes are too short for ICMP`)
      return
    }
    const pseudo = ip.protocol === PROTOCOL.icmpv6
    result.icmp = {
      ...ip,
      icmpType: bytes[0],
      code: bytes[1],
      rest: u32(bytes, 4),
      identifier: u16(bytes, 4),
      sequence: u16(bytes, 6),
      checksum: pseudo
        ? checksumVerdict(bytes, 2, addresses, ip.protocol, partialAt)
        : internetChecksum(bytes) === 0
          ? 'right'
          : 'wrong',
      payload: bytes.slice(8),
      length: bytes.length - 8,
    }
  }
}

function checksumVerdict(
  segment: Uint8Array,
  field: number,
  addresses: Uint8Array,
  protocol: number,
  partialAt: number,
): ChecksumVerdict {
  if (partialAt === field) {
    const length = new Uint8Array([0, 0, segment.length >>> 8, segment.length])
    // The seed is the plain sum of the pseudo-header, not its complement.
    const seed = 0xffff - internetChecksum(addresses, length, Uint8Array.of(0, 0, 0, protocol))
    return u16(segment, field) % 0xffff === seed % 0xffff ? 'partial' : 'wrong'
  }
  return pseudoChecksum(addresses, protocol, segment) === 0 ? 'right' : 'wrong'
}

function tcpOptions(result: Dissection, bytes: Uint8Array) {
  const found = {
    mss: null as number | null,
    windowScale: null as number | null,
    sackPermitted: false,
    timestamp: null as { value: number; echo: number } | null,
    sack: [] as [number, number][],
    fastOpen: null as string | null,
  }
  for (let i = 0; i < bytes.length && bytes[i] !== 0; ) {
    if (bytes[i] === 1) {
      i++
      continue
    }
    const length = bytes[i + 1] ?? 0
    if (length < 2 || i + length > bytes.length) {
      result.problems.push(`TCP option ${bytes[i]} of ${length} bytes does not fit`)
      break
    }
    if (bytes[i] === 2 && length === 4) found.mss = u16(bytes, i + 2)
    else if (bytes[i] === 3 && length === 3) found.windowScale = bytes[i + 2]
    else if (bytes[i] === 4 && length === 2) found.sackPermitted = true
    else if (bytes[i] === 8 && length === 10) found.timestamp = { value: u32(bytes, i + 2), echo: u32(bytes, i + 6) }
    else if (bytes[i] === 34) found.fastOpen = Buffer.from(bytes.subarray(i + 2, i + length)).toString('hex')
    else if (bytes[i] === 5) {
      for (let at = i + 2; at + 8 <= i + length; at += 8) found.sack.push([u32(bytes, at), u32(bytes, at + 4)])
    }
    i += length
  }
  return found
}

/** Flags in the order of the letters of tests: 'SA', 'FA', 'PA', 'R'. */
export function canonicalFlags(flags: number | string): string {
  const bits =
    typeof flags === 'number' ? flags : [...flags].reduce((sum, letter) => sum | (1 << TCP_FLAGS.indexOf(letter)), 0)
  return [...TCP_FLAGS].filter((_, bit) => (bits & (1 << bit)) !== 0).join('')
}

/** The canonical text of an address, so that tests may write it as they like. */
export function canonicalAddress(text: string): string {
  return address(addressBytes(text))
}

function address(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => u16(bytes, i * 2).toString(16)).join(':')
  // RFC 5952, 4.2.3: the longest run of zeros, the first of equals, and not a single one.
  const longest = [...groups.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length)[0]
  if (longest === undefined) return groups
  const front = groups.slice(0, longest.index).replace(/:$/, '')
  const back = groups.slice(longest.index + longest[0].length).replace(/^:/, '')
  return `${front}::${back}`
}

function mac(bytes: Uint8Array, position: number): string {
  return Array.from(bytes.subarray(position, position + 6), (octet) => octet.toString(16).padStart(2, '0')).join(':')
}

function u16(bytes: Uint8Array, position: number): number {
  return bytes[position] * 256 + bytes[position + 1]
}

function u32(bytes: Uint8Array, position: number): number {
  return u16(bytes, position) * 65536 + u16(bytes, position + 2)
}
