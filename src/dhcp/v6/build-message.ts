/** DHCPv6 messages to bytes, RFC 8415, sections 8, 9 and 21. */

import type { IpAddress } from '../../address/index.ts'
import { type MessageType, NtpSuboption, OptionCode } from './codes.ts'
import { encodeDomainName } from './domain-names.ts'
import type { IdentityAssociation, MessageOptions, OfferedLease, RelayMessage, Status } from './message.ts'

const INITIAL_SIZE = 512
const LARGEST_OPTION = 0xffff

/**
 * @param transactionId its low 24 bits count
 * @throws RangeError if an option is longer than 65,535 octets; TypeError for what is no domain name
 */
export function buildMessage(type: MessageType, transactionId: number, options: Partial<MessageOptions>): Uint8Array {
  const writer = new Writer()
  writer.uint8(type)
  writer.uint8(transactionId >>> 16)
  writer.uint16(transactionId)
  writeOptions(writer, options)
  return writer.done()
}

/** As `buildMessage`, between relay agents and servers. */
export function buildRelayMessage(message: Omit<RelayMessage, 'ignoredOptions'>): Uint8Array {
  const writer = new Writer()
  writer.uint8(message.type)
  writer.uint8(message.hopCount)
  writer.address(message.linkAddress)
  writer.address(message.peerAddress)
  writeOptions(writer, message.options)
  return writer.done()
}

function writeOptions(writer: Writer, options: Partial<MessageOptions>): void {
  const number = (code: number, value: number | null | undefined, octets: 1 | 2 | 4) => {
    if (value == null) return
    writer.option(code, () => {
      if (octets === 1) writer.uint8(value)
      else if (octets === 2) writer.uint16(value)
      else writer.uint32(value)
    })
  }
  const octets = (code: number, bytes: Uint8Array | null | undefined) => {
    if (bytes != null) writer.option(code, () => writer.octets(bytes))
  }
  const flag = (code: number, set: boolean | undefined) => {
    if (set === true) writer.option(code, () => {})
  }

  octets(OptionCode.ClientId, options.clientId)
  octets(OptionCode.ServerId, options.serverId)
  for (const association of options.identityAssociations ?? []) writeIdentityAssociation(writer, association)
  const { optionRequest = [], dnsServers = [], domainSearch = [], ntpServers, clientFqdn, serverUnicast } = options
  if (optionRequest.length > 0) {
    writer.option(OptionCode.OptionRequest, () => {
      for (const code of optionRequest) writer.uint16(code)
    })
  }
  number(OptionCode.Preference, options.preference, 1)
  number(OptionCode.ElapsedTime, options.elapsedTime, 2)
  if (options.status != null) writeStatus(writer, options.status)
  flag(OptionCode.RapidCommit, options.rapidCommit)
  number(OptionCode.ReconfigureMessage, options.reconfigureMessage, 1)
  flag(OptionCode.ReconfigureAccept, options.reconfigureAccept)
  if (serverUnicast != null) writer.option(OptionCode.ServerUnicast, () => writer.address(serverUnicast))
  if (dnsServers.length > 0) {
    writer.option(OptionCode.DnsServers, () => {
      for (const server of dnsServers) writer.address(server)
    })
  }
  if (domainSearch.length > 0) {
    writer.option(OptionCode.DomainSearch, () => {
      for (const name of domainSearch) writer.octets(encodeDomainName(name))
    })
  }
  if (ntpServers != null) {
    writer.option(OptionCode.NtpServer, () => {
      for (const address of ntpServers.addresses) writer.option(NtpSuboption.Address, () => writer.address(address))
      for (const address of ntpServers.multicastAddresses) {
        writer.option(NtpSuboption.MulticastAddress, () => writer.address(address))
      }
      for (const name of ntpServers.names) {
        writer.option(NtpSuboption.Name, () => writer.octets(encodeDomainName(name)))
      }
    })
  }
  number(OptionCode.InformationRefreshTime, options.informationRefreshTime, 4)
  if (clientFqdn != null) {
    writer.option(OptionCode.ClientFqdn, () => {
      writer.uint8(clientFqdn.flags)
      if (clientFqdn.name !== '') writer.octets(encodeDomainName(clientFqdn.name))
    })
  }
  number(OptionCode.SolicitMaximum, options.solicitMaximum, 4)
  number(OptionCode.InformationMaximum, options.informationMaximum, 4)
  octets(OptionCode.InterfaceId, options.interfaceId)
  for (const { code, bytes } of options.others ?? []) octets(code, bytes)
  octets(OptionCode.RelayMessage, options.relayMessage)
}

function writeIdentityAssociation(writer: Writer, association: IdentityAssociation): void {
  const { kind } = association
  const code =
    kind === 'IA_PD'
      ? OptionCode.PrefixDelegation
      : kind === 'IA_TA'
        ? OptionCode.TemporaryAddresses
        : OptionCode.NonTemporaryAddresses
  writer.option(code, () => {
    writer.uint32(association.id)
    if (kind !== 'IA_TA') {
      writer.uint32(association.renewAfter)
      writer.uint32(association.rebindAfter)
    }
    for (const lease of association.leases) writeLease(writer, kind === 'IA_PD', lease)
    if (association.status !== null) writeStatus(writer, association.status)
  })
}

function writeLease(writer: Writer, delegated: boolean, { prefix, preferred, valid, status }: OfferedLease): void {
  writer.option(delegated ? OptionCode.Prefix : OptionCode.Address, () => {
    if (!delegated) writer.address(prefix.address)
    writer.uint32(preferred)
    writer.uint32(valid)
    if (delegated) {
      writer.uint8(prefix.length)
      writer.address(prefix.address)
    }
    if (status !== null) writeStatus(writer, status)
  })
}

function writeStatus(writer: Writer, status: Status): void {
  writer.option(OptionCode.Status, () => {
    writer.uint16(status.code)
    writer.octets(new TextEncoder().encode(status.message))
  })
}

/** Grows as it is written. */
class Writer {
  #bytes = new Uint8Array(INITIAL_SIZE)
  #length = 0

  /** An option whose length is that of what `write` writes. */
  option(code: number, write: () => void): void {
    this.uint16(code)
    this.uint16(0)
    const start = this.#length
    write()
    const length = this.#length - start
    if (length > LARGEST_OPTION)
      throw new RangeError(`option ${code} of a DHCPv6 message is too long: ${length} octets`)
    this.#bytes[start - 2] = length >>> 8
    this.#bytes[start - 1] = length
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  uint16(value: number): void {
    this.uint8(value >>> 8)
    this.uint8(value)
  }

  uint32(value: number): void {
    this.uint16(value >>> 16)
    this.uint16(value)
  }

  address(address: IpAddress): void {
    this.uint32(address.word0)
    this.uint32(address.word1)
    this.uint32(address.word2)
    this.uint32(address.word3)
  }

  octets(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}
