export { checkDnsOptions, type DnsOptions } from './dns-options.ts'
export { StackDns } from './stack-dns.ts'
