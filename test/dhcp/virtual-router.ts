/** A router on a virtual network, made of frames alone, whose advertisements and DHCPv6 server are in the test's hand. */
import { buildMessage } from '../../src/dhcp/v6/build-message.ts'
import type { Message } from '../../src/dhcp/v6/message.ts'
import { parseMessage } from '../../src/dhcp/v6/parse-message.ts'
import type { FrameReceiver, Netif, VirtualNetwork } from '../../src/netif/index.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'
import type { LinkServer } from '../support/dhcpv6-server.ts'
import { dissect } from '../support/dissect.ts'
import { between, ethernet, icmpv6, ipv6 } from '../support/frames.ts'
import { neighborAdvertisement, routerAdvertisement } from '../support/neighbor-discovery-host.ts'

const ADDRESS = 'fe80::99'
const ALL_NODES = { mac: '33:33:00:00:00:01', address: 'ff02::1' }

export class VirtualRouter implements FrameReceiver {
  /** DHCPv6 messages that came. */
  readonly heard: Message[] = []
  servers: LinkServer[] = []
  /** Addresses of a host beside it, which defends them. */
  taken: string[] = []
  readonly #port: Netif

  constructor(network: VirtualNetwork) {
    this.#port = network.port()
    this.#port.attach(this)
  }

  advertise(flags: number, ...options: number[][]): void {
    this.#control(routerAdvertisement({ flags }, ...options))
  }

  frame(packet: PacketBuffer): void {
    const { ethernet: link, ip, udp, icmp } = dissect(packet)
    if (link === null || ip === null) return
    if (udp?.destinationPort === 547) this.#answer(link.sourceMac, ip.source, udp.payload)
    // A neighbour solicitation from the unspecified address: somebody checks an address (RFC 4862, 5.4.3).
    if (icmp?.icmpType !== 135 || ip.source !== '::') return
    const target = this.taken.find(
      (address) => neighborAdvertisement(address, 0).slice(8, 24).join() === targetOf(icmp.payload),
    )
    if (target !== undefined) this.#control(neighborAdvertisement(target, 0x20))
  }

  endOfBurst(): void {}
  closed(): void {}

  #answer(mac: string, address: string, bytes: Uint8Array): void {
    const message = parseMessage(bytes)
    if (message === null) throw new Error('the client sent what cannot be parsed')
    this.heard.push(message)
    for (const server of this.servers) {
      const answer = server.answer(message)
      if (answer === null) continue
      const payload = buildMessage(answer.type, message.transactionId, answer.options)
      const send = between({ mac: `${this.#port.mac}`, address: ADDRESS }, { mac, address })
      this.#send(send.udp({ sourcePort: 547, destinationPort: 546 }, payload))
    }
  }

  /** An ICMPv6 message to all nodes, from its first byte on. */
  #control(message: number[]): void {
    const [type, code, , , ...rest] = message
    const words = Uint8Array.from(rest)
    const first = new DataView(words.buffer).getUint32(0)
    const packet = ipv6(
      { source: ADDRESS, destination: ALL_NODES.address, hopLimit: 255 },
      icmpv6({ type, code, rest: first }, words.subarray(4)),
    )
    this.#send(ethernet({ source: `${this.#port.mac}`, destination: ALL_NODES.mac }, packet))
  }

  #send(frame: Uint8Array): void {
    const packet = this.#port.memory.allocate(frame.length)
    if (packet === null) throw new Error('no packet memory')
    packet.end = packet.start + frame.length
    packet.memory.bytes.set(frame, packet.start)
    this.#port.transmit(packet)
    this.#port.flush()
  }
}

function targetOf(payload: Uint8Array): string {
  return payload.subarray(0, 16).join()
}
