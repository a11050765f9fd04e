/**
 * Messages of DHCP, ARP, ICMP and IGMP by the million, from a seed, against a whole stack whose DHCP client is under way: sound
 * ones of each kind with bytes changed, cut off and added. Whatever comes, nothing throws, no packet memory is lost, and no address
 * is taken that a host cannot have.
 */
import { IpAddress, MacAddress } from '../../src/address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { buildMessage } from '../../src/dhcp/v4/build-message.ts'
import { MessageType, Operation } from '../../src/dhcp/v4/codes.ts'
import { newMessage } from '../../src/dhcp/v4/message.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type DirectStack } from '../../src/stack/index.ts'
import { internetChecksum } from '../support/frames.ts'
import { TestNetif } from '../support/test-netif.ts'

const OUR_MAC = MacAddress.parse('02:00:00:00:00:02')
const PEER_MAC = MacAddress.parse('02:00:00:00:00:01')
/** Messages in one burst. */
const BURST = 32

const KINDS = ['dhcp', 'arp', 'icmp', 'igmp'] as const
type Kind = (typeof KINDS)[number]

/** What came of a campaign. */
export interface FuzzResult {
  messages: Record<Kind, number>
  /** Leases that were taken, and lost again. */
  bound: number
  lost: number
}

/** @throws Error that names seed and message, as soon as something is not as it has to be */
export async function fuzzIpv4Messages(seed: number, messages: number): Promise<FuzzResult> {
  const campaign = await Campaign.create(seed)
  await campaign.run(messages)
  return campaign.result
}

class Campaign {
  readonly result: FuzzResult = { messages: { dhcp: 0, arp: 0, icmp: 0, igmp: 0 }, bound: 0, lost: 0 }
  readonly #seed: number
  readonly #random: SeededRandom
  readonly #clock: VirtualClock
  readonly #memory: PacketMemory
  readonly #netif: TestNetif
  readonly #stack: DirectStack
  readonly #bases: Record<Kind, Uint8Array[]>
  /** Of the client's last message, so that some answers are answers. */
  readonly #transaction = new Uint8Array(4)

  static async create(seed: number): Promise<Campaign> {
    const clock = new VirtualClock()
    const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 16 })
    const netif = new TestNetif(memory, { mac: OUR_MAC.toString() })
    const stack = await createStack({
      netif,
      clock,
      random: new SeededRandom(seed),
      ipv4: '10.0.0.2/24',
      ipv4Only: true,
      dhcp: { conflictDetection: 'short', linkLocal: true, ipv6OnlyPreferred: true, offerWait: 1, wait: 0 },
    })
    return new Campaign(seed, clock, memory, netif, stack)
  }

  private constructor(seed: number, clock: VirtualClock, memory: PacketMemory, netif: TestNetif, stack: DirectStack) {
    this.#seed = seed
    this.#random = new SeededRandom(seed + 1)
    this.#clock = clock
    this.#memory = memory
    this.#netif = netif
    this.#stack = stack
    this.#bases = { dhcp: this.#dhcpBases(), arp: this.#arpBases(), icmp: ICMP_BASES, igmp: IGMP_BASES }
    stack.dhcp?.onEvent(({ type }) => {
      if (type === 'bound') this.result.bound++
      else if (type === 'expired') this.result.lost++
    })
  }

  async run(messages: number): Promise<void> {
    for (let done = 0; done < messages; done += BURST) {
      const frames: Uint8Array[] = []
      for (let i = 0; i < Math.min(BURST, messages - done); i++) frames.push(this.#frame())
      try {
        this.#netif.receive(...frames)
        this.#look()
        this.#clock.advance(this.#pause())
        this.#look()
      } catch (error) {
        throw new Error(`seed ${this.#seed}, messages ${done} to ${done + BURST}: ${error}`, { cause: error })
      }
      // A lease file and the like may be waiting.
      if (done % 65_536 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await this.#stack.close(0)
    this.#netif.takeFrames()
    if (this.#memory.inUse > 0) throw new Error(`seed ${this.#seed}: ${this.#memory.inUse} packets are lost`)
  }

  /** Mostly so short that exchanges go on, now and then past the end of leases. */
  #pause(): number {
    const state = this.#stack.dhcp?.state
    // Whatever it waits for, that is over then.
    if (state === 'init' || state === 'declining' || state === 'ipv6-only') return this.#random.below(1200) * SECOND
    const chance = this.#random.below(64)
    // Also out of a lease for ever.
    if (chance === 0) this.#stack.dhcp?.linkChanged()
    if (chance === 1) return this.#random.below(4000) * SECOND
    return chance < 16 ? this.#random.below(5000) * MILLISECOND : this.#random.below(20) * MILLISECOND
  }

  /** What has to hold at any time. */
  #look(): void {
    for (const frame of this.#netif.takeFrames()) {
      // UDP from port 68 to 67.
      if (frame.length > 60 && frame[23] === 17 && frame[35] === 68 && frame[37] === 67) {
        this.#transaction.set(frame.subarray(46, 50))
      }
    }
    for (const { address } of this.#stack.addresses) checkHost(address)
    const lease = this.#stack.dhcp?.lease ?? null
    if (lease !== null) {
      checkHost(lease.address.address)
      checkHost(lease.serverId)
      if (!(lease.duration > 0)) throw new Error('a lease of no time')
      if (!(lease.renewAt <= lease.rebindAt && lease.rebindAt <= lease.expiresAt)) throw new Error('T1 > T2 > lease')
      for (const { gateway } of lease.configuration.routes) if (gateway !== null) checkHost(gateway)
      for (const server of lease.configuration.dnsServers) checkHost(server)
    }
    if (!this.#stack.addresses.some(({ address }) => address.toString() === '10.0.0.2'))
      throw new Error('10.0.0.2 is gone')
  }

  #frame(): Uint8Array {
    const kind = KINDS[this.#random.below(KINDS.length)]
    this.result.messages[kind]++
    const bases = this.#bases[kind]
    const body = this.#mutate(bases[this.#random.below(bases.length)])
    switch (kind) {
      case 'arp':
        return frame(this.#random.below(2) === 0 ? OUR_MAC : MacAddress.BROADCAST, 0x0806, body)
      case 'dhcp':
        if (body.length >= 8 && this.#random.below(8) > 0) body.set(this.#transaction, 4)
        return this.#udp(body)
      case 'icmp':
        return this.#ip(1, this.#random.below(4) === 0 ? -1 : word('10.0.0.2'), body)
      default:
        return this.#ip(2, word(this.#random.below(2) === 0 ? '224.0.0.1' : '224.0.0.251'), body)
    }
  }

  /** None to eight bytes changed, and sometimes another length. */
  #mutate(base: Uint8Array): Uint8Array {
    const random = this.#random
    let length = base.length
    const cut = random.below(16)
    if (cut === 0) length = random.below(base.length + 1)
    else if (cut === 1) length += random.below(64)
    const body = new Uint8Array(length)
    body.set(base.subarray(0, length))
    for (let left = random.below(9); left > 0 && length > 0; left--) {
      const at = random.below(length)
      body[at] = random.below(3) === 0 ? EDGES[random.below(EDGES.length)] : random.below(256)
    }
    return body
  }

  #udp(body: Uint8Array): Uint8Array {
    const datagram = new Uint8Array(8 + body.length)
    // Port 67 to 68, without a checksum.
    datagram.set([0, 67, 0, 68, datagram.length >>> 8, datagram.length & 255])
    datagram.set(body, 8)
    const isBroadcast = this.#random.below(2) === 0
    return this.#packet(17, isBroadcast ? -1 : word('10.0.0.50'), datagram)
  }

  /** With the message's own checksum right, mostly. */
  #ip(protocol: number, destination: number, body: Uint8Array): Uint8Array {
    if (body.length >= 4 && this.#random.below(16) > 0) {
      body[2] = body[3] = 0
      const sum = internetChecksum(body)
      body[2] = sum >>> 8
      body[3] = sum
    }
    return this.#packet(protocol, destination, body)
  }

  #packet(protocol: number, destination: number, payload: Uint8Array): Uint8Array {
    const options = protocol === 2 ? [0x94, 4, 0, 0] : []
    const header = new Uint8Array(20 + options.length)
    const total = header.length + payload.length
    header.set([0x40 | (header.length / 4), 0, total >>> 8, total & 255, 0, 0, 0, 0, protocol === 2 ? 1 : 64, protocol])
    writeWord(header, 12, word(this.#random.below(16) === 0 ? '10.0.0.9' : '10.0.0.1'))
    writeWord(header, 16, destination)
    header.set(options, 20)
    const sum = internetChecksum(header)
    header[10] = sum >>> 8
    header[11] = sum
    const packet = new Uint8Array(total)
    packet.set(header)
    packet.set(payload, header.length)
    const isGroup = destination === -1 || destination >>> 28 === 14
    return frame(isGroup ? MacAddress.BROADCAST : OUR_MAC, 0x0800, packet)
  }

  #dhcpBases(): Uint8Array[] {
    const random = this.#random
    const pick = <Value>(values: readonly Value[]): Value => values[random.below(values.length)]
    const address = () =>
      IpAddress.parse(pick(['10.0.0.50', '10.0.0.51', '192.168.1.9', '10.0.0.2', '0.0.0.0', '10.0.0.255']))
    const time = () => pick([null, 0, 1, 5, 60, 3600, 0x7fffffff, 0xffffffff])
    return Array.from({ length: 400 }, () => {
      const type = pick([MessageType.Offer, MessageType.Offer, MessageType.Ack, MessageType.Ack, MessageType.Nak, 9])
      return buildMessage(
        newMessage(
          { operation: Operation.Reply, hardwareAddress: OUR_MAC, yourAddress: address() },
          {
            type,
            serverId: pick([IpAddress.parse('10.0.0.1'), IpAddress.parse('10.0.0.1'), address(), null]),
            leaseTime: time() ?? 60,
            renewAfter: time(),
            rebindAfter: time(),
            prefixLength: pick([null, 8, 24, 24, 31, 32]),
            routers: [address(), IpAddress.parse('10.0.0.1')],
            dnsServers: [address()],
            domainSearch: pick([[], ['a.example'], Array.from({ length: 30 }, (_, index) => `a${index}.example`)]),
            mtu: pick([null, 68, 576, 1400, 9000]),
            rapidCommit: random.below(2) === 0,
            ipv6OnlyWait: random.below(50) === 0 ? 300 : null,
            autoConfigure: pick([null, null, true, false]),
            message: pick([null, 'no']),
            others: [{ code: 200, bytes: new Uint8Array(random.below(300)) }],
          },
        ),
        pick([300, 548, 1400]),
      )
    })
  }

  #arpBases(): Uint8Array[] {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.50', '10.0.0.51', '0.0.0.0', '169.254.7.7', '10.0.0.77']
    const bases: Uint8Array[] = []
    for (const operation of [1, 2]) {
      for (const sender of addresses) {
        for (const target of addresses) {
          const body = new Uint8Array(28)
          body.set([0, 1, 8, 0, 6, 4, 0, operation])
          PEER_MAC.writeTo(body, 8)
          writeWord(body, 14, word(sender))
          if (operation === 2) OUR_MAC.writeTo(body, 18)
          writeWord(body, 24, word(target))
          bases.push(body)
        }
      }
    }
    return bases
  }
}

const EDGES = [0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xfe, 0xff]

/** Each type with a body, errors with a quoted datagram of ours. */
const ICMP_BASES = [0, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18].flatMap((type) =>
  [0, 1, 3, 4, 13].map((code) => {
    const body = new Uint8Array(8 + 28)
    body.set([type, code, 0, 0, 0, 0, 5, 0])
    body.set([0x45, 0, 0, 60, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, 0, 68, 0, 67, 0, 40, 0, 0], 8)
    return body
  }),
)

/** Queries of all versions, reports, leaves. */
const IGMP_BASES = [
  [0x11, 0, 0, 0, 0, 0, 0, 0],
  [0x11, 100, 0, 0, 0, 0, 0, 0],
  [0x11, 10, 0, 0, 224, 0, 0, 251],
  [0x11, 24, 0, 0, 0, 0, 0, 0, 2, 20, 0, 0],
  [0x11, 24, 0, 0, 224, 0, 0, 251, 2, 20, 0, 2, 10, 0, 0, 1, 10, 0, 0, 9],
  [0x12, 0, 0, 0, 224, 0, 0, 251],
  [0x16, 0, 0, 0, 224, 0, 0, 251],
  [0x17, 0, 0, 0, 224, 0, 0, 251],
  [0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 251],
].map((bytes) => Uint8Array.from(bytes))

function frame(destination: MacAddress, type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + payload.length)
  destination.writeTo(bytes, 0)
  PEER_MAC.writeTo(bytes, 6)
  bytes[12] = type >>> 8
  bytes[13] = type
  bytes.set(payload, 14)
  return bytes
}

function word(address: string): number {
  const [a, b, c, d] = address.split('.').map(Number)
  return (a << 24) | (b << 16) | (c << 8) | d
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function checkHost(address: IpAddress): void {
  const first = address.word3 >>> 24
  if (first === 0 || first === 127 || first >= 224) throw new Error(`${address} is no host's address`)
}
