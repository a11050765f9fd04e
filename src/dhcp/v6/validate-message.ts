import { MessageType } from './codes.ts'
import type { Dhcpv6Counters } from './counters.ts'
import { sameDuid } from './duid.ts'
import type { Message } from './message.ts'
import { parseMessage } from './parse-message.ts'

/** An Advertise or a Reply that passed: the server has a name. */
export interface ServerMessage extends Message {
  type: typeof MessageType.Advertise | typeof MessageType.Reply
  serverId: Uint8Array
}

/**
 * What a client takes for a server's answer, RFC 8415, section 16. Everything else is counted by its reason.
 * @param transactionId of the exchange that runs, -1 when none does
 * @returns null for what has to be dropped
 */
export function receiveServerMessage(
  bytes: Uint8Array,
  clientId: Uint8Array,
  transactionId: number,
  counters: Dhcpv6Counters,
): ServerMessage | null {
  counters.received++
  // By its first octet alone, because those between relay agents look different behind it.
  const kind = bytes[0]
  const isOthers =
    kind >= MessageType.Solicit &&
    kind <= MessageType.RelayReply &&
    kind !== MessageType.Advertise &&
    kind !== MessageType.Reply
  if (isOthers) {
    // 16.11: a Reconfigure that is not authenticated is discarded; we never say that we would take one (21.20).
    if (kind === MessageType.Reconfigure) counters.reconfigures++
    else counters.notForClients++
    return null
  }
  const message = parseMessage(bytes)
  if (message === null) {
    counters.malformed++
    return null
  }
  const { type, options } = message
  if (type !== MessageType.Advertise && type !== MessageType.Reply) {
    counters.malformed++
    return null
  }
  // 16.3 and 16.10. All that we send carries a client identifier.
  if (message.transactionId !== transactionId) {
    counters.wrongTransaction++
    return null
  }
  if (options.serverId === null) {
    counters.noServer++
    return null
  }
  if (options.clientId === null || !sameDuid(options.clientId, clientId)) {
    counters.wrongClient++
    return null
  }
  counters.optionsIgnored += message.ignoredOptions
  return { ...message, type, serverId: options.serverId }
}
