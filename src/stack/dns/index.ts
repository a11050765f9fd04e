export { checkDnsOptions, type DnsOptions } from './dns-options.ts'
export { connectOptions, isHostName, NameConnector } from './name-connector.ts'
export { StackDns } from './stack-dns.ts'
