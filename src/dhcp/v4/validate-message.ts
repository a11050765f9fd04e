import type { IpAddress, MacAddress } from '../../address/index.ts'
import { isHostAddress } from '../../ipv4/index.ts'
import { MessageType, Operation } from './codes.ts'
import type { Dhcpv4Counters } from './counters.ts'
import type { Message } from './message.ts'
import { parseMessage } from './parse-message.ts'

/** An answer that passed: it is for us, and the server has a name. */
export interface ServerMessage extends Message {
  type: typeof MessageType.Offer | typeof MessageType.Ack | typeof MessageType.Nak
  serverId: IpAddress
}

/** By what an answer shows that it is for us. */
export interface ClientIdentity {
  readonly mac: MacAddress
  /** Null where none is sent. */
  readonly clientId: Uint8Array | null
}

/**
 * What a client takes for a server's answer, RFC 2131, sections 4.3.1 and 4.4. Everything else is counted by its reason.
 * @param transactionId of the exchange that runs, -1 when none does
 * @returns null for what has to be dropped
 */
export function receiveServerMessage(
  bytes: Uint8Array,
  identity: ClientIdentity,
  transactionId: number,
  counters: Dhcpv4Counters,
): ServerMessage | null {
  counters.received++
  const message = parseMessage(bytes)
  if (message === null || message.operation !== Operation.Reply) {
    counters.malformed++
    return null
  }
  const { options } = message
  const { type, serverId } = options
  // A DHCPFORCERENEW would have to be authenticated (RFC 3203, section 6), so that it counts among the unknown.
  if (type !== MessageType.Offer && type !== MessageType.Ack && type !== MessageType.Nak) {
    counters.malformed++
    return null
  }
  if (message.transactionId !== transactionId) {
    counters.wrongTransaction++
    return null
  }
  // RFC 6842, section 3: a server that sends an identifier sends ours.
  if (!message.hardwareAddress.equals(identity.mac) || isOthers(options.clientId, identity.clientId)) {
    counters.wrongClient++
    return null
  }
  // RFC 2131, table 3: in each of them it MUST be there.
  if (serverId === null || !isHostAddress(serverId.word3)) {
    counters.noServer++
    return null
  }
  counters.optionsIgnored += message.ignoredOptions
  return { ...message, type, serverId }
}

function isOthers(found: Uint8Array | null, ours: Uint8Array | null): boolean {
  if (found === null || ours === null) return false
  return found.length !== ours.length || found.some((byte, index) => byte !== ours[index])
}
