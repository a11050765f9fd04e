/** What servers would give, without taking it: a DHCPDISCOVER and the offers that answer it. */

import type { MacAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND, Timer } from '../../clock/index.ts'
import { clientMessage } from './client-messages.ts'
import { MessageType } from './codes.ts'
import { newDhcpv4Counters } from './counters.ts'
import { isUsable } from './lease.ts'
import type { MessageOptions } from './message.ts'
import type { Dhcpv4Transport } from './transport.ts'
import { receiveServerMessage, type ServerMessage } from './validate-message.ts'

/** Between two messages, as long as nobody has answered. */
const INTERVAL: Microseconds = 2 * SECOND
/** How long other servers may answer after the first one. */
const OTHERS_WAIT: Microseconds = 1 * SECOND
/** More servers than that are an attack. */
const MOST_OFFERS = 64

/** One server's answer. */
export interface Dhcpv4Offer {
  readonly server: string
  readonly address: string
  readonly options: Readonly<MessageOptions>
  /** Whether a client may take it: an address that a host can have, for a time. */
  readonly isUsable: boolean
}

export interface Dhcpv4InquiryOptions {
  transport: Dhcpv4Transport
  clock: Clock
  random: Random
  mac: MacAddress
  clientId?: Uint8Array | null
  hostName?: string | null
  /** How long to wait for the first answer. */
  timeout: Microseconds
}

/** @returns what each server offers, in the order of answers; nothing if none answers in time */
export function inquire(options: Dhcpv4InquiryOptions): Promise<Dhcpv4Offer[]> {
  const { transport, clock, random, mac, clientId = null, hostName = null, timeout } = options
  const transactionId = random.int32() >>> 0
  const counters = newDhcpv4Counters()
  const offers = new Map<string, Dhcpv4Offer>()
  const begun = clock.now()
  const profile = {
    mac,
    clientId,
    hostName,
    rapidCommit: false,
    broadcast: false,
    // To see what there is, without doing without.
    ipv6Only: true,
    autoConfigure: false,
    maximumSize: transport.maximumMessage + 28,
  }
  return new Promise((resolve) => {
    let end = begun + timeout
    const next = () => {
      const now = clock.now()
      if (now >= end) {
        transport.close()
        resolve([...offers.values()])
        return
      }
      if (offers.size === 0) {
        const seconds = Math.floor((now - begun) / SECOND)
        transport.broadcast(clientMessage(MessageType.Discover, profile, { transactionId, seconds }))
      }
      clock.arm(timer, Math.min(end, now + INTERVAL))
    }
    const timer = new Timer({ onTimer: next })
    transport.open({
      receiveDatagram(bytes) {
        const message = receiveServerMessage(bytes, profile, transactionId, counters)
        if (message === null || message.type !== MessageType.Offer || offers.size >= MOST_OFFERS) return
        if (offers.size === 0) {
          end = Math.min(end, clock.now() + OTHERS_WAIT)
          clock.arm(timer, end)
        }
        const offer = offerFrom(message)
        if (!offers.has(offer.server)) offers.set(offer.server, offer)
      },
    })
    next()
  })
}

function offerFrom(message: ServerMessage): Dhcpv4Offer {
  const { serverId, yourAddress, options } = message
  return { server: serverId.toString(), address: yourAddress.toString(), options, isUsable: isUsable(message) }
}
