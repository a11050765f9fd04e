export { AddressLookup, type AddressOutcome, type LookupAddress } from './address-lookup.ts'
export type { DnsAnswer } from './answer.ts'
export { type DnsError, dnsError, isDnsError } from './api/dns-error.ts'
export { createDnsModule, type DnsHost, type DnsModule } from './api/dns-module.ts'
export { type DestinationOrder, lookupError, ordered } from './api/lookup.ts'
export { DnsClient, type DnsClientOptions, type DnsOutcome } from './client.ts'
export { type DnsErrorCode, RECORD_TYPES, type RecordType } from './codes.ts'
export { type DnsCounters, newDnsCounters } from './counters.ts'
export * from './happy-eyeballs/index.ts'
export { Hosts } from './hosts.ts'
export { questionName } from './name.ts'
export type { QuerySettings } from './query.ts'
export type {
  CaaData,
  DnsRecord,
  MxData,
  NaptrData,
  RecordData,
  SoaData,
  SrvData,
  TlsaData,
} from './record.ts'
export { parseResolvConf, type ResolvConf } from './resolv-conf.ts'
export { type DnsServer, formatServer, parseServer, parseServers } from './server.ts'
export type { LearntServers } from './server-list.ts'
export type { DatagramHandler, DnsDatagrams, DnsStream, DnsTransport, StreamHandler } from './transport.ts'
export type { Question } from './wire.ts'
