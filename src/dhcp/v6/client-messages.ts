/** What the messages of a client with leases have in them, RFC 8415, sections 18.2.1 to 18.2.8. */

import { IpAddress, IpPrefix } from '../../address/index.ts'
import { integerInRange } from '../../errors/index.ts'
import type { Binding, Dhcpv6LeaseTimes } from './binding.ts'
import type { Dhcpv6ClientOptions } from './client-interface.ts'
import { MessageType, OptionCode } from './codes.ts'
import { encodeDomainName } from './domain-names.ts'
import { isDuid } from './duid.ts'
import type { IdentityAssociation, MessageOptions, OfferedLease } from './message.ts'

/** Of RFC 4704, section 4.1: the server is to update the forward zone. */
const FQDN_SERVER_UPDATES = 0x01

/** What stays the same in all messages of a client. */
export interface ClientIdentity {
  duid: Uint8Array
  fqdn: string | null
  rapidCommit: boolean
  /** Of the prefix wished for; 0 for any. */
  prefixLength: number
}

/** @throws RangeError or TypeError for an option that cannot be */
export function clientIdentity(options: Dhcpv6ClientOptions): ClientIdentity {
  const { duid, delegatedPrefixLength = null, rapidCommit = true, fqdn = null } = options
  if (!isDuid(duid)) throw new RangeError(`a DUID has 3 to 130 octets, not ${duid.length}`)
  integerInRange('iaid', options.iaid, 0, 0xffffffff)
  if (delegatedPrefixLength !== null) integerInRange('delegatedPrefixLength', delegatedPrefixLength, 0, 127)
  if (fqdn !== null) encodeDomainName(fqdn)
  return { duid, fqdn, rapidCommit, prefixLength: delegatedPrefixLength ?? 0 }
}

/** Messages that name the server that is to answer, RFC 8415, section 16; no other may. */
export function isToOneServer(type: MessageType): boolean {
  return (
    type === MessageType.Request ||
    type === MessageType.Renew ||
    type === MessageType.Decline ||
    type === MessageType.Release
  )
}

/** What a message is about. */
export interface MessageContent {
  /** Null where any server may answer. */
  serverId: Uint8Array | null
  associations: IdentityAssociation[]
  elapsed: number
}

/** Asked of the server with every lease; SOL_MAX_RT has to be among them, RFC 8415, section 21.7. */
const REQUESTED_OPTIONS: readonly number[] = [
  OptionCode.DnsServers,
  OptionCode.DomainSearch,
  OptionCode.NtpServer,
  OptionCode.SolicitMaximum,
]

export function clientOptions(
  type: MessageType,
  identity: ClientIdentity,
  content: MessageContent,
): Partial<MessageOptions> {
  const options: Partial<MessageOptions> = {
    clientId: identity.duid,
    serverId: content.serverId,
    identityAssociations: content.associations,
    elapsedTime: content.elapsed,
  }
  const asksForLeases =
    type === MessageType.Solicit ||
    type === MessageType.Request ||
    type === MessageType.Renew ||
    type === MessageType.Rebind
  if (!asksForLeases) return options
  options.optionRequest = [...REQUESTED_OPTIONS]
  if (type === MessageType.Solicit) options.rapidCommit = identity.rapidCommit
  if (identity.fqdn !== null) {
    options.clientFqdn = { flags: FQDN_SERVER_UPDATES, name: identity.fqdn }
    options.optionRequest.push(OptionCode.ClientFqdn)
  }
  return options
}

/**
 * Bindings as a Solicit, Renew or Rebind shows them; those without leases ask for some, RFC 8415, section 18.2.4.
 * Times are 0: what a client wishes means nothing to servers.
 */
export function associationsOf(bindings: readonly Binding[], prefixLength: number): IdentityAssociation[] {
  return bindings.map((binding) => {
    const leases = binding.leases.map(hint)
    const wishesLength = binding.kind === 'IA_PD' && leases.length === 0 && prefixLength > 0
    if (wishesLength) leases.push(offered(new IpPrefix(IpAddress.ANY_V6, prefixLength)))
    return association(binding, leases)
  })
}

/** For a Request: what was advertised; what was not is asked for as in the Solicit. */
export function associationsFrom(
  bindings: readonly Binding[],
  advertised: readonly IdentityAssociation[],
  prefixLength: number,
): IdentityAssociation[] {
  return associationsOf(bindings, prefixLength).map((wanted, index) => {
    const found = bindings[index].in(advertised)
    return found === undefined ? wanted : { ...wanted, leases: found.leases.map(({ prefix }) => offered(prefix)) }
  })
}

/** For a Decline or Release: these leases and nothing else. */
export function associationsWith(
  bindings: readonly Binding[],
  leases: readonly Dhcpv6LeaseTimes[],
): IdentityAssociation[] {
  return bindings
    .map((binding) => association(binding, leases.filter((lease) => isOf(lease, binding)).map(hint)))
    .filter((association) => association.leases.length > 0)
}

/** Addresses are held as /128, and no delegated prefix is that long. */
export function isOf(lease: Dhcpv6LeaseTimes, binding: Binding): boolean {
  return (lease.prefix.length === 128) === (binding.kind === 'IA_NA')
}

function association(binding: Binding, leases: OfferedLease[]): IdentityAssociation {
  return { kind: binding.kind, id: binding.id, renewAfter: 0, rebindAfter: 0, leases, status: null }
}

function hint({ prefix }: Dhcpv6LeaseTimes): OfferedLease {
  return offered(prefix)
}

function offered(prefix: IpPrefix): OfferedLease {
  return { prefix, preferred: 0, valid: 0, status: null }
}
