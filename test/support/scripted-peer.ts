/**
 * A host made of nothing but a script: it sends hand-made TCP segments to a real stack in virtual time and records what
 * comes back, in the spirit of packetdrill:
 *
 *     const { peer, server } = script()
 *     server.listen(80)
 *     peer.send({ flags: 'S', seq: 0, mss: 1460 })
 *     expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
 *     peer.send({ flags: 'A', seq: 1, ack: 1 })
 *     peer.expectNothing(1 * SECOND)
 *
 * Sequence and acknowledgment numbers are relative to both sides' initial ones, which wrap around within the first
 * bytes unless the script says otherwise. Frames from the stack are real ones: cut to the MTU, checksums complete.
 */
import { expect } from 'vitest'
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import type { Microseconds } from '../../src/clock/index.ts'
import type { FrameReceiver, VirtualNetif, VirtualPortOptions } from '../../src/netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import type { Connection, TcpConnectOptions, TcpListener, TcpSettings } from '../../src/tcp/index.ts'
import { bytesOf, dissect, summarize, type TcpView } from './dissect.ts'
import { between, type Ipv4Fields, internetChecksum, type Payload, pseudoChecksum, type TcpFields } from './frames.ts'
import './packet-matchers.ts'
import { transmit } from './packets.ts'
import { Collector, Recorder, type VirtualHost, VirtualWorld } from './virtual-hosts.ts'

const STACK_ADDRESS = '10.0.0.1'
const PEER_ADDRESS = '10.0.0.77'
const PEER_MAC = '02:00:00:00:00:77'
/** Script numbers of a few bytes wrap around. */
const PEER_ISN = 0xfffffffa

/** A segment as a script writes it: numbers relative, and what is left out as an honest peer would have it. */
export interface ScriptedSegment extends Partial<Omit<TcpFields, 'sourcePort' | 'destinationPort'>> {
  /** Default 'A'. */
  flags?: string
  /** Relative to the peer's ISN; default what follows on what it sent before. */
  seq?: number
  /** Relative to the stack's ISN; default all that came in order. */
  ack?: number
  /** Text, bytes, or so many bytes of a pattern. */
  data?: Payload | number
  /** Relative to the stack's ISN. */
  sack?: [number, number][]
  /** DS field with ECN bits, of the IP header; default 0. */
  trafficClass?: number
}

/** What came from the stack, and when. */
export interface RecordedSegment {
  readonly time: Microseconds
  /** The frame as it came. */
  readonly frame: Uint8Array
  readonly tcp: TcpView
}

export interface ScriptOptions {
  settings?: Partial<TcpSettings>
  /** The peer's initial sequence number; default one that wraps around at once. */
  isn?: number
  link?: VirtualPortOptions
  seed?: number
  /** Default 512 small and 16 large slots. */
  memory?: PacketMemory
  /** MTU on both sides; default 1,500. */
  mtu?: number
}

/** A stack at 10.0.0.1, and a scripted peer at 10.0.0.77 that talks to its port 80 from port 4000. */
export function script(options: ScriptOptions = {}) {
  const memory = options.memory ?? new PacketMemory({ smallSlots: 512, largeSlots: 16, debug: true })
  const world = new VirtualWorld(options.seed ?? 1, memory)
  const host = world.host({ mtu: options.mtu, ...options.link }, options.settings)
  const wire = new ScriptedWire(world, host, options.mtu)
  const peer = wire.peer({ isn: options.isn })
  return { world, clock: world.clock, memory, host, tcp: host.tcp, wire, peer, server: new ScriptedServer(host) }
}

export interface EstablishedOptions extends ScriptOptions {
  /** What the peer's SYN says besides; default an MSS of 1,460. */
  syn?: ScriptedSegment
  /** The window field of the peer's ACK, and of what it sends from then on; default 65,535. */
  window?: number
  /** The peer sends timestamps. */
  timestamps?: boolean
  /** The stack opens the connection, or the peer does (default). */
  active?: boolean
  /** How long the peer takes to answer a SYN-ACK: the first round trip that the stack measures. Default 0. */
  roundTrip?: Microseconds
  /** About what the stack's initial sequence number is to be, where the peer opens the connection. */
  stackIsn?: number
}

/** A script at the point where the connection is open: both sides' next number is 1. */
export function established(options: EstablishedOptions = {}) {
  const made = script(options)
  const { server, wire } = made
  const active = options.active ?? false
  const peer = active ? wire.peer({ port: 80, stackPort: 0, isn: options.isn }) : made.peer
  if (options.timestamps) peer.timestampOffset = 1_000_000
  const syn = options.syn ?? { mss: 1460 }
  if (options.window !== undefined) peer.window = options.window
  let connection: Connection
  let user: Recorder
  let listener: TcpListener | null = null
  if (active) {
    const opened = server.connect()
    connection = opened.connection
    user = opened.user
    peer.answer(syn)
  } else {
    listener = server.listen()
    if (options.stackIsn !== undefined) peer.steerStackIsn(options.stackIsn)
    peer.open(syn, {}, options.roundTrip)
    connection = server.connection
    user = server.recorder
  }
  return { ...made, peer, connection, user, listener }
}

/** What the stack's application does: listens, collects, connects. */
export class ScriptedServer extends Collector {
  readonly #host: VirtualHost

  constructor(host: VirtualHost) {
    super()
    this.#host = host
  }

  listen(port = 80, backlog = 16): TcpListener {
    return this.#host.tcp.listen(null, port, backlog, this)
  }

  /** The connection accepted last. */
  get connection(): Connection {
    return this.connections[this.connections.length - 1]
  }

  get recorder(): Recorder {
    return this.recorders[this.recorders.length - 1]
  }

  connect(options: Partial<TcpConnectOptions> = {}): { connection: Connection; user: Recorder } {
    const user = new Recorder()
    const remote = IpAddress.parse(PEER_ADDRESS)
    return { connection: this.#host.tcp.connect({ remote, port: 80, user, ...options }), user }
  }
}

/** The cable to the stack: it carries raw segments of any peer and hears all of TCP and ICMP. */
export class ScriptedWire implements FrameReceiver {
  readonly world: VirtualWorld
  readonly host: VirtualHost
  /** Segments to peers that nobody has made. */
  readonly strays: RecordedSegment[] = []
  /** Frames that are not TCP, ARP apart. */
  readonly others: Uint8Array[] = []
  readonly #port: VirtualNetif
  readonly #peers = new Map<number, ScriptedPeer>()

  constructor(world: VirtualWorld, host: VirtualHost, mtu = 1500) {
    this.world = world
    this.host = host
    this.#port = world.network.port({ offload: false, mtu, mac: MacAddress.parse(PEER_MAC) })
    this.#port.attach(this)
    host.arp.addStatic(IpAddress.parse(PEER_ADDRESS).word3, MacAddress.parse(PEER_MAC))
  }

  /** @param ports the peer's, and the stack's that it talks to */
  peer(options: { port?: number; stackPort?: number; isn?: number } = {}): ScriptedPeer {
    const peer = new ScriptedPeer(this, options.port ?? 4000, options.stackPort ?? 80, options.isn ?? PEER_ISN)
    this.#peers.set(peer.port, peer)
    return peer
  }

  /** Puts frames on the wire as one burst and lets the stack answer. */
  put(...frames: Uint8Array[]): void {
    transmit(this.#port, ...frames)
    this.world.clock.advance(0)
  }

  /** A segment from the peer's address, numbers as they stand. */
  tcp(fields: TcpFields, payload: Payload = '', ip: Partial<Ipv4Fields> = {}): Uint8Array {
    return this.#fromPeer(ip).tcp(fields, payload, ip)
  }

  icmp(fields: { type: number; code: number; rest?: number }, quoted: Uint8Array): Uint8Array {
    return this.#fromPeer({}).icmp(fields, quoted)
  }

  #fromPeer(ip: Partial<Ipv4Fields>) {
    const source = { mac: PEER_MAC, address: ip.source ?? PEER_ADDRESS }
    return between(source, { mac: this.host.ethernet.mac.toString(), address: STACK_ADDRESS })
  }

  frame(packet: PacketBuffer): void {
    const frame = bytesOf(packet)
    const { tcp, arp } = dissect(frame)
    if (tcp === null) {
      if (arp === null) this.others.push(frame)
      return
    }
    const peer = this.#peers.get(tcp.destinationPort)
    const segment = { time: this.world.clock.now(), frame, tcp }
    if (peer === undefined) this.strays.push(segment)
    else peer.record(segment)
  }

  endOfBurst(): void {}

  closed(): void {}
}

export class ScriptedPeer {
  readonly wire: ScriptedWire
  readonly port: number
  stackPort: number
  readonly isn: number
  /** The stack's initial sequence number, once its SYN was seen. */
  stackIsn = 0
  /** Relative: what the next segment takes as its number, and acknowledges, unless it says otherwise. */
  sendNext = 0
  receiveNext = 0
  /** Segments that arrived and were not asked for yet. */
  readonly inbox: RecordedSegment[] = []
  /** When the segment that `next` returned last had arrived. */
  time: Microseconds = 0
  /** Default window of what is sent. */
  window = 65_535
  /** With timestamps: the peer's clock in milliseconds runs with virtual time, from this offset on. */
  timestampOffset: number | null = null
  recentTimestamp = 0
  #sawSyn = false

  constructor(wire: ScriptedWire, port: number, stackPort: number, isn: number) {
    this.wire = wire
    this.port = port
    this.stackPort = stackPort
    this.isn = isn
  }

  /** Sends segments as one burst and lets the stack answer. */
  send(...segments: ScriptedSegment[]): void {
    this.wire.put(...segments.map((segment) => this.frame(segment)))
  }

  /** The frame of a segment. */
  frame(segment: ScriptedSegment): Uint8Array {
    const { data, seq, ack, sack, trafficClass, ...fields } = segment
    const flags = segment.flags ?? 'A'
    const payload = typeof data === 'number' ? pattern(data, (seq ?? this.sendNext) - 1) : (data ?? '')
    const sequence = seq ?? this.sendNext
    const hasAck = flags.includes('A')
    if (this.timestampOffset !== null && fields.timestamp === undefined) {
      const value = Math.floor(this.wire.world.clock.now() / 1000) + this.timestampOffset
      fields.timestamp = { value, echo: hasAck ? this.recentTimestamp : 0 }
    }
    const occupied = payload.length + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)
    if (!flags.includes('R')) this.sendNext = Math.max(this.sendNext, sequence + occupied)
    return this.wire.tcp(
      {
        window: this.window,
        ...fields,
        sack: sack?.map(([left, right]) => [this.absolute(left), this.absolute(right)]),
        flags,
        sourcePort: this.port,
        destinationPort: this.stackPort,
        seq: this.isn + sequence,
        ack: hasAck || ack !== undefined ? this.stackIsn + (ack ?? this.receiveNext) : 0,
      },
      payload,
      { trafficClass },
    )
  }

  /** The raw number of a relative one of the stack's. */
  absolute(relative: number): number {
    return (this.stackIsn + relative) >>> 0
  }

  record(segment: RecordedSegment): void {
    const { tcp } = segment
    expect(tcp.checksum, summarize(segment.frame)).toBe('right')
    if (this.stackPort === 0) this.stackPort = tcp.sourcePort
    if (tcp.sourcePort !== this.stackPort) {
      this.wire.strays.push(segment)
      return
    }
    if (tcp.flags.includes('S') && !(this.#sawSyn && this.stackIsn === tcp.seq)) {
      this.#sawSyn = true
      this.stackIsn = tcp.seq
      this.receiveNext = 0
    }
    if (tcp.timestamp !== null) this.recentTimestamp = tcp.timestamp.value
    const start = (tcp.seq - this.stackIsn) | 0
    const length = tcp.length + (/[SF]/.test(tcp.flags) ? 1 : 0)
    if (start <= this.receiveNext && start + length > this.receiveNext) this.receiveNext = start + length
    this.inbox.push(segment)
  }

  /**
   * The next segment from the stack, its numbers made relative, waiting for it up to `within`; undefined if none comes.
   * `time` is then when it came.
   */
  next(within: Microseconds = 0): Uint8Array | undefined {
    const { clock } = this.wire.world
    const end = clock.now() + within
    while (this.inbox.length === 0) {
      const expiry = clock.nextExpiry()
      if (expiry === undefined || expiry > end) {
        clock.advanceTo(end)
        break
      }
      clock.advanceTo(Math.max(expiry, clock.now()))
    }
    const segment = this.inbox.shift()
    if (segment === undefined) return undefined
    this.time = segment.time
    return this.relative(segment)
  }

  /** All that has arrived up to now, numbers relative. */
  take(): TcpView[] {
    this.wire.world.clock.advance(0)
    return this.inbox.splice(0).map((segment) => dissect(this.relative(segment)).tcp!)
  }

  /** Lets `duration` pass, in which nothing may come. */
  expectNothing(duration: Microseconds = 0): void {
    this.wire.world.clock.advance(duration)
    expect(this.inbox.map((segment) => summarize(this.relative(segment)))).toEqual([])
  }

  /** At which times from `start` on segments come within `duration`, in microseconds; forgets the segments. */
  times(duration: Microseconds, start: Microseconds): Microseconds[] {
    this.wire.world.clock.advance(duration)
    return this.inbox.splice(0).map((segment) => segment.time - start)
  }

  /** Opens a connection to the stack, which must be listening: three segments, nothing left over. */
  open(syn: ScriptedSegment = { mss: 1460 }, acknowledgment: ScriptedSegment = {}, roundTrip: Microseconds = 0): void {
    this.send({ flags: 'S', seq: 0, ...syn })
    expect(this.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    this.wire.world.clock.advance(roundTrip)
    this.send({ flags: 'A', seq: 1, ack: 1, ...acknowledgment })
    this.expectNothing()
  }

  /** Answers the SYN of a connection that the stack opens. */
  answer(synAck: ScriptedSegment = { mss: 1460 }): void {
    expect(this.next()).toBeTcp({ flags: 'S', seq: 0 })
    this.send({ flags: 'SA', seq: 0, ack: 1, ...synAck })
    expect(this.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    this.expectNothing()
  }

  /**
   * Waits until the stack's next initial sequence number for this pair of ports is `isn` (RFC 6528: it grows by one
   * every 4 microseconds). The stack must be listening.
   */
  steerStackIsn(isn: number): void {
    this.send({ flags: 'S', seq: 0 })
    const { clock } = this.wire.world
    expect(this.next()).toBeTcp({ flags: 'SA' })
    this.send({ flags: 'R', seq: 1 })
    clock.advance((((isn - this.stackIsn) >>> 0) * 4) % 2 ** 34)
    this.sendNext = 0
    this.inbox.length = 0
  }

  /** The frame with relative numbers and a checksum that is right for them. */
  relative({ frame, tcp }: RecordedSegment): Uint8Array {
    const copy = frame.slice()
    const view = new DataView(copy.buffer)
    const ip = 14
    const header = ip + (copy[ip] & 15) * 4
    view.setUint32(header + 4, tcp.seq - this.stackIsn)
    if (tcp.flags.includes('A')) view.setUint32(header + 8, tcp.ack - this.isn)
    for (let at = header + 20, end = header + (copy[header + 12] >>> 4) * 4; at < end; at += copy[at + 1]) {
      while (at < end && copy[at] === 1) at++
      if (at >= end || copy[at] === 0) break
      if (copy[at] !== 5) continue
      for (let edge = at + 2; edge < at + copy[at + 1]; edge += 4) {
        view.setUint32(edge, view.getUint32(edge) - this.isn)
      }
    }
    view.setUint16(header + 16, 0)
    const end = ip + tcp.totalLength
    const addresses = copy.subarray(ip + 12, ip + 20)
    view.setUint16(header + 16, pseudoChecksum(addresses, 6, copy.subarray(header, end)))
    return copy
  }

  /**
   * An ICMP error about a segment of the stack.
   * @param about relative sequence number of the segment
   */
  icmp(fields: { type: number; code: number; rest?: number }, about: number, length = 20, totalLength = 1500): void {
    const quoted = new Uint8Array(20 + length)
    const view = new DataView(quoted.buffer)
    quoted[0] = 0x45
    view.setUint16(2, totalLength)
    quoted[8] = 64
    quoted[9] = 6
    quoted.set(STACK_ADDRESS.split('.').map(Number), 12)
    quoted.set(PEER_ADDRESS.split('.').map(Number), 16)
    view.setUint16(10, internetChecksum(quoted.subarray(0, 20)))
    view.setUint16(20, this.stackPort)
    view.setUint16(22, this.port)
    view.setUint32(24, this.stackIsn + about)
    this.wire.put(this.wire.icmp(fields, quoted))
  }
}

/** Bytes that tell their place; `from` is the place of the first. */
export function pattern(length: number, from = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = ((from + i) * 7 + ((from + i) >> 8) * 13) & 255
  return bytes
}

/** A stack that has sent its SYN to port 80 of the peer. */
export function opening(options: ScriptOptions = {}) {
  const made = script(options)
  const peer = made.wire.peer({ port: 80, stackPort: 0, isn: options.isn })
  return { ...made, peer, ...made.server.connect() }
}
