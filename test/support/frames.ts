/**
 * Builds frames for tests, layer in layer:
 *
 *     ethernet({ source, destination }, ipv4({ source: '10.0.0.1', destination: '10.0.0.2' },
 *       tcp({ sourcePort: 4000, destinationPort: 80, flags: 'S', seq: 1, mss: 1460 })))
 *
 * or, shorter, between two hosts:
 *
 *     const send = between({ mac: '02:00:00:00:00:01', address: '10.0.0.1' }, { mac: '...', address: '10.0.0.2' })
 *     send.tcp({ sourcePort: 4000, destinationPort: 80, flags: 'S', seq: 1, mss: 1460 })
 *
 * Checksums and lengths are right unless a field says otherwise. Nothing here uses the header code of `src/`, because
 * these frames are there to check it.
 */

/** An Ethernet payload with its type. */
export interface NetworkLayer {
  readonly etherType: number
  readonly bytes: Uint8Array
}

/** An IP payload that still wants the addresses of the pseudo-header. */
export interface TransportLayer {
  readonly protocol: number
  build(addresses: Uint8Array): Uint8Array
}

/** 'wrong' flips bits of the right one; a number stands as it is. */
export type ChecksumField = 'right' | 'wrong' | number

export type Payload = Uint8Array | string

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'
export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

export interface EthernetFields {
  source: string
  /** Default broadcast. */
  destination?: string
  /** Default the payload's. */
  type?: number
  /** VLAN identifiers, outermost first; 0 to 4,095. */
  vlans?: number[]
}

export function ethernet(fields: EthernetFields, payload: NetworkLayer | Uint8Array): Uint8Array {
  const [type, bytes] =
    payload instanceof Uint8Array
      ? [fields.type ?? ETHERTYPE.ipv4, payload]
      : [fields.type ?? payload.etherType, payload.bytes]
  const tags = (fields.vlans ?? []).map((vlan) => concat([be16(ETHERTYPE.vlan), be16(vlan)]))
  return concat([macBytes(fields.destination ?? BROADCAST_MAC), macBytes(fields.source), ...tags, be16(type), bytes])
}

export interface ArpFields {
  /** Default 1, a request; 2 is a reply. */
  operation?: number
  senderMac: string
  senderAddress: string
  /** Default 00:00:00:00:00:00. */
  targetMac?: string
  targetAddress: string
  hardwareType?: number
  protocolType?: number
  hardwareLength?: number
  protocolLength?: number
}

/** RFC 826. */
export function arp(fields: ArpFields): NetworkLayer {
  return {
    etherType: ETHERTYPE.arp,
    bytes: concat([
      be16(fields.hardwareType ?? 1),
      be16(fields.protocolType ?? ETHERTYPE.ipv4),
      Uint8Array.of(fields.hardwareLength ?? 6, fields.protocolLength ?? 4),
      be16(fields.operation ?? 1),
      macBytes(fields.senderMac),
      addressBytes(fields.senderAddress),
      macBytes(fields.targetMac ?? '00:00:00:00:00:00'),
      addressBytes(fields.targetAddress),
    ]),
  }
}

export interface Ipv4Fields {
  source: string
  destination: string
  /** Default 64. */
  ttl?: number
  /** DS field with ECN bits; default 0. */
  trafficClass?: number
  identification?: number
  dontFragment?: boolean
  moreFragments?: boolean
  /** The reserved bit. */
  evil?: boolean
  /** In bytes, a multiple of 8. */
  fragmentOffset?: number
  /** Padded to a multiple of 4 with end-of-list. */
  options?: Uint8Array
  /** Default the payload's. */
  protocol?: number
  /** Default 4. */
  version?: number
  /** In 32-bit words; default what the options need. */
  headerWords?: number
  totalLength?: number
  checksum?: ChecksumField
}

/** RFC 791. A payload of plain bytes is TCP unless `protocol` says otherwise. */
export function ipv4(fields: Ipv4Fields, payload: TransportLayer | Uint8Array = new Uint8Array(0)): NetworkLayer {
  const addresses = concat([addressBytes(fields.source), addressBytes(fields.destination)])
  const body = payload instanceof Uint8Array ? payload : payload.build(addresses)
  const options = padTo4(fields.options ?? new Uint8Array(0))
  const header = concat([new Uint8Array(12), addresses, options])
  const flags = (fields.evil ? 0x8000 : 0) | (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0)
  header[0] = ((fields.version ?? 4) << 4) | (fields.headerWords ?? header.length / 4)
  header[1] = fields.trafficClass ?? 0
  header.set(be16(fields.totalLength ?? header.length + body.length), 2)
  header.set(be16(fields.identification ?? 0), 4)
  header.set(be16(flags | ((fields.fragmentOffset ?? 0) >>> 3)), 6)
  header[8] = fields.ttl ?? 64
  header[9] = fields.protocol ?? (payload instanceof Uint8Array ? PROTOCOL.tcp : payload.protocol)
  putChecksum(header, 10, internetChecksum(header), fields.checksum)
  return { etherType: ETHERTYPE.ipv4, bytes: concat([header, body]) }
}

export interface Ipv6Fields {
  source: string
  destination: string
  /** Default 64. */
  hopLimit?: number
  trafficClass?: number
  flowLabel?: number
  nextHeader?: number
  payloadLength?: number
}

/** RFC 8200; extension headers are part of the payload, with `nextHeader` naming the first. */
export function ipv6(fields: Ipv6Fields, payload: TransportLayer | Uint8Array = new Uint8Array(0)): NetworkLayer {
  const addresses = concat([addressBytes(fields.source), addressBytes(fields.destination)])
  const body = payload instanceof Uint8Array ? payload : payload.build(addresses)
  const first = ((6 << 28) | ((fields.trafficClass ?? 0) << 20) | (fields.flowLabel ?? 0)) >>> 0
  const nextHeader = fields.nextHeader ?? (payload instanceof Uint8Array ? PROTOCOL.tcp : payload.protocol)
  return {
    etherType: ETHERTYPE.ipv6,
    bytes: concat([
      be32(first),
      be16(fields.payloadLength ?? body.length),
      Uint8Array.of(nextHeader, fields.hopLimit ?? 64),
      addresses,
      body,
    ]),
  }
}

export interface TcpFields {
  sourcePort: number
  destinationPort: number
  /** Letters of CEUAPRSF in any order, `''` for none. */
  flags?: string
  /** Taken modulo 2^32, as is `ack`. */
  seq?: number
  ack?: number
  /** As it stands in the header, unscaled; default 65,535. */
  window?: number
  urgent?: number
  /** Options in the order of these fields, padded with no-operation; `options` come before them. */
  mss?: number
  windowScale?: number
  sackPermitted?: boolean
  timestamp?: { value: number; echo?: number }
  /** The cookie of RFC 7413 in hexadecimal digits, none to ask for one. */
  fastOpen?: string
  /** Left and right edges. */
  sack?: [number, number][]
  options?: Uint8Array
  /** In 32-bit words; default what the options need. */
  headerWords?: number
  checksum?: ChecksumField
}

/** Flag letters by bit, least significant first. */
export const TCP_FLAGS = 'FSRPAUEC'

/** RFC 9293, with the options of RFC 7323 and RFC 2018. */
export function tcp(fields: TcpFields, payload: Payload = ''): TransportLayer {
  const options: Uint8Array[] = []
  if (fields.options !== undefined) options.push(fields.options)
  if (fields.mss !== undefined) options.push(Uint8Array.of(2, 4), be16(fields.mss))
  if (fields.windowScale !== undefined) options.push(Uint8Array.of(1, 3, 3, fields.windowScale))
  if (fields.sackPermitted) options.push(Uint8Array.of(1, 1, 4, 2))
  if (fields.timestamp !== undefined) {
    options.push(Uint8Array.of(1, 1, 8, 10), be32(fields.timestamp.value), be32(fields.timestamp.echo ?? 0))
  }
  if (fields.fastOpen !== undefined) {
    const cookie = Buffer.from(fields.fastOpen, 'hex')
    options.push(Uint8Array.of(34, 2 + cookie.length), cookie)
  }
  if (fields.sack !== undefined) {
    options.push(Uint8Array.of(1, 1, 5, 2 + 8 * fields.sack.length))
    for (const [left, right] of fields.sack) options.push(be32(left), be32(right))
  }
  let flags = 0
  for (const letter of fields.flags ?? '') {
    const bit = TCP_FLAGS.indexOf(letter)
    if (bit < 0) throw new Error(`TCP flags are letters of ${TCP_FLAGS}, not ${letter}`)
    flags |= 1 << bit
  }
  const header = concat([
    be16(fields.sourcePort),
    be16(fields.destinationPort),
    be32(fields.seq ?? 0),
    be32(fields.ack ?? 0),
    Uint8Array.of(0, flags),
    be16(fields.window ?? 65535),
    be16(0),
    be16(fields.urgent ?? 0),
    padTo4(concat(options)),
  ])
  header[12] = (fields.headerWords ?? header.length / 4) << 4
  return {
    protocol: PROTOCOL.tcp,
    build(addresses) {
      const segment = concat([header, payloadBytes(payload)])
      putChecksum(segment, 16, pseudoChecksum(addresses, PROTOCOL.tcp, segment), fields.checksum)
      return segment
    },
  }
}

export interface UdpFields {
  sourcePort: number
  destinationPort: number
  length?: number
  /** 0 means that there is none (IPv4). */
  checksum?: ChecksumField
}

/** RFC 768. */
export function udp(fields: UdpFields, payload: Payload = ''): TransportLayer {
  return {
    protocol: PROTOCOL.udp,
    build(addresses) {
      const body = payloadBytes(payload)
      const datagram = concat([
        be16(fields.sourcePort),
        be16(fields.destinationPort),
        be16(fields.length ?? 8 + body.length),
        be16(0),
        body,
      ])
      // A sum of zero is sent as all ones.
      putChecksum(datagram, 6, pseudoChecksum(addresses, PROTOCOL.udp, datagram) || 0xffff, fields.checksum)
      return datagram
    },
  }
}

export interface IcmpFields {
  /** Default 8, echo request. */
  type?: number
  code?: number
  /** The 32 bits behind the checksum; or, for echo, its halves. */
  rest?: number
  identifier?: number
  sequence?: number
  checksum?: ChecksumField
}

/** RFC 792. */
export function icmp(fields: IcmpFields = {}, payload: Payload = ''): TransportLayer {
  return icmpMessage(PROTOCOL.icmp, { type: 8, ...fields }, payload)
}

/** RFC 4443; the default type is 128, echo request. */
export function icmpv6(fields: IcmpFields = {}, payload: Payload = ''): TransportLayer {
  return icmpMessage(PROTOCOL.icmpv6, { type: 128, ...fields }, payload)
}

function icmpMessage(protocol: number, fields: IcmpFields & { type: number }, payload: Payload): TransportLayer {
  return {
    protocol,
    build(addresses) {
      const rest = fields.rest ?? (((fields.identifier ?? 0) << 16) | (fields.sequence ?? 0)) >>> 0
      const head = [Uint8Array.of(fields.type, fields.code ?? 0), be16(0), be32(rest)]
      const message = concat([...head, payloadBytes(payload)])
      const sum = protocol === PROTOCOL.icmp ? internetChecksum(message) : pseudoChecksum(addresses, protocol, message)
      putChecksum(message, 2, sum, fields.checksum)
      return message
    },
  }
}

export interface Host {
  mac: string
  /** IPv4 or IPv6. */
  address: string
}

/** Frames from one host to another. `ip` replaces fields of the IP header. */
export function between(from: Host, to: Host) {
  const isV6 = from.address.includes(':')
  const wrap = (payload: TransportLayer | Uint8Array, ip: Partial<Ipv4Fields> & Partial<Ipv6Fields> = {}) => {
    const addresses = { source: from.address, destination: to.address }
    const packet = isV6 ? ipv6({ ...addresses, ...ip }, payload) : ipv4({ ...addresses, ...ip }, payload)
    return ethernet({ source: from.mac, destination: to.mac }, packet)
  }
  return {
    tcp: (fields: TcpFields, payload?: Payload, ip?: Partial<Ipv4Fields>) => wrap(tcp(fields, payload), ip),
    udp: (fields: UdpFields, payload?: Payload, ip?: Partial<Ipv4Fields>) => wrap(udp(fields, payload), ip),
    icmp: (fields?: IcmpFields, payload?: Payload, ip?: Partial<Ipv4Fields>) =>
      wrap(isV6 ? icmpv6(fields, payload) : icmp(fields, payload), ip),
    ip: wrap,
    arpRequest: () =>
      ethernet(
        { source: from.mac, destination: BROADCAST_MAC },
        arp({ senderMac: from.mac, senderAddress: from.address, targetAddress: to.address }),
      ),
    arpReply: () =>
      ethernet(
        { source: from.mac, destination: to.mac },
        arp({
          operation: 2,
          senderMac: from.mac,
          senderAddress: from.address,
          targetMac: to.mac,
          targetAddress: to.address,
        }),
      ),
  }
}

/** RFC 1071, over whole bytes, a sum a 16-bit word at a time. */
export function internetChecksum(...parts: Uint8Array[]): number {
  const bytes = concat(parts)
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i] * 256 + (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return 0xffff - sum
}

/** The checksum over pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) and segment; both addresses as they stand in IP. */
export function pseudoChecksum(addresses: Uint8Array, protocol: number, segment: Uint8Array): number {
  return internetChecksum(addresses, be32(segment.length), be32(protocol), segment)
}

export function concat(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let position = 0
  for (const part of parts) {
    bytes.set(part, position)
    position += part.length
  }
  return bytes
}

/** @param text `02:00:00:00:00:01` */
export function macBytes(text: string): Uint8Array {
  const octets = text.split(':').map((octet) => Number.parseInt(octet, 16))
  if (octets.length !== 6 || octets.some(Number.isNaN)) throw new Error(`not a MAC address: ${text}`)
  return Uint8Array.from(octets)
}

/** @param text dotted decimal, or IPv6 with at most one `::` */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.'), Number)
  const [front, back] = text.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const gap = back === undefined ? [] : new Array(8 - front.length - back.length).fill('0')
  const groups = [...front, ...gap, ...(back ?? [])]
  if (groups.length !== 8) throw new Error(`not an IPv6 address: ${text}`)
  return concat(groups.map((group) => be16(Number.parseInt(group, 16))))
}

export function be16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value)
}

export function be32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

function payloadBytes(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}

function padTo4(bytes: Uint8Array): Uint8Array {
  return concat([bytes, new Uint8Array(-bytes.length & 3)])
}

function putChecksum(bytes: Uint8Array, position: number, right: number, field: ChecksumField = 'right'): void {
  bytes.set(be16(field === 'right' ? right : field === 'wrong' ? right ^ 0x5555 : field), position)
}
